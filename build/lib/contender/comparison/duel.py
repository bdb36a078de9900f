"""Two models on the same unseen rows: figures, intervals, and the verdict of the policy's rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Literal

import numpy as np

from contender.comparison import rules, wording
from contender.comparison.alpha_spending import SMALLEST_LEVEL, Spending
from contender.comparison.guards.outcome import Guards
from contender.comparison.outcome import Comparison
from contender.comparison.rules import Measured, Verdict
from contender.comparison.sample_size import rows_needed
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.anytime_valid import AlwaysValid, always_valid_mean
from contender.stats.metrics import Floats, Metric
from contender.stats.resampling import Holdout, Interval

ALWAYS_VALID_LEVEL = 0.1
"""The chance that the interval of all looks is ever wrong, both ends together."""


@dataclass(frozen=True)
class Ruling:
    """The verdict before the guards, with its sentence."""

    verdict: Verdict
    reason: str
    provisional: bool = False
    needed: tuple[int, int] | None = None


@dataclass(frozen=True)
class Duel:
    """Two models' predictions on one holdout, and the policy that judges them.

    Attributes
    ----------
    metric : the one that decides.
    chosen : the policy's, where that is another one; see `defined_on`.
    spending : the level of a proof; None where none is asked for.
    min_effect, margin : in the metric's units.
    """

    holdout: Holdout
    metric: Metric
    policy: PromotionPolicy
    against: Literal["champion", "baseline"]
    opponent: Floats
    challenger: Floats
    chosen: Metric | None = None
    spending: Spending | None = None
    min_effect: float = 0.0
    margin: float = 0.0

    @property
    def level(self) -> float:
        """The chance that one end of the interval is wrong."""
        return max(self.spending.level, SMALLEST_LEVEL) if self.spending is not None else self.policy.guard_level

    @cached_property
    def improvement(self) -> Interval | str:
        """The paired improvement with its interval, or why there is none."""
        proof = self.spending is not None
        return self.holdout.improvement(self.metric, self.opponent, self.challenger, level=self.level, proof=proof)

    @property
    def interval(self) -> Interval | None:
        """The interval, where there is one."""
        return self.improvement if isinstance(self.improvement, Interval) else None

    @cached_property
    def scores(self) -> tuple[float | None, float | None]:
        """The metric of challenger and opponent."""
        mine, theirs = (self.holdout.score(self.metric, each) for each in (self.challenger, self.opponent))
        return mine, theirs

    @cached_property
    def always_valid(self) -> AlwaysValid | None:
        """The interval of the improvement that holds at all looks; None where there is none."""
        if self.metric.terms is None or not len(self.holdout):
            return None
        truth, block = self.holdout.truth, self.holdout.sample.block
        sign = 1.0 if self.metric.greater_is_better else -1.0
        mine, theirs = (self.metric.terms(truth, each)[:, 0] for each in (self.challenger, self.opponent))
        sizes = np.bincount(block)
        sums = np.bincount(block, sign * (mine - theirs))
        found = always_valid_mean(sums[sizes > 0], sizes[sizes > 0], ALWAYS_VALID_LEVEL)
        return found if isfinite(found.low) and isfinite(found.high) else None

    @property
    def measured(self) -> Measured | None:
        """What a rule goes by; None where no figure is defined."""
        mine, theirs = self.scores
        if mine is None or theirs is None:
            return None
        sign = 1.0 if self.metric.greater_is_better else -1.0
        return Measured(sign * (mine - theirs), self.interval, self.always_valid)

    @property
    def is_ahead(self) -> bool:
        """Whether the challenger is better on these rows."""
        found = self.measured
        return found is not None and found.difference > 0.0

    @property
    def figures(self) -> str:
        """Both models' figures in words."""
        mine, theirs = self.scores
        return wording.figures_of(self.metric, mine, theirs, self.interval, self.holdout, against=self.against)

    def ruled(self) -> Ruling:
        """The verdict of the policy's rule."""
        found = self.measured
        if self.policy.asks_for_proof:
            return self._proven()
        if found is None:
            return self._without_figures()
        if self.against == "baseline":
            return self._first(found)
        if self.policy.rule == "not-worse":
            verdict = rules.not_worse(found)
            return Ruling(verdict, self._said(wording.not_worse_sentence(verdict, self.figures, better=self.is_ahead)))
        verdict = rules.ahead(found)
        equal = found.difference == 0.0
        return Ruling(verdict, self._said(wording.ahead_sentence(verdict, self.figures, equal=equal)))

    def _without_figures(self) -> Ruling:
        """Where a metric is undefined or infinite for one of the two only, that one loses."""
        mine, theirs = self.scores
        if (mine is None) == (theirs is None):
            return Ruling("inconclusive", wording.not_comparable(str(self.improvement)))
        whose = "challenger" if mine is None else self.against
        sentence = wording.undefined_sentence(self.metric, self.figures, whose=whose)
        return Ruling("loses" if mine is None else "wins", sentence)

    def _first(self, found: Measured) -> Ruling:
        verdict = rules.first_model(found)
        provisional = verdict == "wins" and (self.interval is None or self.interval.low <= 0.0)
        sentence = wording.first_model_sentence(verdict, self.figures, provisional=provisional)
        return Ruling(verdict, self._said(sentence), provisional)

    def _said(self, sentence: str) -> str:
        return sentence if self.chosen is None else sentence + wording.instead_of(self.chosen, self.metric)

    def _proven(self) -> Ruling:
        """As the interval at this comparison's level says."""
        found, spending = self.improvement, self.spending
        if isinstance(found, str):
            return Ruling("inconclusive", wording.not_comparable(found))
        verdict = rules.proven(found, self.min_effect)
        if verdict == "wins" and spending is not None and spending.exhausted:
            verdict = "inconclusive"
        needed = rows_needed(self.holdout, found, self.min_effect) if verdict == "inconclusive" else None
        reason = wording.proof_sentence(verdict, self.figures, min_effect=self.min_effect, needed=needed)
        if spending is not None:
            reason += wording.place_in_sequence(spending)
        return Ruling(verdict, reason, needed=needed)

    @property
    def required(self) -> float:
        """What is marked beside the improvement: zero, or under `proven` what its lower end must exceed."""
        return self.min_effect if self.policy.asks_for_proof else 0.0


