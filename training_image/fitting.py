"""From rows to a trained model and everything that is known about it; no AWS, no clock, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from contender.comparison import naive_predictions
from contender.config import PipelineConfig
from contender.datasets import BLOCK, ORDER
from contender.encoding import FeatureEncoding, encode, fit_encoding
from contender.evaluation import Candidate
from contender.monitoring import Reference, reference_of
from contender.profile import Profile
from contender.table import Table
from training_image import evidence, explaining
from training_image.calibration import Calibrated
from training_image.checkpoint import NO_CHECKPOINT, Checkpoint
from training_image.deciding import decide
from training_image.estimators import fit_estimator
from training_image.evidence import Refit
from training_image.export import check_parity, for_all_classes, predict, score_onnx, to_onnx, to_skops
from training_image.figures import Scored, overfit
from training_image.golden import golden_file, typical_row
from training_image.own_estimator import named_if_own
from training_image.progress import Report, progress_of, silent
from training_image.rounds import rounds_of
from training_image.rows import Rows
from training_image.search import search, with_parameters
from training_image.splits import folds, split
from training_image.targets import check_holdout, check_variation, classes_of, indices, positive_index, positive_of
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
    pipeline: Pipeline | Calibrated
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
    evidence: dict[str, Any] = field(default_factory=dict)
    explanation: dict[str, Any] = field(default_factory=dict)

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
    report : told one line a step; a `Progress` also measures the steps, and gives a search its clock.
    checkpoint : what an earlier attempt had finished of a search.

    Raises
    ------
    TrainingFailedError
        When there are too few blocks, the target does not fit the task or is constant, all features are constant,
        nothing can be judged on the holdout, or the estimator fails or gives no finite predictions.
    ParityError
        When the exported model does not give the trained model's answers.
    """
    progress = progress_of(report)
    sequence = np.argsort(order, kind="stable")
    everything = Table({**table.take(sequence).columns, ORDER: order[sequence], BLOCK: blocks[sequence]})
    parts = split(everything[ORDER], everything[BLOCK], config.training)
    training, holdout = everything.take(parts.served), everything.take(parts.holdout)
    classes = classes_of(training[config.target], config)
    positive = positive_of(classes, config)
    judged = indices(holdout[config.target], classes)
    said = check_holdout(judged, classes, config)
    if said:
        progress(said)

    encodings = fit_encoding(training, config)
    rows = _rows(config, training, encodings, classes)
    check_variation(rows.matrix, config.features)
    found = None
    if config.search.trials:
        with progress.phase("search"):
            places = folds(training[ORDER], training[BLOCK], config.training, config.search.folds)
            found = search(
                config,
                rows.matrix,
                rows.target,
                places,
                rows.weights,
                positive=positive_index(classes, positive),
                progress=progress,
                checkpoint=checkpoint,
            )
        config = with_parameters(config, found.parameters)
    with progress.phase("fitting"), named_if_own(config.training.estimator):
        checked = parts.validation[parts.served]
        decided = decide(
            config,
            rows.take(parts.training[parts.served]),
            rows.take(checked),
            classes=len(classes or ()),
            report=progress,
        )
        progress(f"training {config.training.estimator} on {len(training)} rows, holding out {len(holdout)}")
        trained = fit_estimator(decided.config, rows.matrix, rows.target, rows.weights)
    pipeline = decided.applied(trained)
    holdout_matrix = encode(holdout, encodings)
    with progress.phase("export"), named_if_own(config.training.estimator):
        graph = to_onnx(pipeline, len(encodings))
        compared = _spread(np.concatenate([rows.matrix, holdout_matrix]), PARITY_ROWS)
        difference = check_parity(pipeline, graph, compared)
        progress(f"the ONNX model agrees with the trained one within {difference:.1e} on {len(compared)} rows")

    with progress.phase("evidence"):
        on_training = Scored(rows.target, score_onnx(graph, rows.matrix), training[BLOCK])
        on_holdout = Scored(judged, score_onnx(graph, holdout_matrix), holdout[BLOCK])
        on_validation = None
        if decided.validation is not None:
            on_validation = Scored(rows.target[checked], decided.validation, training[BLOCK][checked])
        figures = overfit(on_training, on_validation, on_holdout, config, positive=positive_index(classes, positive))
        for line in figures.lines():
            progress(line)
        found_evidence = evidence.build(
            config,
            classes=classes,
            positive=positive,
            holdout=on_holdout,
            holdout_table=holdout,
            training=on_training,
            inputs=evidence.Inputs(encodings, rows.matrix, holdout_matrix),
            validation=on_validation,
            refit=_refit(decided.config, rows, holdout_matrix),
            search=found.trials if found else (),
            rounds=rounds_of(trained, (rows.matrix, rows.target), (holdout_matrix, judged)),
        )
        explanation = explaining.explain(
            config,
            pipeline=trained,
            graph=graph,
            encodings=encodings,
            training=rows.matrix,
            holdout_matrix=holdout_matrix,
            holdout=on_holdout,
            classes=classes,
            positive=positive,
        )
    typical = typical_row(training, encodings)
    served = Candidate(
        {"classes": classes, "positive": positive}, lambda wanted: score_onnx(graph, encode(wanted, encodings))
    )
    seen = everything.take(~parts.gap)
    return TrainedModel(
        classes=classes,
        positive=positive,
        encodings=encodings,
        pipeline=pipeline,
        onnx=graph,
        reference=reference_of(config, seen, parts.holdout[~parts.gap], served),
        trained_rows=len(training),
        trained_through=float(training[ORDER].max()),
        holdout=Holdout(
            float(holdout[ORDER].min()),
            float(holdout[ORDER].max()),
            len(holdout),
            tuple(dict.fromkeys(holdout[BLOCK].tolist())),
        ),
        metrics=figures.metrics,
        metrics_training=figures.metrics_training,
        baseline=tuple(naive_predictions(rows.target, rows=1, classes=len(classes) if classes else 1)[0].tolist()),
        typical=typical,
        golden=golden_file(holdout, encodings, typical, pipeline),
        parameters=_plain(trained[-1].get_params(deep=False)),
        split={
            "training_rows": int(parts.training.sum()),
            "validation_rows": int(parts.validation.sum()),
            "gap_rows": int(parts.gap.sum()),
        },
        search=found.summary if found else None,
        stopping=decided.stopping,
        calibration=decided.calibration,
        overfit=figures.to_dict(),
        evidence=found_evidence,
        explanation=explanation,
    )


