"""Exports a trained pipeline to the files that are served, and checks that both agree.

Converters are known to be silently wrong, so nothing counts before the exported graph has given the
pipeline's own answers on real rows, missing and unseen values among them.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from contender.adapters.serving.onnx_model import LEADING_FEATURE, open_session, score
from contender.data.encoding import FeatureEncoding
from contender.errors import ParityError, TrainingFailedError
from training_image.estimators.catalogue import own_threads
from training_image.export.canonical_skops import canonical_skops
from training_image.onnx_parts.calibration import Calibrated, trained_part
from training_image.onnx_parts.calibration_graph import append_calibration
from training_image.onnx_parts.float32 import round_down, upper_edge
from training_image.onnx_parts.lightgbm import move_thresholds

INPUT = "features"
PROBABILITIES = "probabilities"
VALUE = "value"

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Old enough for every runtime in use, and fixed: a newer converter does not change what is served."""

TOLERANCE = 1e-5
"""Largest difference that counts as agreement: in probability, or as a share of the typical prediction."""

CURE = "it cannot be served; choose another training.estimator, or undo the last change of training.parameters"

LISTED_ROWS = 5
LISTED_REASON = 300

Matrix = NDArray[np.float32]
Predictions = NDArray[np.float64]


def pipeline_predictions(pipeline: Pipeline | Calibrated, matrix: Matrix) -> Predictions:
    """The pipeline's own predictions (n, k): a probability for each class, or one value."""
    with own_threads():
        if hasattr(pipeline, "predict_proba"):
            return np.asarray(pipeline.predict_proba(matrix), dtype=np.float64)
        return np.asarray(pipeline.predict(matrix), dtype=np.float64).reshape(-1, 1)


def for_all_classes(pipeline: Pipeline | Calibrated, predictions: Predictions, classes: int) -> Predictions:
    """The predictions with a column for each class, also for one that came up only after the rows that the model was
    trained on; `classes` is 0 or 1 for a regression."""
    if classes <= 1 or predictions.shape[1] == classes:
        return predictions
    spread = np.zeros((len(predictions), classes))
    spread[:, np.asarray(pipeline.classes_, dtype=np.int64)] = predictions
    return spread


def to_onnx(pipeline: Pipeline | Calibrated, features: int) -> bytes:
    """The pipeline as an ONNX graph: input `features` float32 (n, features), output `probabilities` or
    `value` (n, k).

    The same pipeline gives the same bytes.

    Raises
    ------
    TrainingFailedError
        When a step has no conversion; the message carries the converter's reason.
    """
    trained = trained_part(pipeline)
    round_thresholds(trained)
    is_classifier = hasattr(trained, "predict_proba")
    try:
        model = _converted(trained, features, is_classifier)
    except TrainingFailedError:
        raise
    except Exception as error:  # the converter refuses with whatever its steps happened to raise
        reason = " ".join(str(error).split())[:LISTED_REASON]
        raise TrainingFailedError(
            f"{type(trained[-1]).__name__} with these parameters cannot be converted to ONNX: {reason}; undo the "
            "last change of training.parameters, or choose another estimator"
        ) from error
    outputs = [output.name for output in model.graph.output]
    _keep_output(model, outputs[-1], PROBABILITIES if is_classifier else VALUE)
    if isinstance(pipeline, Calibrated):
        append_calibration(model, PROBABILITIES, pipeline.parameters, pipeline.smoothing)
    _name_leading_feature(model)
    _sort_opsets(model)
    return bytes(model.SerializeToString(deterministic=True))


class Unsearched(Pipeline):  # type: ignore[misc]
    """A pipeline that names no attributes: for its options the converter looks for models among those of every tree,
    which takes longer than all else that it does for a hundred of them."""

    def __dir__(self) -> list[str]:
        return []


