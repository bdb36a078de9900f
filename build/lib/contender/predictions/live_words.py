"""Live metrics in words, for the terminal and the console."""

from __future__ import annotations

from collections.abc import Sequence

from contender.formatting import figure
from contender.predictions.live_metrics import LiveCounts, total

SHOWN_CLASSES = 4


def latency_in_words(counts: LiveCounts) -> str:
    """Median and 95th percentile in milliseconds.

    >>> latency_in_words(LiveCounts())
    '– / –'
    """
    return " / ".join("–" if value is None else f"{value:.3g}" for value in map(counts.latency_ms, (0.5, 0.95)))


def labels_in_words(counts: LiveCounts) -> str:
    """How many labels have arrived, with accuracy and loss."""
    right = "" if counts.accuracy is None else f", accuracy {counts.accuracy:.1%}"
    loss = "" if counts.mean_loss is None else f", loss {counts.mean_loss:.3g}"
    return f"{counts.labels:,}{right}{loss}"


def predicted_in_words(counts: LiveCounts) -> str:
    """The most frequent predicted classes with their shares, or the median and quantiles of the values."""
    if counts.values:
        low, middle, high = (counts.value(quantile) for quantile in (0.05, 0.5, 0.95))
        return f"{middle:.4g} ({low:.4g} to {high:.4g})"
    shares = sorted(counts.class_shares.items(), key=lambda item: -item[1])
    more = f", {len(shares) - SHOWN_CLASSES} more" if len(shares) > SHOWN_CLASSES else ""
    return ", ".join(f"{name} {share:.1%}" for name, share in shares[:SHOWN_CLASSES]) + more


def pairs_in_words(found: Sequence[tuple[str, str, LiveCounts]]) -> list[str]:
    """For each challenger, its loss and the champion's on the rows that both predicted."""
    lines = []
    for name in dict.fromkeys(version for version, _, _ in found):
        counts = total(counts for version, _, counts in found if version == name)
        if counts.paired_losses is not None:
            mine, theirs = map(figure, counts.paired_losses)
            moment = name.partition("-")[0]
            lines.append(
                f"{moment}: loss {mine} vs. the champion's {theirs} on the same {counts.pairs:,} labelled rows"
            )
    return lines
