"""What CloudWatch cannot draw: the newest runs as a table, and the state of things in a sentence, as HTML.

For a custom widget, whose console takes scripts out of what is answered; all that others wrote is escaped here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import PurePosixPath
from typing import Any

from contender.dashboard.run_links import RunLinks
from contender.formatting import duration
from contender.pulse.runs import ended_at
from contender.reports.line_chart import shortened

SHOWN = 10
LONGEST_REASON = 240
_COLUMNS = ("ended", "file", "verdict", "reason", "")

DESCRIPTION = """## The newest runs of a pipeline

A widget of Contender's dashboard. It reads the runs table and the control group's days, and changes nothing.

### Parameters
- `show`: `runs`, a table of the newest ten runs (the default), or `summary`, the state of the loop in two sentences.

### Example
``` yaml
show: summary
```"""


def runs_table(records: Sequence[Mapping[str, Any]], links: RunLinks, now: datetime) -> str:
    """The runs, newest first: when each ended, its file, its verdict and why, and where to look it up.

    Parameters
    ----------
    records : as the ledger keeps them, newest first.
    """
    if not records:
        return "<p>No run has ended yet.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    rows = "".join(f"<tr>{_row(record, links, now)}</tr>" for record in records[:SHOWN])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def summary(
    records: Sequence[Mapping[str, Any]], promotions: Sequence[Mapping[str, Any]], now: datetime, *, worth: str = ""
) -> str:
    """What the last run came to, what changed last, and what retraining has been worth.

    Parameters
    ----------
    records, promotions : as the ledger keeps them, newest first.
    worth : a sentence, by the control group; empty where there is none.
    """
    said = f"<p>{_last_run(records, now)}</p><p>{_last_change(promotions, now)}</p>"
    return f"{said}<p>{escape(worth)}</p>" if worth else said


def _row(record: Mapping[str, Any], links: RunLinks, now: datetime) -> str:
    verdict, reason = str(record["verdict"]), str(record["reason"])
    file = PurePosixPath(str(record.get("source_key") or "")).name or str(record.get("trigger") or "")
    shown = " ".join(_link(name, target) for name, target in links.of(record))
    ended = ended_at(record)
    shown_time = f"{ended:%Y-%m-%d %H:%M} UTC" if ended else ""
    return (
        f'<td title="{shown_time}">{_ago(ended, now)}</td><td>{escape(shortened(file, 40))}</td>'
        f'<td class="verdict {escape(verdict)}">{escape(verdict.replace("_", " "))}</td>'
        f'<td class="reason" title="{escape(reason)}">{escape(shortened(reason, LONGEST_REASON))}</td><td>{shown}</td>'
    )


def _link(name: str, target: str) -> str:
    if target.startswith("https://"):
        return f'<a href="{escape(target)}" target="_blank" rel="noopener">{escape(name)}</a>'
    return f"<code>{escape(target)}</code>"


def _last_run(records: Sequence[Mapping[str, Any]], now: datetime) -> str:
    if not records:
        return "No run has ended yet."
    last, verdict = records[0], str(records[0]["verdict"]).replace("_", " ")
    failed = next((count for count, each in enumerate(records) if each["verdict"] != "failed"), len(records))
    again = f", {failed} in a row" if failed > 1 else ""
    reason = shortened(str(last["reason"]), LONGEST_REASON)
    return f"<b>Last run: {escape(verdict)}{again}</b>, {_ago(ended_at(last), now)}. {escape(reason)}"


def _last_change(promotions: Sequence[Mapping[str, Any]], now: datetime) -> str:
    if not promotions:
        return "No model version serves yet."
    last = promotions[0]
    at = datetime.fromisoformat(str(last["swapped_at"])).astimezone(UTC)
    kind, reason = str(last.get("kind") or "swap"), shortened(str(last.get("reason") or ""), LONGEST_REASON)
    champion = escape(str(last["champion"]))
    return f"<b>Last change: {escape(kind)}</b>, {_ago(at, now)}. The champion is {champion}. {escape(reason)}"


def _ago(then: datetime | None, now: datetime) -> str:
    return f"{duration(max(0.0, (now - then).total_seconds()))} ago" if then else ""