def _converted(pipeline: Pipeline, features: int, is_classifier: bool) -> onnx.ModelProto:
    pipeline = Unsearched(pipeline.steps)
    with warnings.catch_warnings():
        # The converter writes booleans where protobuf wants integers; protobuf 7 refuses, 6 warns for each of
        # them.
        warnings.filterwarnings("ignore", message="Field onnx", category=DeprecationWarning)
        converted: onnx.ModelProto = convert_sklearn(
            pipeline,
            name="contender",
            initial_types=[(INPUT, FloatTensorType([None, features]))],
            target_opset=OPSETS,
            options={id(pipeline): {"zipmap": False}} if is_classifier else None,
        )
        return converted


def round_thresholds(pipeline: Pipeline) -> None:
    """Move every tree's float64 thresholds, in place, to where the converter rounds them down; no prediction changes.

    Inputs are float32, so ``x <= threshold`` asks the same after rounding down. The converter rounds to the
    nearest, which moves a threshold between two neighbouring float32 values onto the upper one, and its
    rows to the other side. Histogram boosting and LightGBM also take float64: there the threshold is the largest number
    that rounds to that float32, so that the trained pipeline answers float64 rows as serving does.
    """
    model = pipeline[-1]
    if type(model).__module__.startswith("lightgbm."):
        move_thresholds(model)
    for predictors in getattr(model, "_predictors", ()):
        for predictor in predictors:
            nodes = predictor.nodes
            nodes["num_threshold"] = upper_edge(nodes["num_threshold"])
    for tree in _members(model):
        if hasattr(tree, "tree_"):
            tree.tree_.threshold[:] = round_down(tree.tree_.threshold)


def _members(model: Any) -> Iterator[Any]:
    """The models of an ensemble; gradient boosting keeps them in an array of rounds and classes."""
    for member in getattr(model, "estimators_", ()):
        yield from member if isinstance(member, np.ndarray) else (member,)


def _keep_output(model: onnx.ModelProto, name: str, new_name: str) -> None:
    """Keep one output of the graph, under a new name, and only the nodes that it needs."""
    output = next(output for output in model.graph.output if output.name == name)
    needed, kept = {name}, []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    for node in model.graph.node:
        node.output[:] = [new_name if each == name else each for each in node.output]
        node.input[:] = [new_name if each == name else each for each in node.input]
    renamed = helper.make_tensor_value_info(
        new_name, onnx.TensorProto.FLOAT, [None, output.type.tensor_type.shape.dim[-1].dim_value or None]
    )
    del model.graph.output[:]
    model.graph.output.append(renamed)


def _name_leading_feature(model: onnx.ModelProto) -> None:
    """Tell serving the feature that most trees ask for first: many rows are scored faster in its order."""
    roots: Counter[int] = Counter()
    for node in model.graph.node:
        if node.op_type.startswith("TreeEnsemble") and node.input[0] == INPUT:
            told = {each.name: each for each in node.attribute}
            places = zip(told["nodes_nodeids"].ints, told["nodes_featureids"].ints, strict=True)
            roots.update(feature for place, feature in places if place == 0)
    if roots:
        leading = min(roots, key=lambda feature: (-roots[feature], feature))
        helper.set_model_props(model, {LEADING_FEATURE: str(leading)})


def _sort_opsets(model: onnx.ModelProto) -> None:
    """The converter lists them in the order of a set of strings, which is another one in each Python process."""
    listed = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(listed)


def to_skops(pipeline: Pipeline | Calibrated) -> bytes:
    """The pipeline as a file to open again in Python; unlike a pickle it runs no code when read."""
    bins = getattr(trained_part(pipeline)[-1], "_bin_mapper", None)
    if bins is not None:
        bins.n_threads = 1  # it keeps how many this machine had, though it is done with them
    import skops.io  # noqa: PLC0415  loads all of scikit-learn, and a replay keeps no file

    return canonical_skops(skops.io.dumps(pipeline))


def score_onnx(graph: bytes, matrix: Matrix) -> Predictions:
    """The graph's predictions (n, k), just as serving makes them."""
    return score(opened(graph), matrix)


@lru_cache(maxsize=2)
def opened(graph: bytes) -> Any:
    """The session of a graph: a training asks the judged model, and then the one that serves, three times and more."""
    return open_session(graph)


