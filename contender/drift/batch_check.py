"""The drift check of one batch against one model: reference, counts, all tests, the report."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.data.periods import DAYS_OF_PERIOD
from contender.drift.detect import DriftReport, detect_drift
from contender.drift.histograms import histograms
from contender.drift.joint.detect import JointDrift, detect_joint
from contender.drift.joint.domain_classifier import Kind
from contender.drift.new_groups import losses_on_new_groups
from contender.drift.performance.calibration import Calibration, fit_calibration
from contender.drift.performance.earlier_periods import errors_of_earlier_periods
from contender.drift.performance.estimate import EstimatedPerformance, estimate
from contender.drift.performance.estimate_check import EstimateCheck, check_estimate
from contender.drift.performance.loss_tree import LossTree, fit_loss_tree
from contender.drift.performance.past_errors import LaterErrors, PastErrors, cut_into_periods
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.grid import ProfileGrid
from contender.drift.profiles.packing import packed, unpacked
from contender.drift.profiles.profile import Profile
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Answers, Candidate, answers
from contender.table import BLOCK, ORDER, Column, Table

Floats: TypeAlias = NDArray[np.float64]

FORMAT, VERSION = "contender-reference", 3
SAMPLE_ROWS = 4_000
"""Rows of training that the domain classifier learns from."""
CURRENT_ROWS = 10_000
"""Rows of a batch that it looks at."""
MAX_BLOCKS = 180
"""A table with more blocks has neighbouring blocks joined: half a year of days."""
LEAST_PROBABILITY = 1e-3
"""Limits a row's log loss to 6.9, so that one row that was predicted impossible does not dominate a day's mean."""


@dataclass(frozen=True, eq=False)
class RowSample:
    """Some rows, each value as its cell on the profile's grid.

    Attributes
    ----------
    names : (d,) the features.
    codes : (n, d) block cells, 255 where a value is missing.
    blocks : (n,) each row's block; None where rows are independent.
    """

    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    blocks: tuple[str, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """The sample as JSON values, its codes in base64."""
        return {
            "names": list(self.names),
            "codes": base64.b64encode(np.ascontiguousarray(self.codes).tobytes()).decode(),
            "blocks": None if self.blocks is None else list(self.blocks),
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> RowSample:
        """The inverse of `to_dict`."""
        names, blocks = tuple(content["names"]), content["blocks"]
        codes = np.frombuffer(base64.b64decode(content["codes"]), dtype=np.uint8).reshape(-1, len(names))
        return RowSample(names, codes, None if blocks is None else tuple(blocks))


@dataclass(frozen=True)
class Reference:
    """What new data is checked against; it replaces the training rows, which are never read again.

    Attributes
    ----------
    profile : features and labels of the training and holdout rows; predictions and losses of the holdout rows only,
        because a model fits its training rows too well.
    sample : some of these rows.
    calibration : of the model's probabilities on rows that it has not seen; None for a regression.
    expected_losses : of a regression, where its errors on such rows are large; None for classes.
    past : by metric, what estimates of it were worth in the periods of these rows.
    """

    profile: Profile
    sample: RowSample
    calibration: Calibration | None
    expected_losses: LossTree | None = None
    past: Mapping[str, PastErrors] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As compressed JSON; the same reference gives the same bytes."""
        body = {
            "profile": self.profile.to_dict(),
            "sample": self.sample.to_dict(),
            "calibration": self.calibration.to_dict() if self.calibration else None,
            "expected_losses": self.expected_losses.to_dict() if self.expected_losses else None,
            "past": {name: errors.to_dict() for name, errors in self.past.items()},
        }
        return packed(body, form=FORMAT, version=VERSION)

    @staticmethod
    def from_bytes(content: bytes) -> Reference:
        """Read what `to_bytes` wrote.

        Raises
        ------
        IntegrityError
            When the bytes are no reference, or not what their sha256 says.
        InvalidInputError
            When they are of a version that this code cannot read.
        """
        body = unpacked(content, form=FORMAT, version=VERSION)
        # A reference from before these were kept has none: its champion still serves.
        calibration, expected_losses, past = body["calibration"], body.get("expected_losses"), body.get("past", {})
        return Reference(
            Profile.from_dict(body["profile"]),
            RowSample.from_dict(body["sample"]),
            Calibration.from_dict(calibration) if calibration else None,
            LossTree.from_dict(expected_losses) if expected_losses else None,
            {name: PastErrors.from_dict(errors) for name, errors in past.items()},
        )


