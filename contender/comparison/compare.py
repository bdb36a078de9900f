"""Compares challenger and champion on the same rows: paired, resampled by blocks, guarded; the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from contender.comparison.alpha_spending import NOTHING_EARLIER, SMALLEST_LEVEL, Earlier, Spending, spend
from contender.comparison.guards import (
    BeatsBaseline,
    Calibrated,
    EnoughData,
    Guard,
    Latency,
    ModelSize,
    OverfitGap,
    SlicesNoWorse,
    beats_baseline,
    calibrated,
    enough_data,
    in_words,
    latency,
    model_size,
    overfit_gap,
    slices_no_worse,
)
from contender.errors import InvalidInputError
from contender.formatting import amount, figure, lower_first, rounded_up
from contender.pipeline.promotion_policy import PromotionPolicy as PromotionPolicy  # noqa: PLC0414  # for callers of compare
from contender.registry.candidate import ModelFacts
from contender.stats.metrics import Floats, Metric, metric_for, prepared, task_of
from contender.stats.resampling import Holdout, Interval, resample

Verdict = Literal["wins", "loses", "inconclusive"]

DECISION_POWER = 0.8
OPPONENTS = {"champion": "champion", "baseline": "naive baseline"}
NO_FACTS = ModelFacts()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found, oriented so that a positive `difference` means that the challenger is better.

    Attributes
    ----------
    verdict : "wins", "loses" or "inconclusive".
    reason : one or two sentences with the figures.
    metric, metric_title : how policies name it, and how sentences do.
    against : "champion", or "baseline" where there was no champion yet.
    champion, challenger, baseline : the metric of each on these rows, None where undefined or not given.
    difference, low, high, standard_error : the paired improvement and its interval, None where undefined.
    confidence : of that interval, two-sided: 1 - 2 * spending.level.
    spending : the comparison's place in the sequence, and the level that it may spend.
    min_effect : the improvement asked for, in the metric's units.
    rows_needed, blocks_needed : for an inconclusive interval, how much would decide with 80 % chance if the
        difference is what it seems, at the level in use; None where that does not apply or no number would do.
    enough_data, … : the evidence of each guard.
    """

    verdict: Verdict
    reason: str
    metric: str
    metric_title: str
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
    spending: Spending
    min_effect: float
    rows: int
    blocks: int
    rows_needed: int | None
    blocks_needed: int | None
    enough_data: EnoughData
    beats_baseline: BeatsBaseline
    slices_no_worse: SlicesNoWorse
    calibrated: Calibrated
    overfit_gap: OverfitGap
    model_size: ModelSize
    latency: Latency

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


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
    earlier: Earlier = NOTHING_EARLIER,
    champion_facts: ModelFacts = NO_FACTS,
    challenger_facts: ModelFacts = NO_FACTS,
    seed: int = 0,
) -> Comparison:
    """Judge a challenger against the champion on the same rows, newer than what either was trained on.

    The improvement is bootstrapped over whole blocks [1]_, both models on the same replicates. Its interval
    is `difference` ± t(blocks − 1) × standard error × sqrt(B / (B − 1)) [2]_, lengthened where the blocks are skewed
    (`contender.stats.resampling.reach`), at the level that is this comparison's share of the sequence's rate
    (`contender.comparison.alpha_spending.spend`). Percentile intervals are not used: with 5 to 14 blocks they promoted
    an equal challenger in up to 4.7 % of simulated comparisons where 2.5 % were allowed. With five blocks the chosen
    interval is 1.6 times as wide as the normal one: that is what few blocks cost.

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
    earlier : the comparisons that this one has to pay for; see
        `contender.comparison.alpha_spending.earlier_comparisons`.
    champion_facts, challenger_facts : size, latency and training metrics, where they are known.
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
    >>> sharp, blunt = np.where(truth == 1, 0.95, 0.05), np.where(np.arange(1000) % 3 == 0, 0.5, truth)
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
    metric = _metric(champion, policy, metric)
    holdout = Holdout(truth, resample(blocks, len(truth), n_resamples=policy.n_resamples, seed=seed))
    unit = _effect_unit(metric, holdout.score(metric, champion))
    margin = policy.slice_margin * unit
    return _concluded(
        _Duel(holdout, metric, policy, spend(policy.false_promotion_rate, earlier), "champion", champion, challenger),
        min_effect=policy.min_effect * unit,
        guards=_Guards(
            enough_data(len(truth), holdout.blocks, policy),
            beats_baseline(holdout, metric, challenger, baseline, policy),
            slices_no_worse(holdout, metric, champion, challenger, slices or {}, policy, margin=margin),
            calibrated(holdout, champion, challenger, policy),
            overfit_gap(metric, holdout.score(metric, challenger), challenger_facts, policy),
            model_size(challenger_facts, champion_facts, policy),
            latency(challenger_facts, champion_facts, policy),
        ),
        baseline=None if baseline is None else holdout.score(metric, baseline),
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
    earlier: Earlier = NOTHING_EARLIER,
    challenger_facts: ModelFacts = NO_FACTS,
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
    metric = _metric(challenger, policy, metric)
    holdout = Holdout(truth, resample(blocks, len(truth), n_resamples=policy.n_resamples, seed=seed))
    return _concluded(
        _Duel(holdout, metric, policy, spend(policy.false_promotion_rate, earlier), "baseline", baseline, challenger),
        min_effect=0.0,
        guards=_Guards(
            enough_data(len(truth), holdout.blocks, policy),
            beats_baseline(holdout, metric, challenger, baseline, policy),
            SlicesNoWorse("not judged", "There is no champion to be worse than.", policy.slice_margin),
            Calibrated("not judged", "There is no champion to be worse than."),
            overfit_gap(metric, holdout.score(metric, challenger), challenger_facts, policy),
            model_size(challenger_facts, None, policy),
            latency(challenger_facts, None, policy),
        ),
        baseline=holdout.score(metric, baseline),
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


@dataclass(frozen=True)
class _Duel:
    """Two models' predictions on one holdout, and by what they are judged."""

    holdout: Holdout
    metric: Metric
    policy: PromotionPolicy
    spending: Spending
    against: Literal["champion", "baseline"]
    opponent: Floats
    challenger: Floats

    @property
    def level(self) -> float:
        return max(self.spending.level, SMALLEST_LEVEL)

    def improvement(self) -> Interval | str:
        return self.holdout.improvement(self.metric, self.opponent, self.challenger, level=self.level)


