"""Losses of rows that two models predicted, as live metrics have them by minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from contender.predictions.live_metrics import PAIR_SUMS, LiveCounts
from contender.rollout.paired_losses import PairedLosses


class LiveMetrics(Protocol):
    """What was predicted, by version."""

    def live_minutes(
        self, pipeline: str, version: str, variant: str, since: float, until: float
    ) -> Sequence[tuple[str, LiveCounts]]:
        """By minute, the counts of predictions made from `since` to `until`, in epoch seconds."""


def pairs_in(minutes: Iterable[tuple[str, LiveCounts]]) -> Iterator[tuple[str, PairedLosses]]:
    """Of the minutes (ISO, UTC) with labelled rows that both predicted, the sums over these rows."""
    for minute, counts in minutes:
        if counts.pairs:
            yield minute, PairedLosses(counts.pairs, *(getattr(counts, name) for name in PAIR_SUMS))
