"""Which earlier champions a challenger is compared with beside the champion: the best of the past year must be among
them, and asking each costs a prediction of every row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from contender.comparison.judgements import Judgement, last_of

MOST_RECENT = 4
"""Beside these the best of the last comparison is asked, so that it stays however many champions follow."""
YEAR = timedelta(days=365)


def past_champions(
    served: Sequence[str], judgements: Iterable[Judgement], *, without: Iterable[str]
) -> tuple[str, ...]:
    """The versions to ask: the newest earlier champions, and the best one of the last comparison.

    Parameters
    ----------
    served : the versions that were champion, oldest first, the champion itself too.
    judgements : those of all of the pipeline's versions.
    without : the champion, the challenger, and what was rolled back.

    Examples
    --------
    >>> looks = [Judgement("v7", "run-7", "wins", rows=600, through_order=7.0, best_champion="v1")]
    >>> past_champions(["v1", "v2", "v3", "v4", "v5", "v6"], looks, without=["v6", "v7"])
    ('v5', 'v4', 'v3', 'v2', 'v1')
    """
    left_out = set(without)
    last = last_of(judgements)
    best = [last.best_champion] if last is not None and last.best_champion else []
    newest = [version for version in dict.fromkeys(reversed(served)) if version not in left_out][:MOST_RECENT]
    return tuple(dict.fromkeys([*newest, *(version for version in best if version not in left_out)]))


def is_of_the_past_year(created_at: str, challenger_created_at: str) -> bool:
    """Whether a version was made within a year before the challenger; both are ISO times.

    Examples
    --------
    >>> is_of_the_past_year("2025-12-01T00:00:00Z", "2026-11-29T00:00:00Z")
    True
    """
    return datetime.fromisoformat(challenger_created_at) - datetime.fromisoformat(created_at) <= YEAR