def with_missing_values(matrix: Matrix) -> Matrix:
    """The rows, followed by copies in which one feature after the other is missing, and one with all missing.

    A batch of the future may lack what the training rows always had.
    """
    if not len(matrix):
        return matrix
    features = matrix.shape[1]
    copies = matrix[np.arange(features + 1) % len(matrix)].copy()
    copies[np.arange(features), np.arange(features)] = np.nan
    copies[features] = np.nan
    return np.concatenate([matrix, copies])


def check_parity(
    pipeline: Pipeline | Calibrated, graph: bytes, matrix: Matrix, encodings: Sequence[FeatureEncoding] = ()
) -> float:
    """Compare the graph with the pipeline on real rows; the largest difference found.

    Parameters
    ----------
    pipeline : the trained pipeline.
    graph : its export, as `to_onnx` returns it.
    matrix : rows (n, features); rows with missing values are added to them.
    encodings : how the rows were encoded, so that an error names the user's numbers.

    Raises
    ------
    ParityError
        When a prediction differs by more than `TOLERANCE`; the message names the rows and both predictions. Or when
        the graph cannot be run on these rows at all.
    TrainingFailedError
        When the trained pipeline itself has no finite prediction for a row.
    """
    rows = with_missing_values(matrix)
    expected = pipeline_predictions(pipeline, rows)
    check_finite(pipeline, rows, expected, encodings)
    try:
        found = score_onnx(graph, rows)
    except Exception as error:  # ONNX Runtime has a class of its own for each status
        raise ParityError(f"the ONNX model fails where the trained pipeline predicts: {error}; {CURE}") from error
    if found.shape != expected.shape:
        raise ParityError(
            f"the ONNX model returns shape {found.shape}, but the trained pipeline {expected.shape}; {CURE}"
        )
    is_classifier = hasattr(pipeline, "predict_proba")
    scale = 1.0 if is_classifier else float(np.sqrt(np.mean(expected**2)))
    limit = TOLERANCE * (scale or 1.0)
    differences = np.abs(found - expected).max(axis=1, initial=0.0)
    wrong = np.flatnonzero(~(differences <= limit))  # a not-a-number is wrong as well
    if len(wrong):
        raise ParityError(_mismatch(rows, expected, found, wrong, limit, encodings))
    return float(differences.max(initial=0.0))


def check_finite(
    pipeline: Pipeline | Calibrated,
    rows: Matrix,
    predictions: Predictions,
    encodings: Sequence[FeatureEncoding] = (),
) -> None:
    """Refuse predictions that are no numbers.

    Raises
    ------
    TrainingFailedError
        The message names the first row of them.
    """
    unusable = np.flatnonzero(~np.isfinite(predictions).all(axis=1))
    if len(unusable):
        first = unusable[0]
        raise TrainingFailedError(
            f"{type(trained_part(pipeline)[-1]).__name__} predicts {_listed(predictions[first])} for "
            f"{_row(rows[first], encodings)}, and no finite number for {len(unusable)} of {len(rows)} rows: it cannot "
            "be served; change training.parameters, or look for features with unusually large values"
        )


def _mismatch(
    rows: Matrix,
    expected: Predictions,
    found: Predictions,
    wrong: NDArray[np.int64],
    limit: float,
    encodings: Sequence[FeatureEncoding],
) -> str:
    worst = np.abs(found - expected)[wrong].max()
    shown = "; ".join(
        f"row {row} {_row(rows[row], encodings)}: trained {_listed(expected[row])}, ONNX {_listed(found[row])}"
        for row in wrong[:LISTED_ROWS]
    )
    return (
        f"the ONNX model differs from the trained pipeline in {len(wrong)} of {len(rows)} rows, "
        f"by up to {worst:.6g} (the limit is {limit:.3g}): {shown}; {CURE}"
    )


def _row(values: NDArray[np.float32], encodings: Sequence[FeatureEncoding]) -> str:
    """An encoded row in the user's numbers, with all digits of those that were centred."""
    shown = [f"{value:.6g}" for value in values]
    for position, encoding in enumerate(encodings):
        if encoding.is_centred:
            shown[position] = f"{encoding.decode(values[[position]])[0]:.15g}"
    return "[" + ", ".join(shown) + "]"


def _listed(values: NDArray[Any]) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"
