"""Champion against challenger on the same rows: paired, by blocks, guarded, and free to say "cannot tell"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import ceil, floor, isfinite, isnan, log10, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.drift import holm_adjusted
from contender.errors import InvalidInputError
from contender.metrics import Floats, Integers, Metric, metric_for, prepared, task_of

Verdict = Literal["wins", "loses", "inconclusive"]
Status = Literal["passed", "failed", "undecided", "not judged"]
SliceStatus = Literal["no worse", "worse", "undecided", "not judged"]

# More blocks than this are pooled at random into so many groups: the standard error then has 399 degrees of
# freedom (an interval 0.3 % wider than with infinitely many), and a million independent rows cost no more
# than 400 groups.
MAX_GROUPS = 400
MAX_UNDEFINED_SHARE = 0.05
DECISION_POWER = 0.8
MAX_UNJUDGED_SLICES = 50
MISSING_LEVEL = "(missing)"
OPPONENTS = {"champion": "champion", "baseline": "naive baseline"}


@dataclass(frozen=True)
class PromotionPolicy:
    """When a challenger may replace the champion.

    Raises
    ------
    InvalidInputError
        When a value is outside its bounds.
    """

    metric: str = field(
        default="",
        metadata={
            "doc": "Metric that decides: auc, log_loss, brier, accuracy (binary), log_loss, accuracy, "
            "macro_f1 (multiclass), mae, rmse (regression). Empty is the first of the task's."
        },
    )
    min_effect: float = field(
        default=0.002,
        metadata={
            "doc": "Smallest improvement worth a change, in the metric's units; for mae and rmse a fraction "
            "of the champion's error.",
            "minimum": 0.0,
        },
    )
    confidence: float = field(
        default=0.95,
        metadata={
            "doc": "Confidence of the two-sided interval of the improvement. An equal challenger is "
            "promoted in at most half of the rest (2.5 % of comparisons at 0.95).",
            "minimum": 0.5,
            "maximum": 0.9999,
        },
    )
    n_resamples: int = field(
        default=2000,
        metadata={
            "doc": "Block resamples from which the interval is made.",
            "minimum": 100,
            "maximum": 100_000,
        },
    )
    min_rows: int = field(
        default=200, metadata={"doc": "With fewer holdout rows the comparison is inconclusive.", "minimum": 2}
    )
    min_blocks: int = field(
        default=5,
        metadata={"doc": "With fewer blocks (days, users) the comparison is inconclusive.", "minimum": 2},
    )
    slice_margin: float = field(
        default=0.05,
        metadata={
            "doc": "How much worse the challenger may be within a slice, in the units of `min_effect`.",
            "minimum": 0.0,
        },
    )
    min_slice_rows: int = field(
        default=200, metadata={"doc": "Slices with fewer rows are reported, but not judged.", "minimum": 2}
    )
    slice_rule: str = field(
        default="non-inferiority",
        metadata={
            "doc": "`non-inferiority`: every judged slice must be shown to be no worse than the margin. "
            "`harm`: a slice stands in the way only when it is shown to be worse than the margin.",
            "choices": ("non-inferiority", "harm"),
        },
    )
    must_beat_baseline: bool = field(
        default=True,
        metadata={"doc": "Whether the challenger must beat the naive predictor with confidence."},
    )

    def __post_init__(self) -> None:
        _check_between("min_effect", self.min_effect, 0.0, float("inf"))
        _check_between("slice_margin", self.slice_margin, 0.0, float("inf"))
        _check_between("confidence", self.confidence, 0.5, 0.9999)
        _check_between("n_resamples", self.n_resamples, 100, 100_000)
        _check_between("min_rows", self.min_rows, 2, float("inf"))
        _check_between("min_blocks", self.min_blocks, 2, float("inf"))
        _check_between("min_slice_rows", self.min_slice_rows, 2, float("inf"))
        if self.slice_rule not in ("non-inferiority", "harm"):
            raise InvalidInputError(f"slice_rule must be 'non-inferiority' or 'harm', but got {self.slice_rule!r}")

    @property
    def error_rate(self) -> float:
        """The chance that a one-sided claim made from the interval is wrong."""
        return (1.0 - self.confidence) / 2.0


@dataclass(frozen=True)
class Interval:
    """A paired improvement (positive: the challenger is better) with its two-sided confidence interval.

    `units` is how many blocks, or pooled groups of blocks, were resampled: one more than the degrees of
    freedom.
    """

    difference: float
    low: float
    high: float
    standard_error: float
    units: int


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
    judged: int
    not_judged: int
    slices: tuple[SliceEvidence, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found, oriented so that a positive `difference` means that the challenger is better.

    Attributes
    ----------
    verdict : "wins", "loses" or "inconclusive".
    reason : one or two sentences with the figures.
    against : "champion", or "baseline" where there was no champion yet.
    champion, challenger, baseline : the metric of each on these rows, None where undefined or not given.
    difference, low, high, standard_error : the paired improvement and its interval, None where undefined.
    min_effect : the improvement asked for, in the metric's units.
    rows_needed, blocks_needed : for an inconclusive interval, how much would decide with 80 % chance if the
        difference is what it seems; None where that does not apply or no number would do.
    """

    verdict: Verdict
    reason: str
    metric: str
    greater_is_better: bool
    against: Literal["champion", "baseline"]
    champion: float | None
    challenger: float | None
    baseline: float | None
    difference: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    confidence: float
    min_effect: float
    rows: int
    blocks: int
    rows_needed: int | None
    blocks_needed: int | None
    enough_data: EnoughData
    beats_baseline: BeatsBaseline
    slices_no_worse: SlicesNoWorse

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Sample:
    """One holdout's resampling: each row's block and group, and how often each replicate drew each group."""

    block: Integers
    group: Integers
    counts: Floats

    @property
    def blocks(self) -> int:
        return _distinct(self.block)

    @property
    def units(self) -> int:
        """How many groups these rows are in; groups are blocks unless there are more than `MAX_GROUPS`."""
        return _distinct(self.group)

    def of(self, rows: NDArray[np.bool_]) -> _Sample:
        """The same replicates, seen by a subset of the rows."""
        return _Sample(self.block[rows], self.group[rows], self.counts)


