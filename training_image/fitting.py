"""From rows to a trained model and everything that is known about it; no AWS, no clock, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from contender.comparison import naive_predictions
from contender.config import PipelineConfig
from contender.datasets import BLOCK, ORDER
from contender.encoding import FeatureEncoding, encode, fit_encoding
from contender.errors import TrainingFailedError
from contender.evaluation import Candidate
from contender.metrics import METRICS, metric_names, task_of
from contender.monitoring import Reference, reference_of
from contender.profile import Profile
from contender.table import Table
from training_image.checkpoint import NO_CHECKPOINT, Checkpoint
from training_image.estimators import fit_estimator
from training_image.export import check_parity, score_onnx, to_onnx, to_skops
from training_image.golden import golden_file, typical_row
from training_image.progress import Report, progress_of, silent
from training_image.search import search, with_parameters
from training_image.splits import folds, split
from training_image.weights import sample_weights

PARITY_ROWS = 10_000
"""Rows on which the exported model is compared with the trained one, spread over training and holdout."""


@dataclass(frozen=True)
class Holdout:
    """The newest rows, kept from training, from the oldest to the newest of them in time."""

    from_order: float
    through_order: float
    rows: int
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class TrainedModel:
    """A model and the evidence about it.

    Attributes
    ----------
    classes : the target's values in the order of the predictions' columns; None for a regression.
    positive : the class whose probability is answered; None unless there are two classes.
    encodings : how each feature becomes a number, in the order in which the model takes them.
    pipeline, onnx : what scikit-learn trained and the graph that is served; they agree on real rows.
    reference : what new data is checked against: the rows' profile, and the model's answers on the holdout.
    trained_through : the largest order (time) among the training rows.
    metrics, metrics_training : by name, on the holdout and on the training rows; None where a metric is undefined.
    baseline : the constant prediction that ignores the features.
    typical : the row that contributions of features are measured against; golden : what a rehearsal asks.
    parameters : all of the estimator's, defaults too.
    split : how many rows were for what; the manifest's section of that name, like those that follow.
    search, stopping, calibration : what was decided before, None where nothing was.
    overfit : of each metric the value on training, validation and holdout rows with its 95 % interval.
    evidence, explanation : the content of evidence.json and explanation.json.
    """

    classes: tuple[str, ...] | None
    positive: str | None
    encodings: tuple[FeatureEncoding, ...]
    pipeline: Pipeline
    onnx: bytes
    reference: Reference
    trained_rows: int
    trained_through: float
    holdout: Holdout
    metrics: dict[str, float | None]
    metrics_training: dict[str, float | None]
    baseline: tuple[float, ...]
    typical: dict[str, Any]
    golden: bytes
    parameters: dict[str, Any]
    split: dict[str, int]
    search: dict[str, Any] | None = None
    stopping: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    overfit: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None
    explanation: dict[str, Any] | None = None

    @property
    def profile(self) -> Profile:
        """What its rows looked like."""
        return self.reference.profile

    def skops(self) -> bytes:
        """The trained pipeline as a file that runs no code when it is opened."""
        return to_skops(self.pipeline)


def train(
    config: PipelineConfig,
    table: Table,
    order: NDArray[np.float64],
    blocks: NDArray[Any],
    *,
    report: Report = silent,
    checkpoint: Checkpoint = NO_CHECKPOINT,
) -> TrainedModel:
    """Train on the older rows and score on the newest blocks.

    Parameters
    ----------
    table : the pipeline's features and target, in any order of rows.
    order : (n,) what sorts the rows in time.
    blocks : (n,) labels of rows that are not independent of each other (a day, a user).
    report : told one line a step; a `Progress` also counts the seconds of each phase.
    checkpoint : where a search keeps its trials for another attempt.

    Raises
    ------
    TrainingFailedError
        When there are fewer than two blocks, the target does not fit the task or is constant, or the
        estimator refuses a parameter.
    ParityError
        When the exported model does not give the trained model's answers.
    """
    progress = progress_of(report)
    sequence = np.argsort(order, kind="stable")
    table, order, blocks = table.take(sequence), order[sequence], blocks[sequence]
    parts = split(order, blocks, config.training)
    held, served_rows = parts.holdout, parts.served
    training, newest = table.take(served_rows), table.take(held)
    classes = _classes(training[config.target], config)
    positive = _positive(classes, config)

    progress(f"training {config.training.estimator} on {len(training)} rows, holding out {len(newest)}")
    encodings = fit_encoding(training, config)
    matrix = encode(training, encodings)
    target = _indices(training[config.target], classes)
    weights = sample_weights(order[served_rows], blocks[served_rows], target, config.training)
    found = None
    if config.search.trials:
        with progress.phase("search"):
            stretches = folds(order[served_rows], blocks[served_rows], config.training, config.search.folds)
            index = classes.index(positive) if classes and positive else 1
            found = search(
                config, matrix, target, stretches, weights, positive=index, progress=progress, checkpoint=checkpoint
            )
        config = with_parameters(config, found.parameters)
    with progress.phase("fitting"):
        pipeline = fit_estimator(config, matrix, target, weights)

    newest_matrix = encode(newest, encodings)
    with progress.phase("export"):
        graph = to_onnx(pipeline, len(encodings))
        checked = _spread(np.concatenate([matrix, newest_matrix]), PARITY_ROWS)
        difference = check_parity(pipeline, graph, checked)
    progress(f"the ONNX model agrees with the trained one within {difference:.1e} on {len(checked)} rows")

    typical = typical_row(training, encodings)
    predictions = score_onnx(graph, matrix)
    known = ~parts.gap
    everything = Table({**table.columns, ORDER: order, BLOCK: blocks}).take(known)
    served = Candidate(
        {"classes": classes, "positive": positive}, lambda rows: score_onnx(graph, encode(rows, encodings))
    )
    metrics = _metrics(newest[config.target], score_onnx(graph, newest_matrix), classes, positive)
    listed = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items() if value is not None)
    progress(f"on the holdout: {listed}")
    # evidence and explanation: made here, of what is known by now
    return TrainedModel(
        classes=classes,
        positive=positive,
        encodings=encodings,
        pipeline=pipeline,
        onnx=graph,
        reference=reference_of(config, everything, held[known], served),
        trained_rows=len(training),
        trained_through=float(order[served_rows].max()),
        holdout=Holdout(
            float(order[held].min()),
            float(order[held].max()),
            len(newest),
            tuple(dict.fromkeys(blocks[held].tolist())),
        ),
        metrics=metrics,
        metrics_training=_metrics(training[config.target], predictions, classes, positive),
        baseline=tuple(naive_predictions(target, rows=1, classes=len(classes) if classes else 1)[0].tolist()),
        typical=typical,
        golden=golden_file(newest, encodings, typical, pipeline),
        parameters=_plain(pipeline[-1].get_params(deep=False)),
        split={
            "training_rows": int(parts.training.sum()),
            "validation_rows": int(parts.validation.sum()),
            "gap_rows": int(parts.gap.sum()),
        },
        search=found.summary if found else None,
    )


def _classes(target: NDArray[Any], config: PipelineConfig) -> tuple[str, ...] | None:
    """The target's values in sorted order; None for a regression."""
    values = sorted(set(target.tolist()))
    if len(values) == 1:
        raise TrainingFailedError(
            f"target {config.target} is {values[0]!r} in all {len(target)} training rows: "
            "there is nothing to learn; upload rows with other values"
        )
    if config.task == "regression":
        return None
    if config.task == "binary" and len(values) > 2:
        raise TrainingFailedError(
            f"target {config.target} has {len(values)} values ({', '.join(values[:5])}, …), "
            'but a binary task has two; set task = "multiclass" or correct the data'
        )
    return tuple(values)


