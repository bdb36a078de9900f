"""Judges a canary by its live metrics: worse than the champion, passed, or undecided yet.

The guarantee: a challenger that is no worse is rolled back by these signals with a probability of at most
`false_rollback_rate`, over all looks and all signals together. It follows from the union bound: each signal has a third
of the rate. Errors and slow responses have a part of their third at each look (`level_of_look`), and each look is a
valid test by itself. Losses are compared in pairs, on rows that both models predicted, by a test that is valid at all
looks at once (`contender.rollout.paired_losses`), so that it has the whole third at each of them.

The assumptions: requests (with `key`: callers) are assigned to either side at random, and one request's result does
not depend on another's. A burst of errors on both sides does no harm; one caller with much of the traffic under one key
may. A serving alarm is no such test: it rolls the challenger back and has its own rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, sqrt
from types import MappingProxyType
from typing import Literal

from contender.errors import InvalidInputError
from contender.formatting import figure, percent
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.paired_losses import HoldoutSpread, PairedLosses, all_pairs, paired_p_value
from contender.stats.tails import binomial_tail, binomial_upper_limit, student_tail

WatchVerdict = Literal["continue", "passed", "worse", "undecided"]
SignalStatus = Literal["worse", "in doubt", "fine", "not judged"]

SIGNALS = 3
"""Errors, slow responses, loss: each may use a third of the false rollback rate, judged or not."""

EARLY_SHARE, LAST_PLANNED_SHARE, OVERTIME_SHARE = 0.25, 0.5, 0.25
"""Parts of a signal's rate: for all looks before the last planned one, for that one, and for those after it."""

LIMIT_SHARE = 0.1
"""Part of a look's level for the uncertainty about the champion's own rate (Berger and Boos)."""

DOUBT_LEVEL = 0.05
"""At a smaller p-value a challenger is watched longer than planned."""


@dataclass(frozen=True)
class Side:
    """Counts of one side since the trial began.

    Attributes
    ----------
    requests : those that it had to answer, those that failed included.
    errors : those that failed (5xx).
    slow : those that took longer than `max_latency_ms`.
    labels : rows that it answered and whose labels have arrived.
    loss_sum, loss_square_sum : over those rows.
    shadow_requests, shadow_errors : those that it predicted while the other answered, and those that failed.
    """

    requests: int = 0
    errors: int = 0
    slow: int = 0
    labels: int = 0
    loss_sum: float = 0.0
    loss_square_sum: float = 0.0
    shadow_requests: int = 0
    shadow_errors: int = 0

    def __post_init__(self) -> None:
        for name in ("requests", "errors", "slow", "labels", "loss_square_sum", "shadow_requests", "shadow_errors"):
            if getattr(self, name) < 0:
                raise InvalidInputError(f"{name} must be at least 0, but got {getattr(self, name)}")

    def bad_of(self, signal: Literal["errors", "slow"]) -> tuple[int, int]:
        """How many requests were bad, of how many. Predictions beside the other's answer count as to errors only."""
        if signal == "slow":
            return self.slow, self.requests
        return self.errors + self.shadow_errors, self.requests + self.shadow_requests

    @property
    def mean_loss(self) -> float | None:
        """The mean loss of labelled predictions; None without labels."""
        return self.loss_sum / self.labels if self.labels else None

    @property
    def variance_of_mean_loss(self) -> float:
        """How far the mean loss may be off, squared; a mean of fewer than two rows may be anything."""
        if self.labels < 2:
            return inf
        about = self.loss_square_sum - self.loss_sum * self.loss_sum / self.labels
        return max(0.0, about) / (self.labels - 1) / self.labels


@dataclass(frozen=True)
class Alarms:
    """The serving alarms: those that started during the trial, how many were checked, and a note on those that could
    not be."""

    ringing: tuple[str, ...] = ()
    looked_at: int = 0
    note: str = ""


NO_ALARMS = Alarms()


