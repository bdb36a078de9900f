"""What a labelled row that two models predicted adds to live counts."""

from __future__ import annotations

from typing import Any

from contender.predictions.live_metrics import ERROR_SUMS, PAIR_SUMS, LiveCounts, Score


def pair_change(before: tuple[Score, Score] | None, after: tuple[Score, Score]) -> LiveCounts:
    """What a label, or its correction, adds to the pairs: two scores of one row, the champion's first."""
    changes: dict[str, Any] = {}
    for names, of in ((PAIR_SUMS, "loss"), (ERROR_SUMS, "error")):
        sums = zip(names, _pair_sums(before, of), _pair_sums(after, of), strict=True)
        changes |= {name: new - old for name, old, new in sums}
    is_new = int(before is None)
    return LiveCounts(pairs=is_new, error_pairs=is_new, **changes)


def _pair_sums(pair: tuple[Score, Score] | None, of: str) -> tuple[float, ...]:
    """Of one attribute of the scores."""
    if pair is None:
        return (0.0,) * len(PAIR_SUMS)
    theirs: float = getattr(pair[0], of)
    difference = getattr(pair[1], of) - theirs
    return difference, difference * difference, theirs, theirs * theirs, difference * theirs
