"""The sentences of a comparison: the verdict first, then the figures, then what would settle it."""

from __future__ import annotations

from typing import Literal

from contender.comparison.alpha_spending import Spending
from contender.comparison.rules import Verdict
from contender.formatting import amount, difference, figure, lower_first, rounded_up
from contender.pipeline.promotion_policy import GUARDS
from contender.stats.metrics import Metric
from contender.stats.resampling import Holdout, Interval

OPPONENTS = {"champion": "the champion's ", "baseline": "the naive baseline's "}


def scores(
    metric: Metric, challenger: float | None, opponent: float | None, interval: Interval | None, *, whose: str = ""
) -> str:
    """Both models' metric and the improvement: 'AUC 0.8407 vs. 0.8424 (−0.002, 95 % CI −0.017 to 0.010)'.

    The improvement is positive where the challenger is better, also where less is better; it is named then.
    """
    if interval is None:
        return f"{metric.title} {figure(challenger)} vs. {whose}{figure(opponent)}"
    named = "" if metric.greater_is_better else "improvement "
    found = difference(interval.difference, interval.low, interval.high, confidence=1.0 - 2.0 * interval.level)
    return f"{metric.title} {figure(challenger)} vs. {whose}{figure(opponent)} ({named}{found})"


def proof_sentence(
    verdict: Verdict,
    figures: str,
    *,
    min_effect: float,
    needed: tuple[int, int] | None,
) -> str:
    """The verdict of the interval alone, where improvement has to be shown.

    Examples
    --------
    >>> proof_sentence("loses", "AUC 0.80 vs. 0.83 (−0.03, 95 % CI −0.04 to −0.02)", min_effect=0.002, needed=None)
    'The challenger loses: AUC 0.80 vs. 0.83 (−0.03, 95 % CI −0.04 to −0.02). An improvement of 0.002 is ruled out.'
    >>> proof_sentence("inconclusive", "AUC 0.8407 vs. 0.8424", min_effect=0.002, needed=(90123, 99))
    'Inconclusive: AUC 0.8407 vs. 0.8424. About 91,000 rows in 99 blocks would settle a difference of this size.'
    """
    if verdict == "wins":
        return f"The challenger wins: {figures}.{_minimum(min_effect)}"
    if verdict == "loses":
        return f"The challenger loses: {figures}. {_ruled_out(min_effect)}"
    if needed is None:
        return f"Inconclusive: {figures}. No number of rows would settle a difference of this size."
    enough = amount(*(rounded_up(number) for number in needed))
    return f"Inconclusive: {figures}. About {enough} would settle a difference of this size."


def ahead_sentence(verdict: Verdict, figures: str, *, equal: bool) -> str:
    """The verdict under the rule `ahead`.

    Examples
    --------
    >>> ahead_sentence("inconclusive", "AUC 0.8407 vs. 0.8424", equal=False)
    'Inconclusive: AUC 0.8407 vs. 0.8424. The champion is ahead; the challenger is not shown to be worse.'
    """
    if verdict == "wins":
        return f"The challenger wins: {figures}."
    if verdict == "inconclusive":
        return f"Inconclusive: {figures}. The champion is ahead; the challenger is not shown to be worse."
    return f"The challenger loses: {figures}. {'It is no better.' if equal else 'It is shown to be worse.'}"


def not_worse_sentence(verdict: Verdict, figures: str, *, better: bool) -> str:
    """The verdict under the rule `not-worse`.

    Examples
    --------
    >>> not_worse_sentence("wins", "AUC 0.8407 vs. 0.8424", better=False)
    'The challenger wins: AUC 0.8407 vs. 0.8424. It has newer data and is not shown to be worse.'
    """
    if verdict == "wins":
        return f"The challenger wins: {figures}.{'' if better else ' It has newer data and is not shown to be worse.'}"
    return f"The challenger loses: {figures}. It is shown to be worse."


def first_model_sentence(verdict: Verdict, figures: str, *, provisional: bool) -> str:
    """The verdict on a pipeline's first model.

    Examples
    --------
    >>> first_model_sentence("wins", "AUC 0.55 vs. 0.5", provisional=True)[:52]
    'The challenger wins provisionally: AUC 0.55 vs. 0.5.'
    """
    if verdict == "loses":
        return f"The challenger loses: {figures}. It is shown to be worse than the naive baseline."
    if provisional:
        return (
            f"The challenger wins provisionally: {figures}. It is not shown to be better than the naive baseline; "
            "without it nothing would serve."
        )
    return f"The challenger wins: {figures}."


def undefined_sentence(metric: Metric, figures: str, *, whose: str) -> str:
    """The verdict where only one of the two has a figure."""
    verdict = "loses" if whose == "challenger" else "wins"
    return f"The challenger {verdict}: {figures}. The {whose}'s {metric.title} is undefined or infinite on these rows."


def instead_of(chosen: Metric, metric: Metric) -> str:
    """What decides where the chosen metric does not."""
    return f" The {chosen.title} is undefined on these rows, so the {metric.title} decides."


def _minimum(min_effect: float) -> str:
    if min_effect == 0.0:
        return ""
    if min_effect < 0.0:
        return f" It is shown not to be worse by {figure(-min_effect)} or more (the policy's limit)."
    return f" The minimum improvement is {figure(min_effect)}."


def _ruled_out(min_effect: float) -> str:
    if min_effect < 0.0:
        return f"It is shown to be worse by {figure(-min_effect)} or more (the policy's limit)."
    return f"An improvement{f' of {figure(min_effect)}' if min_effect else ''} is ruled out."


def not_comparable(reason: str) -> str:
    """Why there is no interval to judge by."""
    return f"Inconclusive: {lower_first(reason)}"


def too_little_data(reason: str) -> str:
    """The guard on rows and blocks comes before every other."""
    return f"Not enough data: {lower_first(reason)}"


def stopped_by_guard(name: str, status: str, reason: str, figures: str, *, better: bool) -> str:
    """A challenger that would win, and the guard that stops it.

    Examples
    --------
    >>> stopped_by_guard("model_size", "failed", "The model is 300 MiB.", "AUC 0.9", better=True)
    'The challenger loses: it fails a guard (size within limit). The model is 300 MiB. Overall it is better: AUC 0.9.'
    """
    claims = {"failed": "The challenger loses: it fails a guard", "undecided": "Inconclusive: a guard is undecided"}
    overall = "better" if better else "not worse"
    return f"{claims[status]} ({GUARDS[name]}). {reason} Overall it is {overall}: {figures}."


def place_in_sequence(spending: Spending) -> str:
    """Why the interval is wider than that of a first comparison; empty where it is not."""
    if spending.comparison == 1 and not spending.reused:
        return ""
    return f" {spending.reason}"


def figures_of(
    metric: Metric,
    challenger: float | None,
    opponent: float | None,
    interval: Interval | None,
    holdout: Holdout,
    *,
    against: Literal["champion", "baseline"],
) -> str:
    """The overall figures of a comparison, with the rows that they were computed on."""
    found = scores(metric, challenger, opponent, interval, whose=OPPONENTS[against])
    return f"{found} on {amount(len(holdout), holdout.blocks)}"
