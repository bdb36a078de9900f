"""Live metrics by version and variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.console.shell import Site, address, console_page, entry
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.live_words import labels_in_words, latency_in_words, pairs_in_words, predicted_in_words
from contender.reports.html import table

HOURS: Mapping[str, str] = {"1": "1 hour", "24": "24 hours", "168": "7 days"}
"""How far back the page can look."""


def live_page(
    site: Site,
    pipeline: str,
    counts: Sequence[tuple[str, str, LiveCounts]],
    *,
    hours: str,
    champion: str,
    windows: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Requests, errors, latency, predictions and labels.

    Parameters
    ----------
    counts : version, variant and what was counted, those that serve now first.
    hours : a key of HOURS.
    windows : reports of windows of the prediction log, newest first.
    """
    choose = "".join(
        entry(address(pipeline, "live", hours=key), said, current=key == hours) for key, said in HOURS.items()
    )
    rows = [
        (
            escape(version) + (" <small>champion</small>" if version == champion else ""),
            escape(variant),
            f"{found.requests:,}",
            f"{found.errors:,}",
            escape(latency_in_words(found)),
            escape(labels_in_words(found)),
            escape(predicted_in_words(found)),
        )
        for version, variant, found in counts
    ]
    columns = ("version", "variant", "requests", "errors", "p50 / p95 ms", "labels", "predicted")
    listed = table(columns, rows) or f"<p>No predictions in the last {HOURS[hours]}.</p>"
    pairs = "".join(f"<p>{escape(line)}</p>" for line in pairs_in_words(counts))
    content = f'<nav aria-label="Time"><ul>{choose}</ul></nav>{listed}{pairs}{_windows(windows)}'
    return console_page(site, "Live metrics", content, pipeline=pipeline, here="live")


def _windows(reports: Sequence[Mapping[str, Any]]) -> str:
    """How windows were judged; nothing before the first."""
    rows = [
        (
            escape(report["window"]),
            escape(version),
            escape(found["kind"]),
            f"{found['rows']:,}",
            escape(", ".join((*found["features"], *found["skewed"]))),
            escape(found["reason"]),
        )
        for report in reports
        for version, found in report["versions"].items()
    ]
    listed = table(("window", "version", "verdict", "predictions", "features", "reason"), rows)
    return f"<h2>Windows of the prediction log</h2>{listed}" if listed else ""