@dataclass(frozen=True, eq=False)
class Refitting:
    """The same estimator trained on some of the rows, for a learning curve.

    Called with positions among the rows it answers with predictions on these rows and on the holdout.
    """

    config: PipelineConfig
    rows: Rows
    holdout: NDArray[np.float32]
    classes: int

    def __call__(self, places: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        some = self.rows.take(places)
        pipeline = fit_estimator(self.config, some.matrix, some.target, some.weights)
        on_these, on_holdout = (
            for_all_classes(pipeline, predict(pipeline, matrix), self.classes) for matrix in (some.matrix, self.holdout)
        )
        return on_these, on_holdout


def _rows(
    config: PipelineConfig, training: Table, encodings: Sequence[FeatureEncoding], classes: Sequence[str] | None
) -> Rows:
    """The rows that a model may learn from, as an estimator takes them."""
    target = indices(training[config.target], classes)
    weights = sample_weights(training[ORDER], training[BLOCK], target, config.training)
    return Rows(encode(training, encodings), target, weights)


def _refit(config: PipelineConfig, rows: Rows, holdout: NDArray[np.float32]) -> Refit:
    """Training the same estimator on some of the rows, for a learning curve."""

    def refit(chosen: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        weights = rows.weights[chosen] if rows.weights is not None else None
        pipeline = fit_estimator(config, rows.matrix[chosen], rows.target[chosen], weights)
        return predict(pipeline, rows.matrix[chosen]), predict(pipeline, holdout)

    return refit


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