@dataclass(frozen=True)
class BatchCheck:
    """Everything that was found about one batch.

    Attributes
    ----------
    report : the verdict and its evidence.
    estimated : the champion's metrics on these rows, estimated without their labels.
    realised : the same, compared with the labels; None also where the labels have a class that the model does not know.
    histograms : of the columns with the largest changes; see `contender.drift.histograms`.
    began : the order (time) of the row with which the drift began; None where it is unknown or in an earlier batch.
    """

    report: DriftReport
    estimated: EstimatedPerformance | None
    realised: EstimateCheck | None
    histograms: tuple[Mapping[str, Any], ...] = ()
    began: float | None = None

    def drift_began(self, starts: Sequence[float]) -> float | None:
        """Where the drift that was found began, by the order of its rows; None where none was found.

        Of a batch that was counted before, it is not known any more where in it: it is its beginning.

        Parameters
        ----------
        starts : the smallest order among the rows of each batch since the champion was trained, this one's the last.
        """
        if not self.report.drifted or self.began is not None:
            return self.began
        place = self.report.evidence.since_batch if self.report.evidence else None
        return starts[-1 if place is None else min(place, len(starts) - 1)]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **self.report.to_dict(),
            "estimated": self.estimated.to_dict() if self.estimated else None,
            "realised": self.realised.to_dict() if self.realised else None,
            "histograms": list(self.histograms),
        }


def reference_of(
    config: PipelineConfig,
    table: Table,
    held: NDArray[np.bool_],
    model: Candidate,
    *,
    unseen: Floats | None = None,
) -> Reference:
    """The reference of a model that has just been trained.

    Parameters
    ----------
    table : training and holdout rows with `_order` and `_block`, in the order of time.
    held : (n,) which rows were held out.
    model : predicts as it will in production.
    unseen : (n, k) predictions of rows before the holdout by models like it that had not seen them either; not-a-number
        in other rows. None where there are none.
    """
    own, asked = _ask(config, table.select_rows(held), model)
    blocks = unit_labels(config, table)
    profile = fit_profile(
        table,
        numeric=config.numeric,
        categorical=config.categorical,
        prediction=_spread_out(own, held),
        label=table[config.target],
        loss=_spread_out(losses(asked), held),
        blocks=blocks,
    )
    sample = sample_rows(profile.grid, table.select_rows(rows := _evenly(len(table), SAMPLE_ROWS)), _at(blocks, rows))
    return Reference(profile, sample, *_expectations(config, profile.grid, table, held, model, own, unseen))


def _expectations(
    config: PipelineConfig,
    grid: ProfileGrid,
    table: Table,
    held: NDArray[np.bool_],
    model: Candidate,
    own: Floats,
    unseen: Floats | None,
) -> tuple[Calibration | None, LossTree | None, Mapping[str, PastErrors]]:
    """What to expect of the model on new rows, by its own predictions of the holdout and others' of rows before it."""
    made = _spread_out(own, held)
    made = made if unseen is None else np.where(held[:, None], made, unseen)
    known = np.asarray(np.isfinite(made).all(axis=1), dtype=np.bool_)
    if model.classes:  # what the model says of a class that it has not learned tells nothing of its classes
        known &= np.isin(table[config.target].astype(str), model.classes)
    asked = answers(config, table.select_rows(known), [replace(model, predict=lambda _: made[known])])
    blocks = unit_labels(config, table)
    labels = np.arange(len(table)) if blocks is None else blocks.astype(str)
    periods = cut_into_periods(labels[known], len(np.unique(labels[held])))
    truth, predicted = asked.truth, asked.predictions[0]
    if config.task == "regression":
        codes = sample_rows(grid, table.select_rows(known), None).codes
        past = errors_of_earlier_periods(truth, predicted, periods, held[known], codes=codes)
        return None, fit_loss_tree(codes, predicted[:, 0], truth), past
    past = errors_of_earlier_periods(truth, predicted, periods, held[known], positive=asked.positive)
    return fit_calibration(truth, predicted, blocks=_at(blocks, known), positive=asked.positive), None, past


def observe(config: PipelineConfig, grid: ProfileGrid, table: Table, model: Candidate) -> Profile:
    """A batch (with `_order` and `_block`) counted on a model's grid, with the model's predictions and their losses."""
    table = in_time_order(table)
    own, asked = _ask(config, table, model)
    return count_profile(
        grid,
        table,
        prediction=own,
        label=table[config.target],
        loss=losses_on_new_groups(config, table, model, losses(asked)),
        blocks=unit_labels(config, table),
    )


def check_batch(
    config: PipelineConfig,
    reference: Reference,
    table: Table,
    model: Candidate,
    current: Profile,
    *,
    earlier: Sequence[Profile] = (),
    answered: int | None = None,
    later_errors: LaterErrors | None = None,
) -> BatchCheck:
    """Every check of one batch.

    Parameters
    ----------
    table : the batch, with `_order` and `_block`.
    current : the same as `observe` counted it.
    earlier, answered : as for `detect_drift`.
    later_errors : how far estimates of earlier batches were off.
    """
    table = in_time_order(table)
    blocks = unit_labels(config, table)
    report = detect_drift(
        reference.profile,
        current,
        config.drift,
        earlier=earlier,
        answered=answered,
        days_per_block=DAYS_OF_PERIOD[config.block_period] if config.time and not config.block else 1.0,
        joint=joint_drift(config, reference, table, blocks),
    )
    own, asked = _ask(config, table, model)
    estimated, realised = estimate_batch(config, reference, table, own, later_errors), None
    if estimated is not None and asked.classes == model.classes:
        realised = check_estimate(estimated, asked.truth, own, positive=asked.positive)
    drawn = tuple(histograms(reference.profile, current, report))
    return BatchCheck(report, estimated, realised, drawn, _began(report, table, blocks, earlier=len(earlier)))


