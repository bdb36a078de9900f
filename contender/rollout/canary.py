"""Judges a canary by its live metrics: worse than the champion, passed, or undecided yet.

The promise: a challenger that is no worse is rolled back by these signals with a chance of at most
`false_rollback_rate`, over all looks and all signals together. It is kept by the union bound: each signal has a third
of the rate, each look a part of that third (`level_of_look`), and each look at each signal is a test that is valid by
itself, whatever the looks before it found. Nothing is assumed of how looks depend on each other, and nothing but the
counts since the beginning is needed.

What is assumed: requests (with `key`: callers) fall to either side at random, and one request's answer does not hang
on another's. A burst of errors that befalls both sides alike does no harm; one caller who makes much of the traffic,
always under the same key, may. An alarm that rings is no such test: it takes the challenger back and has its own rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, sqrt
from typing import Literal

from contender.errors import InvalidInputError
from contender.formatting import figure, percent
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.stats.tails import binomial_tail, binomial_upper_limit, student_tail

WatchVerdict = Literal["continue", "passed", "worse", "undecided"]
SignalStatus = Literal["worse", "in doubt", "fine", "not judged"]

SIGNALS = 3
"""Errors, slow answers, loss: each may spend a third of the false rollback rate, judged or not."""

EARLY_SHARE, LAST_PLANNED_SHARE, OVERTIME_SHARE = 0.25, 0.5, 0.25
"""Of a signal's rate: what all looks before the last planned one share, what that one has, and those after it."""

LIMIT_SHARE = 0.1
"""Of a look's level: what not knowing the champion's own rate costs (Berger and Boos)."""

DOUBT_LEVEL = 0.05
"""At a smaller p-value a challenger that has baked its time is looked at longer."""


@dataclass(frozen=True)
class Side:
    """What one side answered since the trial began.

    Attributes
    ----------
    requests : all of them, those that failed included.
    errors : those that failed (5xx).
    slow : those that took longer than `max_latency_ms`.
    labels : rows whose truth has come.
    loss_sum, loss_square_sum : over those rows.
    """

    requests: int = 0
    errors: int = 0
    slow: int = 0
    labels: int = 0
    loss_sum: float = 0.0
    loss_square_sum: float = 0.0

    def __post_init__(self) -> None:
        for name in ("requests", "errors", "slow", "labels", "loss_square_sum"):
            if getattr(self, name) < 0:
                raise InvalidInputError(f"{name} must be at least 0, but got {getattr(self, name)}")

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
    """The serving alarms: those that began to ring during the trial, how many were looked at, and what is to be said
    of those that could not be."""

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
    bound : the largest that the challenger's may truly be, as an increase over the champion's.
    p_value : of the challenger being within its bound; None where it was not judged.
    level : what the p-value must not exceed at this look for the challenger to be called worse.
    """

    name: str
    status: SignalStatus
    reason: str
    bound: float
    level: float
    champion: float | None = None
    challenger: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class WatchReport:
    """What a look at a trial found. `continue`: look again; `undecided`: it goes back, through no fault of its own."""

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
    alarms: Alarms = NO_ALARMS,
    relative_loss: bool = False,
) -> WatchReport:
    """What is to become of a trial after so many seconds.

    It is `worse` as soon as one signal shows it. Before `bake_seconds` nothing else is said. After them it needs
    `min_requests`, and waits for them until the longest bake is over: no traffic is no success. A signal that hints
    at worse without showing it makes the bake longer, not the promise weaker: at its end, what is not shown is not held
    against the challenger, which has won the comparison before.

    Parameters
    ----------
    look : its number, from 1; each has its own part of the false rollback rate.
    seconds : since the trial began.
    relative_loss : whether `max_loss_increase` is a fraction of the champion's loss.

    Examples
    --------
    >>> policy = RolloutPolicy(bake_seconds=600)
    >>> watch(Side(4000, 4), Side(400, 2), policy, look=10, seconds=600).reason
    '400 requests in 600 s: not shown to be worse in errors (0.5 % against 0.1 %), slow answers (0 % against 0 %); \
loss not judged.'
    >>> watch(Side(4000, 4), Side(400, 40), policy, look=1, seconds=60).verdict
    'worse'
    """
    level = level_of_look(policy, look)
    signals = (
        _share("errors", champion, challenger, policy.max_error_rate_increase, level),
        _share("slow", champion, challenger, policy.max_slow_increase, level),
        _loss(champion, challenger, policy, level, relative=relative_loss),
    )
    verdict, reason = _verdict(challenger, signals, alarms, policy, seconds)
    return WatchReport(verdict, reason, look, seconds, champion, challenger, signals, alarms)


def level_of_look(policy: RolloutPolicy, look: int) -> float:
    """The level of each signal at one look (alpha spending [1]_ with a schedule that is fixed before the first).

    Half of a signal's rate is kept for the look at which a trial with traffic is decided. A quarter is shared by those
    before, which are there for what is far off: its p-value needs no large level. The last quarter is for the looks
    after it, the j-th of which has 1 / (j (j + 1)) of it; these add up to one over however many there are.

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
        ringing = [f"Ringing since it began: {', '.join(alarms.ringing)}."] if alarms.ringing else []
        return "worse", " ".join([*(signal.reason for signal in worse), *ringing])
    seen = f"{challenger.requests:,} requests in {seconds:,.0f} s"
    if seconds < policy.bake_seconds:
        return "continue", f"{seen}: it bakes for {policy.bake_seconds:,} s."
    over = seconds >= policy.longest_bake_seconds
    if challenger.requests < policy.min_requests:
        if over:
            return "undecided", f"{seen}, fewer than the {policy.min_requests:,} asked for: no traffic is no success."
        return "continue", f"{seen}, fewer than the {policy.min_requests:,} asked for: it bakes on."
    doubted = [signal for signal in signals if signal.status == "in doubt"]
    if doubted and not over:
        return "continue", f"{seen}: it bakes on, because it may be worse. {doubted[0].reason}"
    judged = ", ".join(_in_short(signal) for signal in signals if signal.status != "not judged")
    others = ", ".join(_TITLES[signal.name] for signal in signals if signal.status == "not judged")
    return "passed", f"{seen}: not shown to be worse in {judged}{f'; {others} not judged' if others else ''}."