@dataclass(frozen=True)
class Signal:
    """One comparison of challenger and champion.

    Attributes
    ----------
    champion, challenger : share of requests, or mean loss; None where there is nothing to divide by.
    bound : the allowed increase over the champion's.
    p_value : of an increase within the bound; None where it was not judged.
    level : the challenger is worse when the p-value is at most this.
    pairs : rows that both models predicted, where the losses of those were compared.
    """

    name: str
    status: SignalStatus
    reason: str
    bound: float
    level: float
    champion: float | None = None
    challenger: float | None = None
    p_value: float | None = None
    pairs: int = 0


@dataclass(frozen=True)
class WatchReport:
    """The result of one look at a trial. `continue`: look again; `undecided`: the trial ends without a verdict."""

    verdict: WatchVerdict
    reason: str
    look: int
    seconds: float
    champion: Side
    challenger: Side
    signals: tuple[Signal, ...]
    alarms: Alarms = NO_ALARMS


def watch(
    champion: Side,
    challenger: Side,
    policy: RolloutPolicy,
    *,
    look: int,
    seconds: float,
    pairs: Mapping[str, PairedLosses] = MappingProxyType({}),
    spread: HoldoutSpread | None = None,
    alarms: Alarms = NO_ALARMS,
    relative_loss: bool = False,
) -> WatchReport:
    """The verdict on a trial after `seconds`.

    It is `worse` as soon as one signal shows it; otherwise it continues until `bake_seconds`. Then it needs
    `min_requests`, and waits for them until the longest bake time is over: without traffic it does not pass. A signal
    in doubt makes the bake time longer, not the guarantee weaker: at its end the challenger passes unless it is shown
    to be worse, because it won the comparison before.

    Parameters
    ----------
    look : its number, from 1; each has its own part of the false rollback rate.
    seconds : since the trial began.
    pairs : by minute (ISO, UTC), the losses of rows that both predicted. Without any, as in a canary of versions that
        know different classes, losses of the rows that each has answered are compared.
    spread : how losses of the two vary on the rows on which they were compared before.
    relative_loss : whether `max_loss_increase` is a fraction of the champion's loss.

    Examples
    --------
    >>> policy = RolloutPolicy(bake_seconds=600)
    >>> watch(Side(4000, 4), Side(400, 2), policy, look=10, seconds=600).reason
    '400 requests in 600 s: not shown to be worse in error rate (0.5 % vs. 0.1 %), slow responses (0 % vs. 0 %); \
loss not judged.'
    >>> watch(Side(4000, 4), Side(400, 40), policy, look=1, seconds=60).verdict
    'worse'
    """
    level = level_of_look(policy, look)
    signals = (
        _share("errors", champion, challenger, policy.max_error_rate_increase, level),
        _share("slow", champion, challenger, policy.max_slow_increase, level),
        _paired_loss(pairs, spread, policy, relative=relative_loss)
        if pairs
        else _unpaired_loss(champion, challenger, policy, level, relative=relative_loss),
    )
    verdict, reason = _verdict(challenger, signals, alarms, policy, seconds)
    return WatchReport(verdict, reason, look, seconds, champion, challenger, signals, alarms)


def level_of_look(policy: RolloutPolicy, look: int) -> float:
    """The level of each signal at one look (alpha spending [1]_ with a schedule fixed before the first look).

    Half of a signal's rate is for the look that decides a trial with traffic. A quarter is shared by the looks before
    it, which catch large failures and need no large level. The last quarter is for the looks after it: the j-th has
    1 / (j (j + 1)) of it, which adds up to at most one.

    References
    ----------
    .. [1] Lan & DeMets (1983), "Discrete sequential boundaries for clinical trials", Biometrika 70(3), 659-663.

    Examples
    --------
    >>> policy = RolloutPolicy(bake_seconds=600, false_rollback_rate=0.03)
    >>> [round(level_of_look(policy, look), 6) for look in (1, 9, 10, 11, 12)]
    [0.000278, 0.000278, 0.005, 0.00125, 0.000417]
    >>> 3 * sum(level_of_look(policy, look) for look in range(1, 5000)) <= 0.03
    True
    """
    if look < 1:
        raise InvalidInputError(f"look must be at least 1, but got {look}")
    rate, planned = policy.false_rollback_rate / SIGNALS, ceil(policy.bake_seconds / policy.look_seconds)
    if look < planned:
        return rate * EARLY_SHARE / (planned - 1)
    if look == planned:
        return rate * LAST_PLANNED_SHARE
    late = look - planned
    return rate * OVERTIME_SHARE / (late * (late + 1))