def compare(
    y: ArrayLike,
    champion_predictions: ArrayLike,
    challenger_predictions: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    slices: Mapping[str, ArrayLike] | None = None,
    baseline_predictions: ArrayLike | None = None,
    policy: PromotionPolicy | None = None,
    metric: Metric | None = None,
    positive: int = 1,
    seed: int = 0,
) -> Comparison:
    """Judge a challenger against the champion on the same rows, newer than what either was trained on.

    The improvement is bootstrapped over whole blocks [1]_, both models on the same replicates. Its interval
    is `difference` ± t(blocks − 1) × standard error × sqrt(B / (B − 1)) [2]_. Percentile intervals are not
    used: with 5 to 14 blocks they promoted an equal challenger in up to 4.7 % of simulated comparisons where
    2.5 % were allowed. With five blocks the chosen interval is 1.6 times as wide as the normal one: that is
    what few blocks cost.

    Parameters
    ----------
    y : (n,) class indices, or float targets for regression.
    champion_predictions, challenger_predictions, baseline_predictions : (n, k); k = 1 is regression, else
        class probabilities in the order of the class indices. The baseline is a naive predictor, see
        `naive_predictions`.
    blocks : (n,) labels of rows that are not independent (a day, a user). None: every row is its own block.
    slices : column name to (n,) labels; the challenger must not be worse within any level.
    policy : thresholds; `policy.metric` names the metric unless `metric` gives a user's own.
    positive : for two classes, the index of the positive one.
    seed : of the resampling; the same seed gives the same answer.

    Raises
    ------
    InvalidInputError
        When shapes disagree, a value is missing or infinite, or the metric is not defined for the task.

    References
    ----------
    .. [1] Davison & Hinkley (1997), "Bootstrap Methods and their Application", section 3.8.
    .. [2] Hesterberg (2015), "What Teachers Should Know About the Bootstrap", The American Statistician
       69(4), 371-386.

    Examples
    --------
    >>> truth = np.tile([0, 1], 500)
    >>> sharp, blunt = np.where(truth == 1, 0.8, 0.2), np.where(np.arange(1000) % 3 == 0, 0.5, truth)
    >>> as_columns = lambda score: np.stack([1 - score, score], axis=1)
    >>> result = compare(truth, as_columns(blunt), as_columns(sharp), blocks=np.arange(1000) // 50)
    >>> result.verdict, round(result.champion, 3), result.challenger
    ('wins', 0.944, 1.0)
    """
    policy = policy or PromotionPolicy()
    truth, champion = prepared(y, champion_predictions, positive=positive)
    challenger = _like(champion, y, challenger_predictions, "challenger_predictions", positive)
    baseline = None
    if baseline_predictions is not None:
        baseline = _like(champion, y, baseline_predictions, "baseline_predictions", positive)
    holdout = _Holdout(truth, _metric(champion, policy, metric), policy, _resample(blocks, len(truth), policy, seed))
    unit = holdout.effect_unit(champion)
    return _concluded(
        holdout,
        against="champion",
        opponent=champion,
        challenger=challenger,
        min_effect=policy.min_effect * unit,
        beats=beats_baseline(holdout, challenger, baseline),
        slices=slices_no_worse(holdout, champion, challenger, slices or {}, margin=policy.slice_margin * unit),
        baseline=None if baseline is None else holdout.score(baseline),
    )


