"""Which policy to take, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contender.formatting import figure, minus
from contender.replay.trade_off import Point, TradeOff

KEEP = 0.95
"""The share of the gain from always retraining that a recommended policy keeps, where an error has no price."""


@dataclass(frozen=True)
class Recommendation:
    """The recommended point, and the sentence about it."""

    name: str
    sentence: str


def best_point(points: Sequence[Point], *, keep: float = KEEP) -> Point:
    """The point to take: the first of `ranked`.

    Examples
    --------
    >>> points = [Point("a", "policy", 12, 0.4, 0.96, 0.1), Point("b", "calendar", 11, 0.4, 0.89, 0.1)]
    >>> best_point(points).name, best_point(points, keep=0.8).name
    ('a', 'b')
    """
    return ranked(points, keep=keep)[0]


def ranked(points: Sequence[Point], *, keep: float = KEEP) -> list[Point]:
    """The points, the one to take first.

    With a price of an error those that save more dollars come first. Without: those that keep at least `keep` of the
    gain, the fewest retrains first, and then the others, those that keep most first. Equal ones stay in their order.
    """
    if any(point.saved_usd is not None for point in points):
        return sorted(points, key=lambda point: -(point.saved_usd or 0.0))
    if any(point.kept is None for point in points):
        return sorted(points, key=lambda point: point.retrains)
    return sorted(points, key=lambda point: _rank(point, keep=keep), reverse=True)


def _rank(point: Point, *, keep: float = KEEP) -> tuple[bool, float, float]:
    """What a policy is ordered by where an error has no price: larger is better."""
    kept = point.kept or 0.0
    return (True, -float(point.retrains), kept) if kept >= keep else (False, kept, -float(point.retrains))


def is_better(ours: Point, theirs: Point, *, keep: float = KEEP) -> bool:
    """Whether the one is to be taken rather than the other, by the rule of `best_point`."""
    return best_point([theirs, ours], keep=keep) is ours


def recommendation(found: TradeOff, *, keep: float = KEEP) -> Recommendation:
    """The policy to take, of those simulated, always and never retraining and the calendars.

    Policies that compare before they promote come first where several are equal.
    """
    best = best_point(found.of("policy", "never", "calendar", "always"), keep=keep)
    never, always = found.one("never"), found.one("always")
    if never.loss <= always.loss:
        return Recommendation(
            best.name,
            f"Recommended: {_called(best)}; always retraining gains nothing on this history: {found.loss} "
            f"{figure(always.loss)} vs. {figure(never.loss)} without.",
        )
    sentence = f"Recommended: {_called(best)}, which {figures_of(best, always)}"
    rival = found.calendar_with(best.retrains) if best.kind == "policy" else found.one("policy")
    advice = "" if best.each == 0 else f" training.retrain_batches={best.each} retrains as often, and compares."
    return Recommendation(best.name, f"{sentence}; {_called(rival)} {figures_of(rival, always)}.{advice}")


def _called(point: Point) -> str:
    """A point's name in a sentence."""
    if point.kind == "policy":
        return f"policy {point.name}"
    if point.kind == "calendar":
        return f"a calendar of {point.each} batches"
    return f"{point.name} retraining"


def figures_of(point: Point, always: Point) -> str:
    """What a point keeps, with how many of always' retrains, what these cost, and what it saves."""
    kept = f"keeps {share(point.kept)} of the gain with" if point.kept is not None else "makes"
    saved = "" if point.saved_usd is None else f", saves {dollars(point.saved_usd)}"
    return f"{kept} {point.retrains} of {always.retrains} retrains ({dollars(point.training_usd)}){saved}"


def share(kept: float) -> str:
    """A share of the gain: it may be negative, and above 100 %.

    Examples
    --------
    >>> share(0.9712), share(-0.2), share(1.034)
    ('97 %', '−20 %', '103 %')
    """
    return f"{minus(f'{100.0 * kept:.0f}')} %"


def dollars(usd: float) -> str:
    """An amount of money: cents below ten dollars, a tenth of a cent below one.

    Examples
    --------
    >>> dollars(0.0412), dollars(3.4), dollars(1234.5), dollars(-12.0), dollars(-0.0001)
    ('$0.041', '$3.40', '$1,234', '−$12', '$0')
    """
    size = abs(usd)
    if not round(size, 3):
        return "$0"
    text = f"{size:,.3f}" if size < 1.0 else f"{size:,.2f}" if size < 10.0 else f"{size:,.0f}"
    return f"{'−' if usd < 0 else ''}${text}"


def saved_means(found: TradeOff) -> str:
    """What the dollars saved are, as a further sentence; nothing without a price."""
    if found.error_usd is None:
        return ""
    return (
        f" Saved: the errors that never retraining makes and this does not, at ${found.error_usd:g} for one unit of "
        f"{found.loss} in one row, less the cost of the retrains."
    )