@dataclass(frozen=True)
class _Guards:
    """Every guard's evidence, in the order in which they are asked."""

    enough_data: EnoughData
    beats_baseline: BeatsBaseline
    slices_no_worse: SlicesNoWorse
    calibrated: Calibrated
    overfit_gap: OverfitGap
    model_size: ModelSize
    latency: Latency

    def in_the_way(self) -> Guard | None:
        """The first guard that stops a win: one that failed, else one that cannot tell."""
        found: list[Guard] = [getattr(self, name) for name in self.__dataclass_fields__]
        for status in ("failed", "undecided"):
            for guard in found:
                if guard.status == status:
                    return guard
        return None


def _concluded(duel: _Duel, *, min_effect: float, guards: _Guards, baseline: float | None) -> Comparison:
    """The verdict of the interval, then of the guards."""
    holdout, interval = duel.holdout, duel.improvement()
    theirs, mine = (holdout.score(duel.metric, each) for each in (duel.opponent, duel.challenger))
    verdict: Verdict = "inconclusive"
    needed: tuple[int, int] | None = None
    if guards.enough_data.status != "passed":
        reason = f"Not enough data to compare: {lower_first(guards.enough_data.reason)}"
    elif isinstance(interval, str):
        reason = f"Cannot compare: {lower_first(interval)}"
    else:
        verdict = _interval_verdict(interval, min_effect)
        if verdict == "wins" and duel.spending.exhausted:
            verdict = "inconclusive"
        needed = _needed(holdout, interval, min_effect) if verdict == "inconclusive" else None
        figures = (
            f"{duel.metric.title} {figure(mine)} against the {OPPONENTS[duel.against]}'s {figure(theirs)} "
            f"on the same {amount(len(holdout), holdout.blocks)}, {in_words(interval)}"
        )
        reason = _sentence(verdict, figures, min_effect, needed) + _of_the_sequence(duel.spending)
        guard = guards.in_the_way()
        if verdict == "wins" and guard is not None:
            verdict = "loses" if guard.status == "failed" else "inconclusive"
            overall = "better" if min_effect >= 0.0 else "not worse"
            reason = f"Held back, though {overall} overall ({figures}): {lower_first(guard.reason)}"
    known = interval if isinstance(interval, Interval) else None
    return Comparison(
        verdict=verdict,
        reason=reason,
        metric=duel.metric.name,
        metric_title=duel.metric.title,
        greater_is_better=duel.metric.greater_is_better,
        against=duel.against,
        champion=theirs if duel.against == "champion" else None,
        challenger=mine,
        baseline=baseline,
        difference=known.difference if known else None,
        low=known.low if known else None,
        high=known.high if known else None,
        standard_error=known.standard_error if known else None,
        confidence=1.0 - 2.0 * duel.level,
        spending=duel.spending,
        min_effect=min_effect,
        rows=len(holdout),
        blocks=holdout.blocks,
        rows_needed=needed[0] if needed else None,
        blocks_needed=needed[1] if needed else None,
        **vars(guards),
    )


