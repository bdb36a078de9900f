"""Fits a model to rows and gathers all its results; no AWS, no clock, no files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from contender.comparison.baseline import naive_predictions
from contender.data.encoding import FeatureEncoding, encode
from contender.data.left_out_rows import LeftOutRows
from contender.data.relatives import groups_of
from contender.drift.batch_check import Reference, reference_of
from contender.drift.profiles.profile import Profile
from contender.errors import ParityError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import AUTO
from contender.predictions.holdout_counts import count_holdout
from contender.predictions.live_metrics import LiveCounts, Outputs
from contender.registry.candidate import Candidate
from contender.registry.learned_groups import LearnedGroups
from contender.table import BLOCK, ORDER, Table
from training_image.estimators.user_estimator import named_if_own
from training_image.evidence.overfit import Scored, overfit
from training_image.export.export import to_skops
from training_image.export.golden_requests import golden_file, typical_row
from training_image.fit.choice import Choice
from training_image.fit.choose import choose, next_best
from training_image.fit.decide import Decided, decide
from training_image.fit.describe import Answered, describe
from training_image.fit.earlier_models import unseen_predictions
from training_image.fit.fitted import Fitted, estimated, exported
from training_image.fit.refit import refit
from training_image.onnx_parts.calibration import Calibrated
from training_image.rows.prepare import Prepared, learnable, prepare
from training_image.rows.splits import folds
from training_image.rows.weights import odds_shift
from training_image.search.search import Found, search, with_parameters
from training_image.task.checkpoint import NO_CHECKPOINT, Checkpoint
from training_image.task.progress import Progress, Report, progress_of, silent


@dataclass(frozen=True)
class Holdout:
    """The newest rows, kept from the judged model, from the oldest to the newest of them in time."""

    from_order: float
    through_order: float
    rows: int
    blocks: tuple[str, ...]
    left_out: LeftOutRows


@dataclass(frozen=True)
class TrainedModel:
    """A model and the evidence about it.

    Attributes
    ----------
    classes : the target's values in the order of the predictions' columns; None for a regression.
    positive : the class whose probability is answered; None unless there are two classes.
    served : the model that serves.
    judged : the model that was trained without the holdout; the same one where there was no refit.
    agreement : how far the two agree on the holdout; None where there was no refit.
    reference : what new data is checked against: the rows' profile, and the judged model's answers on the holdout.
    metrics, metrics_training : by name, on the holdout and on the training rows; None where a metric is undefined.
    baseline : the constant prediction that ignores the features, and has not seen the holdout.
    typical : the row that contributions of features are measured against; golden : what a rehearsal asks.
    estimator : its name in a pipeline file; parameters : all of the estimator's, defaults too.
    groups : those of the rows that the models learned; None without a setting `group`.
    split : how many rows were for what; the manifest's section of that name, like those that follow.
    choice, search, stopping, calibration : what was decided before, None where nothing was.
    overfit : of each metric the value on training, validation and holdout rows with its 95 % interval.
    evidence, explanation : the content of evidence.json and explanation.json.
    holdout_counts : the judged model's answers on the holdout by block, counted as live ones are.
    """

    classes: tuple[str, ...] | None
    positive: str | None
    served: Fitted
    judged: Fitted
    agreement: dict[str, Any] | None
    reference: Reference
    holdout: Holdout
    metrics: dict[str, float | None]
    metrics_training: dict[str, float | None]
    baseline: tuple[float, ...]
    typical: dict[str, Any]
    golden: bytes
    estimator: str
    parameters: dict[str, Any]
    split: dict[str, int]
    groups: LearnedGroups | None = None
    choice: dict[str, Any] | None = None
    search: dict[str, Any] | None = None
    stopping: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    overfit: dict[str, Any] | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    explanation: dict[str, Any] = field(default_factory=dict)
    holdout_counts: list[LiveCounts] = field(default_factory=list)

    @property
    def encodings(self) -> tuple[FeatureEncoding, ...]:
        """How each feature becomes a number for the model that serves."""
        return self.served.encodings

    @property
    def pipeline(self) -> Pipeline | Calibrated:
        """What scikit-learn trained to serve."""
        return self.served.pipeline

    @property
    def onnx(self) -> bytes:
        """The graph that serves."""
        return self.served.onnx

    @property
    def profile(self) -> Profile:
        """What its rows looked like."""
        return self.reference.profile

    def skops(self) -> bytes:
        """The trained pipeline as a file that runs no code when it is opened."""
        return to_skops(self.pipeline)


# How a sum is divided among threads shows in its last digits, and another machine has another number of them.
@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def train(
    config: PipelineConfig,
    table: Table,
    order: NDArray[np.float64],
    blocks: NDArray[Any],
    *,
    report: Report = silent,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    described: bool = True,
) -> TrainedModel:
    """Train on the older rows, score on the newest blocks, and train what serves on all rows as that was trained.

    Parameters
    ----------
    table : the pipeline's features and target, in any order of rows.
    order : (n,) what sorts the rows in time.
    blocks : (n,) labels of rows that are not independent of each other (a day, a user).
    report : told one line a step; a `Progress` also measures the steps, and gives a search its clock.
    checkpoint : what an earlier attempt had finished of a search, or had chosen.
    described : whether evidence, explanation and the estimates' earlier periods are wanted; they take about twice as
        long as the training.

    Raises
    ------
    TrainingFailedError
        When there are too few blocks, the target does not fit the task or is constant, all features are constant,
        nothing can be judged on the holdout, or the estimator fails or gives no finite predictions.
    ParityError
        When an exported model does not give the trained model's answers.
    """
    progress = progress_of(report)
    prepared = prepare(config, table, order, blocks, report=progress)
    choice, found = None, None
    if config.training.estimator == AUTO:
        choice, config, prepared, decided, judged = _competed(config, prepared, progress, checkpoint)
    else:
        if config.search.trials:
            found = _search(config, prepared, progress, checkpoint)
            config = with_parameters(config, found.parameters)
        decided, judged = _judged(config, prepared, progress)
    with progress.phase("evidence"):
        answered = _answered(prepared, judged, decided)
        figures = overfit(
            answered.training, answered.validation, answered.holdout, config, positive=prepared.positive_index
        )
        for line in figures.lines():
            progress(line)
        evidence: dict[str, Any] = {}
        explanation: dict[str, Any] = {}
        if described:
            evidence, explanation = describe(config, prepared, answered, decided=decided, found=found, judged=judged)
        unseen = unseen_predictions(prepared, decided, progress) if described else None
        reference = _reference(config, prepared, judged, unseen)
    served, learned, agreement = judged, prepared.training, None
    if config.training.refit:
        with progress.phase("refit"), named_if_own(config.training.estimator):
            served, learned, agreement = refit(config, prepared, decided, answered.holdout, progress)
    typical = typical_row(learned, served.encodings)
    return TrainedModel(
        classes=prepared.classes,
        positive=prepared.positive,
        served=served,
        judged=judged,
        agreement=agreement,
        reference=reference,
        holdout=_holdout(prepared.holdout, prepared.left_out),
        groups=_groups(config, prepared.training, learned),
        metrics=figures.metrics,
        metrics_training=figures.metrics_training,
        baseline=tuple(naive_predictions(prepared.rows.target, rows=1, classes=prepared.columns or 1)[0].tolist()),
        typical=typical,
        golden=golden_file(prepared.holdout, served.encodings, typical, served.pipeline),
        estimator=config.training.estimator,
        parameters=_plain(judged.trained[-1].get_params(deep=False)),
        split=prepared.split,
        choice=choice.to_dict() if choice else None,
        search=found.summary if found else None,
        stopping=decided.stopping,
        calibration=decided.calibration,
        overfit=figures.to_dict(),
        evidence=evidence,
        explanation=explanation,
        holdout_counts=_holdout_counts(config, prepared, answered.holdout.known),
    )


def _competed(
    asked: PipelineConfig, prepared: Prepared, progress: Progress, checkpoint: Checkpoint
) -> tuple[Choice, PipelineConfig, Prepared, Decided, Fitted]:
    """The best candidate that can be trained on all rows and exported, and the pipeline as if it named that one."""
    with progress.phase("search"):
        choice = choose(asked, prepared, progress, checkpoint)
    while True:
        config = choice.applied(asked)
        weighted = replace(prepared, learned=learnable(config, prepared.training, prepared.classes))
        try:
            return choice, config, weighted, *_judged(config, weighted, progress)
        except (TrainingFailedError, ParityError) as error:
            choice = next_best(choice, error, progress, checkpoint)


def _judged(config: PipelineConfig, prepared: Prepared, progress: Progress) -> tuple[Decided, Fitted]:
    """What is decided on the validation rows, and the judged model, exported."""
    with progress.phase("fitting"), named_if_own(config.training.estimator):
        rows = prepared.rows
        decided = decide(
            config,
            prepared.deciding,
            prepared.validation,
            classes=prepared.columns,
            report=progress,
            log_odds=_log_odds(config, prepared),
            encodings=prepared.encodings,
        )
        progress(f"training {config.training.estimator} on {len(rows)} rows, holdout of {len(prepared.holdout)}")
        trained = estimated(decided, prepared.learned)
    with progress.phase("export"), named_if_own(config.training.estimator):
        return decided, exported(decided, prepared.learned, trained, prepared.holdout_matrix, progress)


def _search(config: PipelineConfig, prepared: Prepared, progress: Progress, checkpoint: Checkpoint) -> Found:
    """The best parameters that the budget finds, on folds of the rows that the model may learn from."""
    rows, training = prepared.rows, prepared.training
    with progress.phase("search"):
        return search(
            config,
            rows.matrix,
            rows.target,
            prepared.apart(folds(training[ORDER], training[BLOCK], config.training, config.search.folds)),
            rows.weights,
            positive=prepared.positive_index,
            progress=progress,
            checkpoint=checkpoint,
        )


def _log_odds(config: PipelineConfig, prepared: Prepared) -> float | None:
    """Of class 1 in the rows that the judged model learns from, where a calibration wants to know."""
    if config.training.calibration != "prior":
        return None
    return odds_shift(prepared.rows.target, prepared.learned.weights_by_age(config.training))


def _answered(prepared: Prepared, judged: Fitted, decided: Decided) -> Answered:
    """What the models say of each part, scored as it would be served."""
    rows, blocks, validation = prepared.rows, prepared.training[BLOCK], None
    if decided.validation is not None:
        checked = prepared.checked
        validation = Scored(rows.target[checked], decided.validation, blocks[checked])
    return Answered(
        training=Scored(rows.target, judged.predict(rows.matrix), blocks),
        validation=validation,
        holdout=Scored(prepared.truth, judged.predict(prepared.holdout_matrix), prepared.holdout[BLOCK]),
    )


def _reference(
    config: PipelineConfig, prepared: Prepared, judged: Fitted, unseen: NDArray[np.float64] | None
) -> Reference:
    """What new data is checked against: the profile of the rows that what serves learned from, which without a refit
    are those of the judged model and the holdout, the judged model's answers on the holdout, and those of earlier
    models on rows before it."""
    asked = Candidate(
        {"classes": prepared.classes, "positive": prepared.positive},
        lambda wanted: judged.predict(encode(wanted, judged.encodings)),
    )
    if config.training.refit:
        return reference_of(config, prepared.table, prepared.parts.holdout, asked, unseen=unseen)
    seen = prepared.parts.judged | prepared.parts.holdout
    return reference_of(
        config,
        prepared.table.select_rows(seen),
        prepared.parts.holdout[seen],
        asked,
        unseen=None if unseen is None else unseen[seen],
    )


def _holdout(rows: Table, left_out: LeftOutRows) -> Holdout:
    order, blocks = rows[ORDER], rows[BLOCK]
    return Holdout(float(order.min()), float(order.max()), len(rows), tuple(dict.fromkeys(blocks.tolist())), left_out)


def _holdout_counts(config: PipelineConfig, prepared: Prepared, holdout: Scored) -> list[LiveCounts]:
    outputs = Outputs(config.task, prepared.classes or (), prepared.positive)
    labels = holdout.truth.tolist()
    if prepared.classes is not None:
        labels = [prepared.classes[int(label)] for label in labels]
    return count_holdout(holdout.predictions.tolist(), labels, holdout.blocks.astype(str).tolist(), outputs)


def _groups(config: PipelineConfig, judged: Table, served: Table) -> LearnedGroups | None:
    """The groups of the rows that the two models learned; None where rows have none."""
    if not config.group:
        return None
    return LearnedGroups(groups_of(judged, config.group), groups_of(served, config.group))


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON values."""
    return {
        name: value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
        for name, value in sorted(parameters.items())
    }