def first_champion(
    y: ArrayLike,
    challenger_predictions: ArrayLike,
    baseline_predictions: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    policy: PromotionPolicy | None = None,
    metric: Metric | None = None,
    positive: int = 1,
    seed: int = 0,
) -> Comparison:
    """Judge a pipeline's first model: it wins when it beats the naive baseline with confidence, by whatever
    margin.

    Arguments, errors and method as for `compare`.

    Examples
    --------
    >>> truth = np.linspace(0.0, 1.0, 400)
    >>> mean = naive_predictions(truth, rows=400)
    >>> first_champion(truth, truth[:, None] + 0.01, mean, blocks=np.arange(400) // 20).verdict
    'wins'
    """
    policy = policy or PromotionPolicy()
    truth, challenger = prepared(y, challenger_predictions, positive=positive)
    baseline = _like(challenger, y, baseline_predictions, "baseline_predictions", positive)
    holdout = _Holdout(truth, _metric(challenger, policy, metric), policy, _resample(blocks, len(truth), policy, seed))
    return _concluded(
        holdout,
        against="baseline",
        opponent=baseline,
        challenger=challenger,
        min_effect=0.0,
        beats=beats_baseline(holdout, challenger, baseline),
        slices=SlicesNoWorse("not judged", "There is no champion to be worse than.", policy.slice_margin, 0, 0),
        baseline=holdout.score(baseline),
    )


def naive_predictions(y_train: ArrayLike, *, rows: int, classes: int = 1) -> Floats:
    """Predictions (rows, classes) that ignore the features: the class shares of training, or the mean of its
    target.

    Raises
    ------
    InvalidInputError
        When there is no training row, or a class index is out of range.

    Examples
    --------
    >>> naive_predictions([0, 0, 0, 1], rows=2, classes=2).tolist()
    [[0.75, 0.25], [0.75, 0.25]]
    """
    truth = np.asarray(y_train, dtype=np.float64)
    if truth.ndim != 1 or len(truth) == 0:
        raise InvalidInputError(f"y_train must have one dimension and at least one row, but got shape {truth.shape}")
    if classes == 1:
        return np.full((rows, 1), truth.mean())
    if not 0 <= truth.min() <= truth.max() < classes:
        raise InvalidInputError(
            f"y_train must hold class indices from 0 to {classes - 1}, but got {truth.min()} to {truth.max()}"
        )
    shares = np.bincount(truth.astype(np.int64), minlength=classes) / len(truth)
    return np.tile(shares, (rows, 1))