def _interval_verdict(interval: Interval, min_effect: float) -> Verdict:
    """Wins above the minimum effect, loses where that is ruled out, else inconclusive."""
    if interval.low > min_effect:
        return "wins"
    return "loses" if interval.high <= min_effect else "inconclusive"


def _needed(holdout: Holdout, interval: Interval, min_effect: float) -> tuple[int, int] | None:
    """Rows and blocks that would decide with 80 % chance at the same level if the difference is what it seems."""
    from scipy.special import stdtrit  # noqa: PLC0415  # not loaded by who only reads a pipeline file

    gap = abs(interval.difference - min_effect)
    per_unit = interval.standard_error * sqrt(interval.units)
    if gap <= per_unit * 1e-6:
        return None
    units = interval.units
    for _ in range(50):  # the t quantile depends on the answer; a fixed point is reached in a few rounds
        away = sum(-float(stdtrit(units - 1, chance)) for chance in (interval.level, 1.0 - DECISION_POWER))
        wanted = max(2, ceil((away * per_unit / gap) ** 2))
        if wanted == units:
            break
        units = wanted
    growth = max(units, interval.units + 1) / interval.units
    return ceil(growth * len(holdout)), ceil(growth * holdout.blocks)


def _sentence(verdict: Verdict, figures: str, min_effect: float, needed: tuple[int, int] | None) -> str:
    asked = f"an improvement of {figure(min_effect)}" if min_effect > 0.0 else "an improvement"
    above = f", above the {figure(min_effect)} asked for" if min_effect > 0.0 else ""
    if min_effect < 0.0:
        asked = f"that it is worse by less than {figure(-min_effect)}"
        above = f", so not worse by the {figure(-min_effect)} that is allowed"
    if verdict == "wins":
        return f"The challenger wins: {figures}{above}."
    if verdict == "loses":
        return f"The challenger loses: {figures}, which rules out {asked}."
    would = f"about {amount(*(rounded_up(n) for n in needed))}" if needed else "no number of rows"
    return (
        f"Not enough rows to tell: {figures}, which neither shows nor rules out {asked}; {would} would "
        "decide if the difference is what it seems."
    )


def _of_the_sequence(spending: Spending) -> str:
    """Why the interval is wider than that of a first comparison, where it is."""
    if spending.comparison == 1 and not spending.reused:
        return ""
    return f" {spending.reason}"


def _metric(predictions: Floats, policy: PromotionPolicy, metric: Metric | None) -> Metric:
    chosen = metric or metric_for(task_of(predictions), policy.metric)
    chosen.check_task(predictions)
    return chosen


def _effect_unit(metric: Metric, champion: float | None) -> float:
    """What the policy's effect sizes are multiplied by to be in the metric's units."""
    return abs(champion) if metric.relative_effect and champion is not None else 1.0


def _like(first: Floats, y: ArrayLike, predictions: ArrayLike, name: str, positive: int) -> Floats:
    """Another model's predictions, validated to have the first one's shape."""
    shape = np.shape(predictions)
    if shape != first.shape:
        raise InvalidInputError(f"{name} must have shape {first.shape} like the others, but got {shape}")
    return prepared(y, predictions, positive=positive)[1]
