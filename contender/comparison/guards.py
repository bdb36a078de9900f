"""The guards: checks that can stop a win, and never make one.

Each is a function of its own and leaves evidence of its own. `passed` and `not judged` let a win stand, `failed`
turns it into a loss, `undecided` into "cannot tell". A guard's claim is one-sided and wrong at most at the policy's
`guard_level`; a win has to pass all of them, so that none needs a correction for the others (Berger 1982, see
`slices_no_worse`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError
from contender.formatting import figure, interval_figures, percent
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts
from contender.stats.calibration_error import CALIBRATION_ERRORS, squared_error
from contender.stats.metrics import Floats, Metric, task_of
from contender.stats.multiple_testing import holm_adjusted
from contender.stats.resampling import Holdout, Interval

Status = Literal["passed", "failed", "undecided", "not judged"]
SliceStatus = Literal["no worse", "worse", "undecided", "not judged"]

MAX_UNJUDGED_SLICES = 50
MISSING_LEVEL = "(missing)"
SMALLEST_MIB = 1.0
"""Smaller champions count as this large: a ratio of two models that are both next to nothing says nothing."""
SHORTEST_MS = 0.1
MIB = 2**20


@dataclass(frozen=True)
class EnoughData:
    """Guard: are there rows and blocks enough to say anything?"""

    status: Status
    reason: str
    rows: int
    min_rows: int
    blocks: int
    min_blocks: int


@dataclass(frozen=True)
class BeatsBaseline:
    """Guard: is the challenger better than predicting the same thing for every row?"""

    status: Status
    reason: str
    challenger: float | None = None
    baseline: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SliceEvidence:
    """One level of one slicing column; p-values are None where the slice is not judged.

    `p_no_worse` tests "worse than the margin" and small values show that it is not; `p_worse` tests the
    opposite and `adjusted_p_worse` is corrected for the number of judged slices (Holm).
    """

    column: str
    level: str
    rows: int
    blocks: int
    status: SliceStatus
    reason: str
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_no_worse: float | None = None
    p_worse: float | None = None
    adjusted_p_worse: float | None = None


@dataclass(frozen=True)
class SlicesNoWorse:
    """Guard: is the challenger no worse than the margin in each declared slice?"""

    status: Status
    reason: str
    margin: float
    judged: int = 0
    not_judged: int = 0
    slices: tuple[SliceEvidence, ...] = ()


@dataclass(frozen=True)
class Calibrated:
    """Guard: does the challenger owe no more of its squared error to wrong probabilities, or to a wrong mean?

    `champion` and `challenger` are the squared calibration errors of `contender.stats.calibration_error`, `margin` how
    much more is tolerated; `difference`, `low` and `high` are the improvement, negative where the challenger is worse.
    """

    status: Status
    reason: str
    margin: float | None = None
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class OverfitGap:
    """Guard: does the challenger do on new rows about what it does on those it was trained on?"""

    status: Status
    reason: str
    max_gap: float
    training: float | None = None
    holdout: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class ModelSize:
    """Guard: is the served artifact small enough?"""

    status: Status
    reason: str
    max_mib: float
    max_ratio: float
    challenger_mib: float | None = None
    champion_mib: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class Latency:
    """Guard: does the challenger answer fast enough?"""

    status: Status
    reason: str
    max_ms: float
    max_ratio: float
    challenger_ms: float | None = None
    champion_ms: float | None = None
    ratio: float | None = None


Guard = EnoughData | BeatsBaseline | SlicesNoWorse | Calibrated | OverfitGap | ModelSize | Latency


def enough_data(rows: int, blocks: int, policy: PromotionPolicy) -> EnoughData:
    """Whether the holdout is large enough to say anything at all.

    Examples
    --------
    >>> enough_data(100, 7, PromotionPolicy()).reason
    'There are 100 rows in 7 blocks; 200 rows and 5 blocks are asked for.'
    """
    enough = rows >= policy.min_rows and blocks >= policy.min_blocks
    reason = (
        f"There are {rows:,} rows in {blocks:,} blocks; {policy.min_rows:,} rows and {policy.min_blocks:,} "
        "blocks are asked for."
    )
    status: Status = "passed" if enough else "undecided"
    return EnoughData(status, reason, rows, policy.min_rows, blocks, policy.min_blocks)


def beats_baseline(
    holdout: Holdout, metric: Metric, challenger: Floats, baseline: Floats | None, policy: PromotionPolicy
) -> BeatsBaseline:
    """Whether the challenger is shown to be better than a naive predictor."""
    if baseline is None or not policy.must_beat_baseline:
        return BeatsBaseline("not judged", "No naive baseline was asked for.")
    interval = holdout.improvement(metric, baseline, challenger, level=policy.guard_level)
    mine, naive = holdout.score(metric, challenger), holdout.score(metric, baseline)
    if isinstance(interval, str):
        return BeatsBaseline("undecided", interval, mine, naive)
    status: Status = "passed" if interval.low > 0.0 else "failed" if interval.high <= 0.0 else "undecided"
    claim = {
        "passed": "The challenger beats the naive baseline",
        "failed": "The challenger is no better than the naive baseline",
        "undecided": "It is not shown that the challenger beats the naive baseline",
    }[status]
    figures = f"{metric.title} {figure(mine)} against {figure(naive)}, {in_words(interval)}"
    return BeatsBaseline(status, f"{claim}: {figures}.", mine, naive, interval.difference, interval.low, interval.high)


def slices_no_worse(
    holdout: Holdout,
    metric: Metric,
    champion: Floats,
    challenger: Floats,
    slices: Mapping[str, ArrayLike],
    policy: PromotionPolicy,
    *,
    margin: float,
) -> SlicesNoWorse:
    """Non-inferiority of the challenger within each level of each declared column.

    That *all* slices are no worse needs no correction, since each must pass on its own [1]_; that *some*
    slice is worse is one claim among many, and is corrected by Holm's method [2]_.

    References
    ----------
    .. [1] Berger (1982), "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24,
       295-300.
    .. [2] Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6,
       65-70.
    """
    if not slices:
        return SlicesNoWorse("not judged", "No slices were declared.", margin)
    found = [
        _slice_evidence(
            holdout.only(rows), metric, champion[rows], challenger[rows], (column, level), policy, margin=margin
        )
        for column, labels in slices.items()
        for level, rows in levels_of(column, labels, len(holdout))
    ]
    judged = [evidence for evidence in found if evidence.p_worse is not None]
    adjusted = holm_adjusted(np.array([evidence.p_worse for evidence in judged], dtype=np.float64)).tolist()
    decided = tuple(_decided(evidence, p_value, policy) for evidence, p_value in zip(judged, adjusted, strict=True))
    others = sorted((e for e in found if e.p_worse is None), key=lambda e: (-e.rows, e.column, e.level))
    status, reason = _slices_status(decided, policy, margin)
    if others:
        reason += f" {len(others):,} more {'slice was' if len(others) == 1 else 'slices were'} not judged."
    return SlicesNoWorse(
        status, reason, margin, len(decided), len(others), decided + tuple(others[:MAX_UNJUDGED_SLICES])
    )


def _slice_evidence(
    part: Holdout,
    metric: Metric,
    champion: Floats,
    challenger: Floats,
    name: tuple[str, str],
    policy: PromotionPolicy,
    *,
    margin: float,
) -> SliceEvidence:
    """One slice's figures; not yet judged against the other slices."""
    rows, asked = len(part), policy.min_slice_rows
    evidence = SliceEvidence(*name, rows, part.blocks, "not judged", "")
    if rows < asked:
        return replace(evidence, reason=f"{rows:,} rows are fewer than the {asked:,} asked for.")
    interval = part.improvement(metric, champion, challenger, level=policy.guard_level)
    if isinstance(interval, str):
        return replace(evidence, reason=interval)
    return replace(
        evidence,
        reason=in_words(interval),
        champion=part.score(metric, champion),
        challenger=part.score(metric, challenger),
        difference=interval.difference,
        low=interval.low,
        high=interval.high,
        p_no_worse=interval.p_above(-margin),
        p_worse=interval.p_below(-margin),
    )