def enough_data(rows: int, blocks: int, policy: PromotionPolicy) -> EnoughData:
    """Whether the holdout is large enough to say anything at all."""
    enough = rows >= policy.min_rows and blocks >= policy.min_blocks
    reason = (
        f"There are {rows:,} rows in {blocks:,} blocks; {policy.min_rows:,} rows and {policy.min_blocks:,} "
        "blocks are asked for."
    )
    status: Status = "passed" if enough else "undecided"
    return EnoughData(status, reason, rows, policy.min_rows, blocks, policy.min_blocks)


@dataclass(frozen=True)
class _Holdout:
    """Rows with the metric, policy and replicates that every figure of one comparison is made with."""

    truth: Floats
    metric: Metric
    policy: PromotionPolicy
    sample: _Sample

    def score(self, predictions: Floats) -> float | None:
        return self.metric.rows(self.truth, predictions, np.ones(len(self.truth)))

    def only(self, rows: NDArray[np.bool_]) -> _Holdout:
        return replace(self, truth=self.truth[rows], sample=self.sample.of(rows))

    def effect_unit(self, champion: Floats) -> float:
        """What the policy's effect sizes are multiplied by to be in the metric's units."""
        score = self.score(champion) if self.metric.relative_effect else 1.0
        return abs(score) if score is not None else 1.0

    def interval(self, opponent: Floats, challenger: Floats) -> Interval | str:
        """The challenger's paired improvement, or a sentence that says why it is undefined."""
        units = self.sample.units
        if units < 2:
            return f"The number of blocks is {units}, and two are the least that can vary."
        mine, theirs = self.score(challenger), self.score(opponent)
        if mine is None or theirs is None:
            return f"The {self.metric.title} is undefined on these rows, as when all are of one class."
        group, counts = self.sample.group, self.sample.counts
        replicates = self.metric.score_groups(self.truth, challenger, group, counts)
        replicates = replicates - self.metric.score_groups(self.truth, opponent, group, counts)
        defined = replicates[np.isfinite(replicates)]
        undefined_share = 1.0 - len(defined) / len(replicates)
        if undefined_share > MAX_UNDEFINED_SHARE:
            return (
                f"The {self.metric.title} is undefined in {undefined_share:.0%} of the resamples "
                f"({MAX_UNDEFINED_SHARE:.0%} are tolerated): a class is too rare, or in too few blocks."
            )
        difference = mine - theirs if self.metric.greater_is_better else theirs - mine
        error = float(defined.std()) * sqrt(units / (units - 1))
        reach = _t_quantile(1.0 - self.policy.error_rate, units - 1) * error
        return Interval(difference, difference - reach, difference + reach, error, units)

    def words(self, interval: Interval) -> str:
        """'better by 0.011, 95 % interval 0.007 to 0.015'; the interval is that of the improvement, also below zero."""
        low, high, size = _figures(interval.low, interval.high, size=abs(interval.difference))
        found = (
            f"{'worse' if interval.difference < 0.0 else 'better'} by {size}" if interval.difference else "no different"
        )
        of_what = " of the improvement" if interval.difference < 0.0 else ""
        return f"{found}, {100.0 * self.policy.confidence:.4g} % interval{of_what} {low} to {high}"


def beats_baseline(holdout: _Holdout, challenger: Floats, baseline: Floats | None) -> BeatsBaseline:
    """Whether the challenger is better than a naive predictor, at the policy's confidence."""
    if baseline is None or not holdout.policy.must_beat_baseline:
        return BeatsBaseline("not judged", "No naive baseline was asked for.")
    interval = holdout.interval(baseline, challenger)
    mine, naive = holdout.score(challenger), holdout.score(baseline)
    if isinstance(interval, str):
        return BeatsBaseline("undecided", interval, mine, naive)
    status: Status = "passed" if interval.low > 0.0 else "failed" if interval.high <= 0.0 else "undecided"
    claim = {
        "passed": "The challenger beats the naive baseline",
        "failed": "The challenger is no better than the naive baseline",
        "undecided": "It is not shown that the challenger beats the naive baseline",
    }[status]
    figures = f"{holdout.metric.title} {_figure(mine)} against {_figure(naive)}, {holdout.words(interval)}"
    return BeatsBaseline(status, f"{claim}: {figures}.", mine, naive, interval.difference, interval.low, interval.high)