def _positive(classes: Sequence[str] | None, config: PipelineConfig) -> str | None:
    if classes is None or config.task != "binary":
        return None
    if config.positive and config.positive not in classes:
        raise TrainingFailedError(
            f"positive is {config.positive!r}, but target {config.target} has the values {', '.join(classes)}"
        )
    return config.positive or classes[-1]


def _indices(target: NDArray[Any], classes: Sequence[str] | None) -> NDArray[Any]:
    """The target as the estimator takes it; -1 is a class that training has not seen."""
    if classes is None:
        return np.asarray(target, dtype=np.float64)
    positions = {label: position for position, label in enumerate(classes)}
    return np.array([positions.get(label, -1) for label in target.tolist()], dtype=np.int64)


def _metrics(
    target: NDArray[Any],
    predictions: NDArray[np.float64],
    classes: Sequence[str] | None,
    positive: str | None,
) -> dict[str, float | None]:
    """Every metric of the task on the holdout; rows of a class that training has not seen are left out."""
    truth = _indices(target, classes)
    known = truth >= 0 if classes is not None else np.ones(len(truth), dtype=np.bool_)
    index = classes.index(positive) if classes and positive else 1
    return {
        name: METRICS[name].score(truth[known], predictions[known], positive=index) if known.any() else None
        for name in metric_names(task_of(predictions))
    }


def _spread(matrix: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """At most so many rows, evenly spread from the first to the last."""
    if len(matrix) <= rows:
        return matrix
    return matrix[np.linspace(0, len(matrix) - 1, rows).astype(np.int64)]


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON values."""
    return {
        name: value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
        for name, value in sorted(parameters.items())
    }