def concluded(duel: Duel, guards: Guards, baseline: Floats | None) -> Comparison:
    """The verdict of the rule, then of the guards."""
    ruling = duel.ruled()
    too_little = guards.enough_data.status != "passed"
    if too_little and (duel.policy.asks_for_proof or duel.against == "champion"):
        ruling = Ruling("inconclusive", wording.too_little_data(guards.enough_data.reason))
    elif ruling.verdict == "wins":
        stopped = guards.first_to_stop(proof=duel.policy.asks_for_proof)
        if stopped is not None:
            name, guard = stopped
            verdict: Verdict = "loses" if guard.status == "failed" else "inconclusive"
            better = duel.min_effect >= 0.0 if duel.policy.asks_for_proof else duel.is_ahead
            reason = wording.stopped_by_guard(name, guard.status, guard.reason, duel.figures, better=better)
            ruling = Ruling(verdict, reason)
    mine, theirs = duel.scores
    known, measured = duel.interval, duel.measured
    return Comparison(
        verdict=ruling.verdict,
        reason=ruling.reason,
        rule=duel.policy.rule,
        metric=duel.metric.name,
        metric_title=duel.metric.title,
        greater_is_better=duel.metric.greater_is_better,
        against=duel.against,
        champion=theirs if duel.against == "champion" else None,
        challenger=mine,
        baseline=None if baseline is None else duel.holdout.score(duel.metric, baseline),
        difference=measured.difference if measured else None,
        low=known.low if known else None,
        high=known.high if known else None,
        standard_error=known.standard_error if known else None,
        confidence=1.0 - 2.0 * duel.level,
        always_valid=duel.always_valid,
        spending=duel.spending,
        min_effect=duel.required,
        margin=duel.margin,
        provisional=ruling.provisional,
        rows=len(duel.holdout),
        blocks=duel.holdout.blocks,
        rows_needed=ruling.needed[0] if ruling.needed else None,
        blocks_needed=ruling.needed[1] if ruling.needed else None,
        **vars(guards),
    )