def _decided(evidence: SliceEvidence, adjusted_p_worse: float, policy: PromotionPolicy) -> SliceEvidence:
    status: SliceStatus = "undecided"
    if adjusted_p_worse <= policy.guard_level:
        status = "worse"
    elif evidence.p_no_worse is not None and evidence.p_no_worse <= policy.guard_level:
        status = "no worse"
    return replace(evidence, status=status, adjusted_p_worse=adjusted_p_worse)


def _slices_status(judged: tuple[SliceEvidence, ...], policy: PromotionPolicy, margin: float) -> tuple[Status, str]:
    worse = [evidence for evidence in judged if evidence.status == "worse"]
    undecided = [evidence for evidence in judged if evidence.status == "undecided"]
    more = f"by more than {figure(margin)}"
    if worse:
        return "failed", f"The challenger is worse {more} in {_named(worse)}."
    if not judged:
        return "not judged", "No slice could be judged."
    if undecided and policy.slice_rule == "non-inferiority":
        return "undecided", f"It is not ruled out that the challenger is worse {more} in {_named(undecided)}."
    shown = "shown to be worse" if undecided else "worse"
    return "passed", f"In none of {len(judged)} slices is the challenger {shown} {more}."


def calibrated(holdout: Holdout, champion: Floats, challenger: Floats, policy: PromotionPolicy) -> Calibrated:
    """Whether the challenger is *not shown* to be worse calibrated than the champion, beyond the margin.

    The margin is a fraction of the champion's squared error (its Brier score, or its mean squared error), of which
    the calibration error is a part: `contender.stats.calibration_error`.
    """
    metric = CALIBRATION_ERRORS[task_of(champion)]
    interval = holdout.improvement(metric, champion, challenger, level=policy.guard_level)
    if isinstance(interval, str):
        return Calibrated("not judged", interval)
    margin = policy.calibration_margin * squared_error(holdout.truth, champion)
    worse = interval.p_below(-margin) <= policy.guard_level and interval.difference < -margin
    theirs, mine = holdout.score(metric, champion), holdout.score(metric, challenger)
    claim = "is worse calibrated than the champion" if worse else "is not shown to be worse calibrated"
    return Calibrated(
        "failed" if worse else "passed",
        f"The challenger {claim} by more than {figure(margin)}: {metric.title} {figure(mine)} against "
        f"{figure(theirs)}, {in_words(interval)}.",
        margin,
        theirs,
        mine,
        interval.difference,
        interval.low,
        interval.high,
    )


