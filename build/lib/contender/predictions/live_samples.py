"""The CloudWatch metrics of newly logged predictions and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from contender.predictions.live_metrics import LiveCounts, total


@dataclass(frozen=True)
class LiveSample:
    """What was counted of one version in one variant, in the minute that begins at `at` (epoch seconds).

    `latencies` (milliseconds) and `losses` are single values, of which CloudWatch makes percentiles and means.
    """

    version: str
    variant: str
    at: float
    counts: LiveCounts
    latencies: Sequence[float] = ()
    losses: Sequence[float] = ()


EmitLive = Callable[[LiveSample], object]


def merge_samples(samples: Iterable[LiveSample]) -> list[LiveSample]:
    """One sample for each version, variant and minute."""
    groups: dict[tuple[str, str, int], list[LiveSample]] = {}
    for sample in samples:
        groups.setdefault((sample.version, sample.variant, int(sample.at // 60)), []).append(sample)
    return [
        LiveSample(
            version,
            variant,
            minute * 60,
            total(sample.counts for sample in group),
            [latency for sample in group for latency in sample.latencies],
            [loss for sample in group for loss in sample.losses],
        )
        for (version, variant, minute), group in groups.items()
    ]
