"""Guards: is the model small enough, and does it predict fast enough?"""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.formatting import figure
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import ModelFacts

SMALLEST_MIB = 1.0
"""A smaller champion counts as this large: the ratio of two tiny models means nothing."""
SHORTEST_MS = 0.1
MIB = 2**20


@dataclass(frozen=True)
class ModelSize:
    """The size of both served models."""

    status: Status
    reason: str
    max_mib: float
    max_ratio: float
    challenger_mib: float | None = None
    champion_mib: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class Latency:
    """The prediction time of both models."""

    status: Status
    reason: str
    max_ms: float
    max_ratio: float
    challenger_ms: float | None = None
    champion_ms: float | None = None
    ratio: float | None = None


def model_size(challenger: ModelFacts, champion: ModelFacts | None, policy: PromotionPolicy) -> ModelSize:
    """Whether the served model is within its size limit, also in multiples of the champion's size.

    Examples
    --------
    >>> model_size(ModelFacts(300 * MIB), ModelFacts(2 * MIB), PromotionPolicy()).reason
    'The model is 300 MiB; the limit is 200 MiB.'
    """
    limits = policy.max_model_mib, policy.max_size_ratio
    if challenger.model_bytes is None:
        return ModelSize("not judged", "The model's size is unknown.", *limits)
    mine = challenger.model_bytes / MIB
    theirs = champion.model_bytes / MIB if champion and champion.model_bytes is not None else None
    status, reason, ratio = _within("The model is", mine, theirs, limits, unit="MiB", floor=SMALLEST_MIB)
    return ModelSize(status, reason, *limits, mine, theirs, ratio)


def latency(challenger: ModelFacts, champion: ModelFacts | None, policy: PromotionPolicy) -> Latency:
    """Whether a prediction is within its time limit, also in multiples of the champion's time.

    Examples
    --------
    >>> facts = [ModelFacts(milliseconds_per_row=each) for each in (9.0, 0.01)]
    >>> latency(*facts, PromotionPolicy()).reason
    "A prediction takes 9 ms, 90 times the champion's 0.01 ms (counted as 0.1 ms); the limit is 50 times."
    """
    limits = policy.max_latency_ms, policy.max_latency_ratio
    mine = challenger.milliseconds_per_row
    if mine is None:
        return Latency("not judged", "The prediction time was not measured.", *limits)
    theirs = champion.milliseconds_per_row if champion else None
    status, reason, ratio = _within("A prediction takes", mine, theirs, limits, unit="ms", floor=SHORTEST_MS)
    return Latency(status, reason, *limits, mine, theirs, ratio)


def _within(
    claim: str, mine: float, theirs: float | None, limits: tuple[float, float], *, unit: str, floor: float
) -> tuple[Status, str, float | None]:
    """Status, reason and ratio of a figure with an absolute limit and one in multiples of the champion's."""
    most, times = limits
    has = f"{claim} {figure(mine)} {unit}"
    ratio = mine / max(theirs, floor) if theirs is not None else None
    if mine > most:
        return "failed", f"{has}; the limit is {figure(most)} {unit}.", ratio
    if theirs is None or ratio is None:
        return "passed", f"{has}; the limit is {figure(most)} {unit}.", ratio
    counted = f" (counted as {figure(floor)} {unit})" if theirs < floor else ""
    than = f"{figure(ratio)} times the champion's {figure(theirs)} {unit}{counted}"
    if ratio > times:
        return "failed", f"{has}, {than}; the limit is {figure(times)} times.", ratio
    return "passed", f"{has}, {than}; the limits are {figure(most)} {unit} and {figure(times)} times.", ratio