def overfit_gap(metric: Metric, holdout_score: float | None, facts: ModelFacts, policy: PromotionPolicy) -> OverfitGap:
    """How much better the metric is on the training rows than on the holdout.

    In the metric's units; for a relative metric (mae, rmse) as a fraction of the holdout's error.

    Examples
    --------
    >>> from contender.stats.metrics import METRICS
    >>> overfit_gap(METRICS["auc"], 0.75, ModelFacts(training_metrics={"auc": 0.99}), PromotionPolicy()).reason
    'The area under the ROC curve is 0.99 on the training rows and 0.75 on the holdout: a gap of 0.24, at most 1.'
    """
    limit = policy.max_overfit_gap
    training = facts.training_metrics.get(metric.name)
    if training is None or holdout_score is None:
        return OverfitGap("not judged", f"The {metric.title} on the training rows is not known.", limit)
    gap = training - holdout_score if metric.greater_is_better else holdout_score - training
    if metric.relative_effect:
        gap = gap / abs(holdout_score) if holdout_score else 0.0
    reason = (
        f"The {metric.title} is {figure(training)} on the training rows and {figure(holdout_score)} on the holdout: "
        f"a gap of {figure(gap)}, {'above the' if gap > limit else 'at most'} {figure(limit)}"
        f"{' allowed' if gap > limit else ''}."
    )
    return OverfitGap("failed" if gap > limit else "passed", reason, limit, training, holdout_score, gap)