def estimate_batch(
    config: PipelineConfig,
    reference: Reference,
    table: Table,
    predictions: Floats,
    later_errors: LaterErrors | None = None,
) -> EstimatedPerformance | None:
    """The metrics that are expected of these predictions, without the rows' labels; None of a reference from before
    regressions were estimated."""
    expects = reference.calibration or reference.expected_losses
    if expects is None:
        return None
    return estimate(
        expects,
        predictions,
        codes=None if reference.calibration else sample_rows(reference.profile.grid, table, None).codes,
        past={name: past.with_later((later_errors or {}).get(name, ())) for name, past in reference.past.items()},
        blocks=unit_labels(config, table),
        seed=config.training.seed,
    )


def _began(report: DriftReport, table: Table, blocks: Column | None, *, earlier: int) -> float | None:
    """The order (time) of the first row of the block with which the drift began."""
    over_time = report.evidence
    if not report.drifted or over_time is None or blocks is None or over_time.since_batch != earlier:
        return None
    rows = blocks == over_time.since
    return float(table[ORDER][rows].min()) if rows.any() else None


def losses(asked: Answers) -> Floats:
    """(n,) the loss of each prediction of the first model: log loss of a class, absolute error of a number."""
    predictions = asked.predictions[0]
    if not asked.classes:
        return np.abs(predictions[:, 0] - asked.truth)
    of_truth = predictions[np.arange(len(predictions)), asked.truth.astype(np.int64)]
    return -np.log(np.clip(of_truth, LEAST_PROBABILITY, 1.0))


def unit_labels(config: PipelineConfig, table: Table) -> Column | None:
    """(n,) the blocks that are ranked among each other; None where the pipeline's rows are independent.

    Without a time or block column the blocks of a dataset are rows in the order of arrival; they mean nothing across
    tables.
    """
    if not (config.time or config.block):
        return None
    blocks = table[BLOCK].astype(str)
    distinct = list(dict.fromkeys(blocks.tolist()))
    if len(distinct) <= MAX_BLOCKS:
        return blocks.astype(object)
    first_of: dict[int, str] = {}
    joined = {
        label: first_of.setdefault(place * MAX_BLOCKS // len(distinct), label) for place, label in enumerate(distinct)
    }
    return np.array([joined[label] for label in blocks.tolist()], dtype=object)


def in_time_order(table: Table) -> Table:
    """The rows by `_order`."""
    order = table[ORDER]
    return table if bool(np.all(order[1:] >= order[:-1])) else table.select_rows(np.argsort(order, kind="stable"))


def sample_rows(grid: ProfileGrid, table: Table, blocks: Column | None) -> RowSample:
    """Rows as cells of the grid's features."""
    features = [column for column in grid.columns if column.role == "feature"]
    codes = np.stack([column.codes(column.values_of(table)) for column in features], axis=1)
    names = tuple(column.name for column in features)
    return RowSample(names, codes, None if blocks is None else tuple(map(str, blocks.tolist())))


def joint_drift(config: PipelineConfig, reference: Reference, table: Table, blocks: Column | None) -> JointDrift | None:
    """The domain classifier's result; None with fewer than two features."""
    rows = _evenly(len(table), CURRENT_ROWS)
    current = sample_rows(reference.profile.grid, table.select_rows(rows), _at(blocks, rows))
    kept = [place for place, name in enumerate(reference.sample.names) if name not in config.drift.ignore]
    if len(kept) < 2 or (reference.sample.blocks is None) != (current.blocks is None):
        return None
    names = [reference.sample.names[place] for place in kept]
    kinds: list[Kind] = ["numeric" if name in config.numeric else "categorical" for name in names]
    return detect_joint(
        reference.sample.codes[:, kept],
        current.codes[:, kept],
        kinds=kinds,
        names=names,
        reference_blocks=reference.sample.blocks,
        current_blocks=current.blocks,
        seed=config.training.seed,
    )


def _ask(config: PipelineConfig, table: Table, model: Candidate) -> tuple[Floats, Answers]:
    """A model's predictions, and the same aligned to all classes of these rows; the model predicts once."""
    own = model.predict(table)
    return own, answers(config, table, [replace(model, predict=lambda _: own)])


def _spread_out(values: Floats, held: NDArray[np.bool_]) -> Floats:
    """Values of the held-out rows among not-a-number for the others."""
    spread = np.full((len(held), *values.shape[1:]), np.nan)
    spread[held] = values
    return spread


def _evenly(rows: int, wanted: int) -> NDArray[np.int64]:
    """At most `wanted` row numbers, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, max(rows - 1, 0), min(rows, wanted)).astype(np.int64))


def _at(blocks: Column | None, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Column | None:
    return None if blocks is None else blocks[rows]