def slices_no_worse(
    holdout: _Holdout,
    champion: Floats,
    challenger: Floats,
    slices: Mapping[str, ArrayLike],
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
        return SlicesNoWorse("not judged", "No slices were declared.", margin, 0, 0)
    found = [
        _slice_evidence(holdout.only(rows), champion[rows], challenger[rows], name=(column, level), margin=margin)
        for column, labels in slices.items()
        for level, rows in _levels(column, labels, len(holdout.truth))
    ]
    judged = [evidence for evidence in found if evidence.p_worse is not None]
    adjusted = holm_adjusted(np.array([evidence.p_worse for evidence in judged], dtype=np.float64)).tolist()
    decided = tuple(
        _decided(evidence, p_value, holdout.policy) for evidence, p_value in zip(judged, adjusted, strict=True)
    )
    others = sorted((e for e in found if e.p_worse is None), key=lambda e: (-e.rows, e.column, e.level))
    status, reason = _slices_status(decided, holdout.policy, margin)
    if others:
        reason += f" {len(others):,} more {'slice was' if len(others) == 1 else 'slices were'} not judged."
    return SlicesNoWorse(
        status, reason, margin, len(decided), len(others), decided + tuple(others[:MAX_UNJUDGED_SLICES])
    )


def _slice_evidence(
    part: _Holdout, champion: Floats, challenger: Floats, *, name: tuple[str, str], margin: float
) -> SliceEvidence:
    """One slice's figures; not yet judged against the other slices."""
    rows, asked = len(part.truth), part.policy.min_slice_rows
    evidence = SliceEvidence(*name, rows, part.sample.blocks, "not judged", "")
    if rows < asked:
        return replace(evidence, reason=f"{rows:,} rows are fewer than the {asked:,} asked for.")
    interval = part.interval(champion, challenger)
    if isinstance(interval, str):
        return replace(evidence, reason=interval)
    return replace(
        evidence,
        reason=part.words(interval),
        champion=part.score(champion),
        challenger=part.score(challenger),
        difference=interval.difference,
        low=interval.low,
        high=interval.high,
        p_no_worse=_upper_tail(interval.difference + margin, interval),
        p_worse=_upper_tail(-interval.difference - margin, interval),
    )


def _decided(evidence: SliceEvidence, adjusted_p_worse: float, policy: PromotionPolicy) -> SliceEvidence:
    status: SliceStatus = "undecided"
    if adjusted_p_worse <= policy.error_rate:
        status = "worse"
    elif evidence.p_no_worse is not None and evidence.p_no_worse <= policy.error_rate:
        status = "no worse"
    return replace(evidence, status=status, adjusted_p_worse=adjusted_p_worse)


def _slices_status(judged: tuple[SliceEvidence, ...], policy: PromotionPolicy, margin: float) -> tuple[Status, str]:
    worse = [evidence for evidence in judged if evidence.status == "worse"]
    undecided = [evidence for evidence in judged if evidence.status == "undecided"]
    more = f"by more than {_figure(margin)}"
    if worse:
        return "failed", f"The challenger is worse {more} in {_named(worse)}."
    if not judged:
        return "not judged", "No slice could be judged."
    if undecided and policy.slice_rule == "non-inferiority":
        return "undecided", f"It is not ruled out that the challenger is worse {more} in {_named(undecided)}."
    shown = "shown to be worse" if undecided else "worse"
    return "passed", f"In none of {len(judged)} slices is the challenger {shown} {more}."


def _concluded(
    holdout: _Holdout,
    *,
    against: Literal["champion", "baseline"],
    opponent: Floats,
    challenger: Floats,
    min_effect: float,
    beats: BeatsBaseline,
    slices: SlicesNoWorse,
    baseline: float | None,
) -> Comparison:
    """The verdict of the interval, then of the guards: a guard can stop a win, never make one."""
    rows, blocks = len(holdout.truth), holdout.sample.blocks
    enough = enough_data(rows, blocks, holdout.policy)
    interval = holdout.interval(opponent, challenger)
    theirs, mine = holdout.score(opponent), holdout.score(challenger)
    verdict: Verdict = "inconclusive"
    needed: tuple[int, int] | None = None
    if enough.status != "passed":
        reason = f"Not enough data to compare: {_lower_first(enough.reason)}"
    elif isinstance(interval, str):
        reason = f"Cannot compare: {_lower_first(interval)}"
    else:
        verdict = _interval_verdict(interval, min_effect)
        needed = _needed(holdout, interval, min_effect) if verdict == "inconclusive" else None
        figures = (
            f"{holdout.metric.title} {_figure(mine)} against the {OPPONENTS[against]}'s {_figure(theirs)} "
            f"on the same {_amount(rows, blocks)}, {holdout.words(interval)}"
        )
        reason = _sentence(verdict, figures, min_effect, needed)
        for guard in (beats, slices):
            if verdict == "wins" and guard.status in ("failed", "undecided"):
                verdict = "loses" if guard.status == "failed" else "inconclusive"
                reason = f"Held back, though better overall ({figures}): {_lower_first(guard.reason)}"
    known = interval if isinstance(interval, Interval) else None
    return Comparison(
        verdict=verdict,
        reason=reason,
        metric=holdout.metric.name,
        greater_is_better=holdout.metric.greater_is_better,
        against=against,
        champion=theirs if against == "champion" else None,
        challenger=mine,
        baseline=baseline,
        difference=known.difference if known else None,
        low=known.low if known else None,
        high=known.high if known else None,
        standard_error=known.standard_error if known else None,
        confidence=holdout.policy.confidence,
        min_effect=min_effect,
        rows=rows,
        blocks=blocks,
        rows_needed=needed[0] if needed else None,
        blocks_needed=needed[1] if needed else None,
        enough_data=enough,
        beats_baseline=beats,
        slices_no_worse=slices,
    )


def _interval_verdict(interval: Interval, min_effect: float) -> Verdict:
    """Wins above the minimum effect, loses where that is ruled out, else inconclusive."""
    if interval.low > min_effect:
        return "wins"
    return "loses" if interval.high <= min_effect else "inconclusive"


def _needed(holdout: _Holdout, interval: Interval, min_effect: float) -> tuple[int, int] | None:
    """Rows and blocks that would decide with 80 % chance if the difference is what it seems."""
    gap = abs(interval.difference - min_effect)
    per_unit = interval.standard_error * sqrt(interval.units)
    if gap <= per_unit * 1e-6:
        return None
    units = interval.units
    for _ in range(50):  # the t quantile depends on the answer; a fixed point is reached in a few rounds
        quantiles = (1.0 - holdout.policy.error_rate, DECISION_POWER)
        reach = sum(_t_quantile(quantile, units - 1) for quantile in quantiles)
        wanted = max(2, ceil((reach * per_unit / gap) ** 2))
        if wanted == units:
            break
        units = wanted
    growth = max(units, interval.units + 1) / interval.units
    return ceil(growth * len(holdout.truth)), ceil(growth * holdout.sample.blocks)


def _sentence(verdict: Verdict, figures: str, min_effect: float, needed: tuple[int, int] | None) -> str:
    asked = f"an improvement of {_figure(min_effect)}" if min_effect > 0.0 else "an improvement"
    if verdict == "wins":
        above = f", above the {_figure(min_effect)} asked for" if min_effect > 0.0 else ""
        return f"The challenger wins: {figures}{above}."
    if verdict == "loses":
        return f"The challenger loses: {figures}, which rules out {asked}."
    amount = f"about {_amount(*(_rounded_up(n) for n in needed))}" if needed else "no number of rows"
    return (
        f"Not enough rows to tell: {figures}, which neither shows nor rules out {asked}; {amount} would "
        "decide if the difference is what it seems."
    )


def _resample(blocks: ArrayLike | None, rows: int, policy: PromotionPolicy, seed: int) -> _Sample:
    """Draw whole blocks with replacement, as many as there are; more than `MAX_GROUPS` are pooled first."""
    block = _block_numbers(blocks, rows)
    count = int(block.max()) + 1 if rows else 0
    if count == 0:
        return _Sample(block, block, np.zeros((policy.n_resamples, 1)))
    generator = np.random.default_rng(seed)
    groups = min(count, MAX_GROUPS)
    group = block if groups == count else (generator.permutation(count) % groups)[block]
    drawn = generator.integers(0, groups, (policy.n_resamples, groups))
    drawn += np.arange(policy.n_resamples)[:, None] * groups
    counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return _Sample(block, group, counts.astype(np.float64))


def _block_numbers(blocks: ArrayLike | None, rows: int) -> Integers:
    """Block labels as numbers from 0; every row its own block where there are no labels."""
    if blocks is None:
        return np.arange(rows)
    labels = np.asarray(blocks)
    if labels.shape != (rows,):
        raise InvalidInputError(f"blocks must have shape ({rows},), one label for each of y, but got {labels.shape}")
    if labels.dtype == object:
        labels = labels.astype(str)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _levels(column: str, labels: ArrayLike, rows: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """The levels of one slicing column with the masks of their rows; missing labels are a level too."""
    values = np.asarray(labels, dtype=object)
    if values.shape != (rows,):
        raise InvalidInputError(
            f"slices[{column!r}] must have shape ({rows},), one label for each of y, but got {values.shape}"
        )
    names = [MISSING_LEVEL if _is_missing(value) else str(value) for value in values.tolist()]
    found, level = np.unique(np.array(names, dtype=str), return_inverse=True)
    return [(str(name), level == i) for i, name in enumerate(found)]


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))