def _verdict(
    challenger: Side, signals: Sequence[Signal], alarms: Alarms, policy: RolloutPolicy, seconds: float
) -> tuple[WatchVerdict, str]:
    worse = [signal for signal in signals if signal.status == "worse"]
    if worse or alarms.ringing:
        ringing = [f"Alarms since the trial began: {', '.join(alarms.ringing)}."] if alarms.ringing else []
        return "worse", " ".join([*(signal.reason for signal in worse), *ringing])
    seen = f"{challenger.requests:,} requests in {seconds:,.0f} s"
    if seconds < policy.bake_seconds:
        return "continue", f"{seen}; the trial takes {policy.bake_seconds:,} s."
    over = seconds >= policy.longest_bake_seconds
    if challenger.requests < policy.min_requests:
        if over:
            return "undecided", f"{seen}; the minimum is {policy.min_requests:,}. Too little traffic for a verdict."
        return "continue", f"{seen}; the minimum is {policy.min_requests:,}, so the trial continues."
    doubted = [signal for signal in signals if signal.status == "in doubt"]
    if doubted and not over:
        return "continue", f"{seen}; the trial continues because the challenger may be worse. {doubted[0].reason}"
    judged = ", ".join(_in_short(signal) for signal in signals if signal.status != "not judged")
    others = ", ".join(_TITLES[signal.name] for signal in signals if signal.status == "not judged")
    return "passed", f"{seen}: not shown to be worse in {judged}{f'; {others} not judged' if others else ''}."


_TITLES = {"errors": "error rate", "slow": "slow responses", "loss": "loss"}
_CLAIMS = {"errors": "Higher error rate", "slow": "More slow responses"}


def _in_short(signal: Signal) -> str:
    said = figure if signal.name == "loss" else percent
    return f"{_TITLES[signal.name]} ({said(signal.challenger or 0.0)} vs. {said(signal.champion or 0.0)})"


def _share(name: Literal["errors", "slow"], champion: Side, challenger: Side, bound: float, level: float) -> Signal:
    """Whether the challenger's rate of bad responses exceeds the champion's by more than the bound.

    An exact test of two binomials: the largest p-value over all rates in a confidence interval of the champion's, plus
    the probability that the interval is wrong [1]_.

    References
    ----------
    .. [1] Berger & Boos (1994), "P values maximized over a confidence set for the nuisance parameter", JASA 89,
       1012-1016.
    """
    (bad, asked), (before, asked_before) = challenger.bad_of(name), champion.bad_of(name)
    if not asked or not asked_before:
        side = "champion" if asked else "challenger"
        return Signal(name, "not judged", f"The {side} has answered no requests.", bound, level)
    risk = LIMIT_SHARE * level
    highest = binomial_upper_limit(before, asked_before, risk) + bound
    p_value = min(1.0, binomial_tail(bad, asked, highest) + risk)
    mine, theirs = bad / asked, before / asked_before
    status = _status(p_value, level)
    reason = (
        f"{_CLAIMS[name]}: {percent(mine)} of {asked:,} requests vs. {percent(theirs)} of {asked_before:,}; "
        f"allowed increase {percent(bound)} ({_p_in_words(p_value, level)})."
    )
    if status == "fine":
        reason = f"{percent(mine)} vs. {percent(theirs)}; allowed increase {percent(bound)}."
    return Signal(name, status, reason, bound, level, theirs, mine, p_value)


