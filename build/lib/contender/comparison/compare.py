"""Compares challenger and champion on the same rows: paired, resampled by blocks, guarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from contender.comparison.alpha_spending import NOTHING_EARLIER, Earlier, spend
from contender.comparison.duel import Duel, concluded
from contender.comparison.guards.baseline import beats_baseline
from contender.comparison.guards.best_champion import BestChampion, Standings, no_worse_than_best_champion
from contender.comparison.guards.calibration import Calibrated, calibrated
from contender.comparison.guards.enough_data import enough_data
from contender.comparison.guards.outcome import Guards
from contender.comparison.guards.overfitting import overfit_gap
from contender.comparison.guards.refit import refit_agrees
from contender.comparison.guards.resources import latency, model_size
from contender.comparison.guards.slices import SlicesNoWorse, slices_no_worse
from contender.comparison.kept_evidence import (
    NOTHING_REMEMBERED,
    PairedBlocks,
    Remembered,
    champions_standing,
    new_evidence,
)
from contender.comparison.outcome import Comparison
from contender.errors import InvalidInputError
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts
from contender.stats.metrics import FALLBACK_METRICS, METRICS, Floats, Metric, metric_for, prepared, task_of
from contender.stats.resampling import Holdout, resample

NO_FACTS = ModelFacts()


def compare(
    y: ArrayLike,
    champion_predictions: ArrayLike,
    challenger_predictions: ArrayLike,
    *,
    blocks: ArrayLike | None = None,
    slices: Mapping[str, ArrayLike] | None = None,
    baseline_predictions: ArrayLike | None = None,
    past_champions: Mapping[str, ArrayLike] | None = None,
    order: ArrayLike | None = None,
    remembered: Remembered = NOTHING_REMEMBERED,
    policy: PromotionPolicy | None = None,
    metric: Metric | None = None,
    positive: int = 1,
    earlier: Earlier = NOTHING_EARLIER,
    champion_facts: ModelFacts = NO_FACTS,
    challenger_facts: ModelFacts = NO_FACTS,
    seed: int = 0,
) -> Comparison:
    """Judge a challenger against the champion on the same rows, newer than what either was trained on.

    The policy's rule decides (`contender.comparison.rules`), then the guards. The improvement is bootstrapped over
    whole blocks [1]_, both models on the same replicates. Its interval is `difference` ± t(blocks − 1) × standard error
    × sqrt(B / (B − 1)) [2]_, lengthened where the blocks are skewed (`contender.stats.resampling.reach`). Its level is
    95 %, and under the rule `proven` this comparison's share of the sequence's rate
    (`contender.comparison.alpha_spending.spend`); its ends are then longer, so that they hold for blocks that are more
    skewed than they look (`contender.stats.skewed_blocks.proof_reach`). Percentile intervals are not used: with 5 to 14
    blocks they promoted an equal challenger in up to 4.7 % of simulated comparisons where 2.5 % were allowed. With five
    blocks the chosen interval is 1.6 times as wide as the normal one: that is what few blocks cost.

    Parameters
    ----------
    y : (n,) class indices, or float targets for regression.
    champion_predictions, challenger_predictions, baseline_predictions : (n, k); k = 1 is regression, else
        class probabilities in the order of the class indices. The baseline is a naive predictor, see
        `contender.comparison.baseline.naive_predictions`.
    blocks : (n,) labels of rows that are not independent (a day, a user). None: every row is its own block.
    past_champions : the predictions (n, k) of the best earlier champions, by version; the challenger must not be
        behind the best of them by more than the margin.
    order : (n,) times of the rows, so that none counts twice as evidence about a pair of versions. None: all are new.
    remembered : the versions' names, and what earlier comparisons found about them.
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
    chosen = _metric(champion, policy, metric)
    holdout = Holdout(truth, resample(blocks, len(truth), n_resamples=policy.n_resamples, seed=seed))
    metric = _decisive(chosen, holdout, champion, policy)
    unit = _effect_unit(metric, holdout.score(metric, champion))
    margin = policy.margin * unit
    earlier_champions = {
        version: _like(champion, y, predictions, f"past_champions[{version!r}]", positive)
        for version, predictions in (past_champions or {}).items()
    }
    answers = {remembered.challenger: challenger, remembered.champion: champion, **earlier_champions}
    times = np.arange(len(truth), dtype=np.float64) if order is None else np.asarray(order, dtype=np.float64)
    evidence = new_evidence(holdout, metric, answers, times, remembered)
    duel = Duel(
        holdout,
        metric,
        policy,
        "champion",
        champion,
        challenger,
        chosen=None if metric is chosen else chosen,
        spending=spend(policy.false_promotion_rate, earlier) if policy.asks_for_proof else None,
        min_effect=policy.min_effect * unit,
        margin=margin,
    )
    guards = Guards(
        enough_data(len(truth), holdout.blocks, policy),
        beats_baseline(holdout, metric, challenger, baseline, policy),
        no_worse_than_best_champion(
            holdout,
            metric,
            challenger,
            earlier_champions,
            improvement=duel.improvement,
            margin=margin,
            standings=None
            if policy.asks_for_proof
            else Standings(
                remembered.champion,
                remembered.best,
                champions_standing(remembered, evidence, earlier_champions, metric.name),
                holdout.score(metric, champion),
            ),
        ),
        slices_no_worse(holdout, metric, champion, challenger, slices or {}, policy, margin=policy.slice_margin * unit),
        calibrated(holdout, champion, challenger, policy),
        overfit_gap(metric, holdout.score(metric, challenger), challenger_facts, policy),
        refit_agrees(challenger_facts, policy),
        model_size(challenger_facts, champion_facts, policy),
        latency(challenger_facts, champion_facts, policy),
    )
    return replace(concluded(duel, guards, baseline), evidence=evidence)


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
    """Judge a pipeline's first model.

    It wins unless it is shown to be worse than the naive baseline, and is provisional until it is shown to be better;
    under the rule `proven` it wins when it is shown to be better, by any margin.

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
    chosen = _metric(challenger, policy, metric)
    holdout = Holdout(truth, resample(blocks, len(truth), n_resamples=policy.n_resamples, seed=seed))
    metric = _decisive(chosen, holdout, challenger, policy)
    duel = Duel(
        holdout,
        metric,
        policy,
        "baseline",
        baseline,
        challenger,
        chosen=None if metric is chosen else chosen,
        spending=spend(policy.false_promotion_rate, earlier) if policy.asks_for_proof else None,
    )
    none_yet = "There is no champion to compare with."
    guards = Guards(
        enough_data(len(truth), holdout.blocks, policy),
        # Under the other rules the verdict is this guard's.
        beats_baseline(holdout, metric, challenger, baseline if policy.asks_for_proof else None, policy),
        BestChampion("not judged", none_yet, 0.0),
        SlicesNoWorse("not judged", none_yet, policy.slice_margin),
        Calibrated("not judged", none_yet),
        overfit_gap(metric, holdout.score(metric, challenger), challenger_facts, policy),
        refit_agrees(challenger_facts, policy),
        model_size(challenger_facts, None, policy),
        latency(challenger_facts, None, policy),
    )
    return concluded(duel, guards, baseline)


def evidence_on(
    y: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    *,
    blocks: ArrayLike | None,
    order: ArrayLike,
    remembered: Remembered,
    policy: PromotionPolicy,
    metric: Metric | None = None,
    positive: int = 1,
) -> tuple[PairedBlocks, ...]:
    """What rows add about the champion and earlier ones that all of them have not seen, whoever the challenger is.

    Arguments as for `compare`; `predictions` by version.
    """
    first = next(iter(predictions.values()))
    truth, like = prepared(y, first, positive=positive)
    answers = {name: _like(like, y, each, name, positive) for name, each in predictions.items()}
    holdout = Holdout(truth, resample(blocks, len(truth), n_resamples=1, seed=0))
    decisive = _decisive(_metric(like, policy, metric), holdout, like, policy)
    return new_evidence(holdout, decisive, answers, np.asarray(order, dtype=np.float64), remembered)


def _metric(predictions: Floats, policy: PromotionPolicy, metric: Metric | None) -> Metric:
    chosen = metric or metric_for(task_of(predictions), policy.metric)
    chosen.check_task(predictions)
    return chosen


def _decisive(chosen: Metric, holdout: Holdout, predictions: Floats, policy: PromotionPolicy) -> Metric:
    """The chosen metric; where it is undefined on these rows and no proof is asked for, the task's fallback."""
    if policy.asks_for_proof or holdout.score(chosen, predictions) is not None:
        return chosen
    return METRICS[FALLBACK_METRICS[task_of(predictions)]]


def _effect_unit(metric: Metric, champion: float | None) -> float:
    """What the policy's effect sizes are multiplied by to be in the metric's units."""
    return abs(champion) if metric.relative_effect and champion is not None else 1.0


def _like(first: Floats, y: ArrayLike, predictions: ArrayLike, name: str, positive: int) -> Floats:
    """Another model's predictions, validated to have the first one's shape."""
    shape = np.shape(predictions)
    if shape != first.shape:
        raise InvalidInputError(f"{name} must have shape {first.shape} like the others, but got {shape}")
    return prepared(y, predictions, positive=positive)[1]