def _metric(predictions: Floats, policy: PromotionPolicy, metric: Metric | None) -> Metric:
    chosen = metric or metric_for(task_of(predictions), policy.metric)
    chosen.check_task(predictions)
    return chosen


def _like(first: Floats, y: ArrayLike, predictions: ArrayLike, name: str, positive: int) -> Floats:
    """Another model's predictions, validated to have the first one's shape."""
    shape = np.shape(predictions)
    if shape != first.shape:
        raise InvalidInputError(f"{name} must have shape {first.shape} like the others, but got {shape}")
    return prepared(y, predictions, positive=positive)[1]


def _distinct(numbers: Integers) -> int:
    return int(np.count_nonzero(np.bincount(numbers))) if len(numbers) else 0


def _t_quantile(probability: float, freedom: int) -> float:
    # Imported where it is used: every process that reads a pipeline file imports this module, but not scipy.
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(freedom, probability))


def _upper_tail(value: float, interval: Interval) -> float:
    """One-sided p-value of "the true value is at most zero", by Student's t with units - 1 degrees."""
    from scipy.special import stdtr  # noqa: PLC0415  # as above

    if interval.standard_error <= 0.0:
        return 0.0 if value > 0.0 else 1.0
    return float(stdtr(interval.units - 1, -value / interval.standard_error))


def _figure(value: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"


def _figures(low: float, high: float, *, size: float) -> list[str]:
    """An interval's ends and the size of the difference, with as many decimals as the interval's width is worth."""
    values, width = (low, high, size), high - low
    if not (width > 0.0 and isfinite(width)):
        return [f"{value:.4g}" for value in values]
    decimals = min(12, max(0, 1 - floor(log10(width))))
    return [f"{value:,.{decimals}f}" for value in values]


def _amount(rows: int, blocks: int) -> str:
    return f"{rows:,} rows" if rows == blocks else f"{rows:,} rows ({blocks:,} blocks)"


def _rounded_up(number: int) -> int:
    """Two leading digits are all that an extrapolation is worth."""
    step = 10 ** max(0, len(str(number)) - 2)
    rounded: int = -(-number // step) * step
    return rounded


def _named(slices: list[SliceEvidence]) -> str:
    shown = [f"{evidence.column}={evidence.level} ({evidence.reason})" for evidence in slices[:3]]
    return "; ".join(shown) + (f" and {len(slices) - 3} more" if len(slices) > 3 else "")


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _check_between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        bound = f"at least {low}" if high == float("inf") else f"between {low} and {high}"
        raise InvalidInputError(f"{name} must be {bound}, but got {value}")