_TITLES = {"errors": "errors", "slow": "slow answers", "loss": "loss"}
_CLAIMS = {"errors": "fails more often", "slow": "is slow more often"}


def _in_short(signal: Signal) -> str:
    said = figure if signal.name == "loss" else percent
    return f"{_TITLES[signal.name]} ({said(signal.challenger or 0.0)} against {said(signal.champion or 0.0)})"


def _share(name: Literal["errors", "slow"], champion: Side, challenger: Side, bound: float, level: float) -> Signal:
    """Whether the challenger's chance of a bad answer is larger than the champion's and the bound together.

    An exact test for two binomials: the largest chance of as many bad answers over all rates of the champion that
    its own answers do not rule out, plus the chance that these mislead [1]_.

    References
    ----------
    .. [1] Berger & Boos (1994), "P values maximized over a confidence set for the nuisance parameter", JASA 89,
       1012-1016.
    """
    if not champion.requests or not challenger.requests:
        side = "champion" if challenger.requests else "challenger"
        return Signal(name, "not judged", f"The {side} has answered no request.", bound, level)
    bad, before = getattr(challenger, name), getattr(champion, name)
    risk = LIMIT_SHARE * level
    highest = binomial_upper_limit(before, champion.requests, risk) + bound
    p_value = min(1.0, binomial_tail(bad, challenger.requests, highest) + risk)
    mine, theirs = bad / challenger.requests, before / champion.requests
    status = _status(p_value, level)
    reason = (
        f"It {_CLAIMS[name]}: {percent(mine)} of {challenger.requests:,} requests against {percent(theirs)} of "
        f"{champion.requests:,}; at most {percent(bound)} more is allowed ({_p_in_words(p_value, level)})."
    )
    if status == "fine":
        reason = f"{percent(mine)} against {percent(theirs)}; {percent(bound)} more is allowed."
    return Signal(name, status, reason, bound, level, theirs, mine, p_value)


def _loss(champion: Side, challenger: Side, policy: RolloutPolicy, level: float, *, relative: bool) -> Signal:
    """Whether the challenger's mean loss is larger than the champion's and the bound together, by Welch's test [1]_.

    In a shadow trial both score the same rows, so that their losses go together: the test is then careful, not wrong.

    References
    ----------
    .. [1] Welch (1947), "The generalization of 'Student's' problem when several different population variances are
       involved", Biometrika 34, 28-35.
    """
    bound, least = policy.max_loss_increase, policy.min_labels
    mine, theirs = challenger.mean_loss, champion.mean_loss
    if mine is None or theirs is None or min(champion.labels, challenger.labels) < least:
        reason = (
            f"{challenger.labels:,} labels of the challenger and {champion.labels:,} of the champion have come; "
            f"{least:,} of each are asked for."
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
    allowed = f"{percent(bound)} of it" if relative else figure(bound)
    status = _status(p_value, level)
    against = f"{figure(mine)} on {challenger.labels:,} labels against {figure(theirs)} on {champion.labels:,}"
    reason = f"{against}; at most {allowed} more is allowed"
    if status != "fine":
        reason = f"Its loss is larger: {reason} ({_p_in_words(p_value, level)})"
    return Signal("loss", status, f"{reason}.", bound, level, theirs, mine, p_value)


def _status(p_value: float, level: float) -> SignalStatus:
    if p_value <= level:
        return "worse"
    return "in doubt" if p_value <= DOUBT_LEVEL else "fine"


def _p_in_words(p_value: float, level: float) -> str:
    return f"p = {p_value:.2g}, level {level:.2g}"
