"""What live metrics say of losses: of rows that two models predicted, by minute, and how long labels take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from contender.predictions.live_metrics import ERROR_SUMS, PAIR_SUMS, LiveCounts
from contender.predictions.table_entries import ARRIVALS
from contender.rollout.experiments.experiment import DAY
from contender.rollout.experiments.metrics import LOSS
from contender.rollout.paired_losses import NO_PAIRS, PairedLosses

ARRIVED = 0.9
"""A day's labels are waited for until this share of them has come, by the labels of lately."""
LONGEST_WAIT_DAYS = 30
LOOK_BACK_DAYS = 14


class LiveMetrics(Protocol):
    """What was predicted, by version."""

    def live_minutes(
        self, pipeline: str, version: str, variant: str, since: float, until: float
    ) -> Sequence[tuple[str, LiveCounts]]:
        """By minute, the counts of predictions made from `since` to `until`, in epoch seconds."""

    def live(self, pipeline: str, version: str, variant: str, since: float, until: float) -> LiveCounts:
        """The counts of all minutes between two moments, in epoch seconds."""


def pairs_in(minutes: Iterable[tuple[str, LiveCounts]], metric: str = LOSS) -> Iterator[tuple[str, PairedLosses]]:
    """Of the minutes (ISO, UTC) with labelled rows that both predicted, the sums over these rows, by this metric."""
    for minute, counts in minutes:
        rows, names = (counts.pairs, PAIR_SUMS) if metric == LOSS else (counts.error_pairs, ERROR_SUMS)
        if rows:
            yield minute, PairedLosses(rows, *(getattr(counts, name) for name in names))


def pairs_of_day(
    live: LiveMetrics,
    pipeline: str,
    version: str,
    variants: Iterable[str],
    *,
    begun: datetime,
    number: int,
    metric: str = LOSS,
) -> PairedLosses:
    """The sums over the labelled rows that both predicted in the 24 hours of a day, counted from 0 since `begun`."""
    since, until = (begun + each * DAY for each in (number, number + 1))
    last = until - timedelta(seconds=1)  # the minute at which a day ends is the next one's first
    found = NO_PAIRS
    for variant in variants:
        minutes = live.live_minutes(pipeline, version, variant, since.timestamp(), last.timestamp())
        found = sum((pairs for _, pairs in pairs_in(minutes, metric)), found)
    return found


def wait_days(live: LiveMetrics, pipeline: str, now: datetime) -> int:
    """In how many days nine of ten labels of lately have come; a day where nothing is known."""
    since = (now - timedelta(days=LOOK_BACK_DAYS)).timestamp()
    age = live.live(pipeline, *ARRIVALS, since, now.timestamp()).label_age(ARRIVED)
    return 1 if age is None else min(LONGEST_WAIT_DAYS, age + 1)
