"""Compares challenger and champion on the same rows: paired, resampled by blocks, guarded; the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from contender.comparison import wording
from contender.comparison.alpha_spending import NOTHING_EARLIER, SMALLEST_LEVEL, Earlier, Spending, spend
from contender.comparison.guards.baseline import BeatsBaseline, beats_baseline
from contender.comparison.guards.calibration import Calibrated, calibrated
from contender.comparison.guards.enough_data import EnoughData, enough_data
from contender.comparison.guards.outcome import Guards
from contender.comparison.guards.overfitting import OverfitGap, overfit_gap
from contender.comparison.guards.resources import Latency, ModelSize, latency, model_size
from contender.comparison.guards.slices import SlicesNoWorse, slices_no_worse
from contender.comparison.sample_size import rows_needed
from contender.errors import InvalidInputError
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts
from contender.stats.metrics import Floats, Metric, metric_for, prepared, task_of
from contender.stats.resampling import Holdout, Interval, resample

Verdict = Literal["wins", "loses", "inconclusive"]

NO_FACTS = ModelFacts()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found. A positive `difference` means that the challenger is better.

    Attributes
    ----------
    verdict : "wins", "loses" or "inconclusive".
    reason : one or two sentences with the figures.
    metric, metric_title : its name in policies, and in sentences.
    against : "champion", or "baseline" where there was no champion yet.
    champion, challenger, baseline : the metric of each on these rows, None where undefined or not given.
    difference, low, high, standard_error : the paired improvement and its interval, None where undefined.
    confidence : of that interval, two-sided: 1 - 2 * spending.level.
    spending : the comparison's place in the sequence, and the level that it may spend.
    min_effect : the minimum improvement, in the metric's units.
    rows_needed, blocks_needed : of an inconclusive comparison, see `contender.comparison.sample_size.rows_needed`.
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
        `contender.comparison.baseline.naive_predictions`.
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
        guards=Guards(
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
    """Judge a pipeline's first model: it wins when it is shown to beat the naive baseline, by any margin.

    Arguments, errors and method as for `compare`.

    Examples
    --------
    >>> from contender.comparison.baseline import naive_predictions
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
        guards=Guards(
            enough_data(len(truth), holdout.blocks, policy),
            beats_baseline(holdout, metric, challenger, baseline, policy),
            SlicesNoWorse("not judged", "There is no champion to compare with.", policy.slice_margin),
            Calibrated("not judged", "There is no champion to compare with."),
            overfit_gap(metric, holdout.score(metric, challenger), challenger_facts, policy),
            model_size(challenger_facts, None, policy),
            latency(challenger_facts, None, policy),
        ),
        baseline=holdout.score(metric, baseline),
    )


@dataclass(frozen=True)
class _Duel:
    """Two models' predictions on one holdout, and the policy that judges them."""

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


def _concluded(duel: _Duel, *, min_effect: float, guards: Guards, baseline: float | None) -> Comparison:
    """The verdict of the interval, then of the guards."""
    holdout, interval = duel.holdout, duel.improvement()
    theirs, mine = (holdout.score(duel.metric, each) for each in (duel.opponent, duel.challenger))
    verdict: Verdict = "inconclusive"
    needed: tuple[int, int] | None = None
    if guards.enough_data.status != "passed":
        reason = wording.too_little_data(guards.enough_data.reason)
    elif isinstance(interval, str):
        reason = wording.not_comparable(interval)
    else:
        verdict = _interval_verdict(interval, min_effect)
        if verdict == "wins" and duel.spending.exhausted:
            verdict = "inconclusive"
        needed = rows_needed(holdout, interval, min_effect) if verdict == "inconclusive" else None
        figures = wording.figures_of(duel.metric, mine, theirs, interval, holdout, against=duel.against)
        reason = wording.verdict_sentence(verdict, figures, min_effect=min_effect, needed=needed)
        reason += wording.place_in_sequence(duel.spending)
        stopped = guards.first_to_stop()
        if verdict == "wins" and stopped is not None:
            name, guard = stopped
            verdict = "loses" if guard.status == "failed" else "inconclusive"
            reason = wording.stopped_by_guard(name, guard.status, guard.reason, figures, min_effect=min_effect)
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