def _paired_loss(
    minutes: Mapping[str, PairedLosses], spread: HoldoutSpread | None, policy: RolloutPolicy, *, relative: bool
) -> Signal:
    """Whether the challenger's mean loss exceeds the champion's on the same rows by more than the bound."""
    bound, least, level = policy.max_loss_increase, policy.min_labels, policy.false_rollback_rate / SIGNALS
    pairs = all_pairs(minutes)
    if pairs.rows < least:
        reason = f"{pairs.rows:,} labelled rows that both predicted; the minimum is {least:,}."
        return Signal("loss", "not judged", reason, bound, level, pairs=pairs.rows)
    mine, theirs = pairs.challenger_mean, pairs.champion_mean
    known = None if spread is None else spread.of_excess(bound, relative=relative, level=level)
    p_value = paired_p_value(minutes, bound, relative=relative, spread=known)
    status = _status(p_value, level)
    found = f"{figure(mine)} vs. the champion's {figure(theirs)} on the same {pairs.rows:,} labelled rows"
    if known and known.day:
        found += f", where one day is off by {figure(sqrt(known.day))} (standard deviation, from the holdout)"
    reason = _loss_in_words(found, status, policy, relative=relative, p_value=p_value, level=level)
    return Signal("loss", status, reason, bound, level, theirs, mine, p_value, pairs.rows)


def _unpaired_loss(champion: Side, challenger: Side, policy: RolloutPolicy, level: float, *, relative: bool) -> Signal:
    """The same for the rows that each of them has answered, by Welch's test [1]_.

    References
    ----------
    .. [1] Welch (1947), "The generalization of 'Student's' problem when several different population variances are
       involved", Biometrika 34, 28-35.
    """
    bound, least = policy.max_loss_increase, policy.min_labels
    mine, theirs = challenger.mean_loss, champion.mean_loss
    if mine is None or theirs is None or min(champion.labels, challenger.labels) < least:
        reason = (
            f"{challenger.labels:,} labels for the challenger and {champion.labels:,} for the champion; the minimum "
            f"is {least:,} each."
        )
        return Signal("loss", "not judged", reason, bound, level, theirs, mine)
    factor = 1.0 + bound if relative else 1.0
    excess = mine - (factor * theirs if relative else theirs + bound)
    ours, other = challenger.variance_of_mean_loss, factor * factor * champion.variance_of_mean_loss
    if ours + other > 0.0:
        degrees = (ours + other) ** 2 / (ours**2 / (challenger.labels - 1) + other**2 / (champion.labels - 1))
        p_value = student_tail(excess / sqrt(ours + other), degrees)
    else:
        p_value = 0.0 if excess > 0.0 else 1.0
    status = _status(p_value, level)
    labels = f"{figure(mine)} on {challenger.labels:,} labels vs. {figure(theirs)} on {champion.labels:,}"
    found = f"{labels} (other rows: none was predicted by both)"
    reason = _loss_in_words(found, status, policy, relative=relative, p_value=p_value, level=level)
    return Signal("loss", status, reason, bound, level, theirs, mine, p_value)


def _loss_in_words(
    found: str, status: SignalStatus, policy: RolloutPolicy, *, relative: bool, p_value: float, level: float
) -> str:
    bound = policy.max_loss_increase
    reason = f"{found}; allowed increase {f'{percent(bound)} of it' if relative else figure(bound)}"
    return f"{reason}." if status == "fine" else f"Higher loss: {reason} ({_p_in_words(p_value, level)})."


def _status(p_value: float, level: float) -> SignalStatus:
    if p_value <= level:
        return "worse"
    return "in doubt" if p_value <= DOUBT_LEVEL else "fine"


def _p_in_words(p_value: float, level: float) -> str:
    return f"p = {p_value:.2g}, level {level:.2g}"