def model_size(challenger: ModelFacts, champion: ModelFacts | None, policy: PromotionPolicy) -> ModelSize:
    """Whether the served artifact is within its bound, and not too many times the champion's size.

    Examples
    --------
    >>> model_size(ModelFacts(300 * MIB), ModelFacts(2 * MIB), PromotionPolicy()).reason
    'The model has 300 MiB, above the 200 MiB allowed.'
    """
    limits = policy.max_model_mib, policy.max_size_ratio
    if challenger.model_bytes is None:
        return ModelSize("not judged", "The model's size is not known.", *limits)
    mine = challenger.model_bytes / MIB
    theirs = champion.model_bytes / MIB if champion and champion.model_bytes is not None else None
    status, reason, ratio = _within("The model has", mine, theirs, limits, unit="MiB", floor=SMALLEST_MIB)
    return ModelSize(status, reason, *limits, mine, theirs, ratio)


def latency(challenger: ModelFacts, champion: ModelFacts | None, policy: PromotionPolicy) -> Latency:
    """Whether a prediction is fast enough, and does not take too many times as long as the champion's.

    Examples
    --------
    >>> facts = [ModelFacts(milliseconds_per_row=each) for each in (9.0, 0.01)]
    >>> latency(*facts, PromotionPolicy()).reason
    "A prediction takes 9 ms, 90 times the champion's 0.01 ms (counted as 0.1), above the 50 times allowed."
    """
    limits = policy.max_latency_ms, policy.max_latency_ratio
    mine = challenger.milliseconds_per_row
    if mine is None:
        return Latency("not judged", "The time of a prediction was not measured.", *limits)
    theirs = champion.milliseconds_per_row if champion else None
    status, reason, ratio = _within("A prediction takes", mine, theirs, limits, unit="ms", floor=SHORTEST_MS)
    return Latency(status, reason, *limits, mine, theirs, ratio)


def _within(
    claim: str, mine: float, theirs: float | None, limits: tuple[float, float], *, unit: str, floor: float
) -> tuple[Status, str, float | None]:
    """Status, reason and ratio of a figure with an absolute bound and one in multiples of the champion's."""
    most, times = limits
    has = f"{claim} {figure(mine)} {unit}"
    ratio = mine / max(theirs, floor) if theirs is not None else None
    if mine > most:
        return "failed", f"{has}, above the {figure(most)} {unit} allowed.", ratio
    if theirs is None or ratio is None:
        return "passed", f"{has}; {figure(most)} {unit} are allowed.", ratio
    counted = f" (counted as {figure(floor)})" if theirs < floor else ""
    than = f"{figure(ratio)} times the champion's {figure(theirs)} {unit}{counted}"
    if ratio > times:
        return "failed", f"{has}, {than}, above the {figure(times)} times allowed.", ratio
    return "passed", f"{has}, {than}; {figure(most)} {unit} and {figure(times)} times are allowed.", ratio


def in_words(interval: Interval) -> str:
    """'better by 0.011, 95 % interval 0.007 to 0.015'; the interval is that of the improvement, also below zero."""
    low, high, size = interval_figures(interval.low, interval.high, size=abs(interval.difference))
    found = f"{'worse' if interval.difference < 0.0 else 'better'} by {size}" if interval.difference else "no different"
    of_what = " of the improvement" if interval.difference < 0.0 else ""
    return f"{found}, {percent(1.0 - 2.0 * interval.level)} interval{of_what} {low} to {high}"


def levels_of(column: str, labels: ArrayLike, rows: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """The levels of one slicing column with the masks of their rows; missing labels are a level too.

    Raises
    ------
    InvalidInputError
        When there is not one label for each row.
    """
    values = np.asarray(labels, dtype=object)
    if values.shape != (rows,):
        raise InvalidInputError(
            f"slices[{column!r}] must have shape ({rows},), one label for each of y, but got {values.shape}"
        )
    names = [MISSING_LEVEL if _is_missing(value) else str(value) for value in values.tolist()]
    found, level = np.unique(np.array(names, dtype=str), return_inverse=True)
    return [(str(name), level == i) for i, name in enumerate(found)]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))


def _named(slices: list[SliceEvidence]) -> str:
    shown = [f"{evidence.column}={evidence.level} ({evidence.reason})" for evidence in slices[:3]]
    return "; ".join(shown) + (f" and {len(slices) - 3} more" if len(slices) > 3 else "")
