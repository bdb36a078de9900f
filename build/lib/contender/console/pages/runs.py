"""The list of runs: verdict and reason, with ways to each run's report and execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.console.shell import Site, address, console_page, filter_form, link, moment
from contender.formatting import duration
from contender.reports.html import badge, table
from contender.reports.run.page import GLYPHS
from contender.reports.run.summary import TONES
from contender.workflow.trigger_events import STARTED_BY

Records = Sequence[Mapping[str, Any]]


def runs_page(site: Site, pipeline: str, records: Records, *, asked: str = "") -> str:
    """The runs of a pipeline, newest first, of which those are shown that have `asked` in id, verdict or reason."""
    shown = [record for record in records if asked.lower() in _searched(record)]
    said = f"{len(shown):,} of the newest {len(records):,} runs." if records else ""
    content = filter_form(asked, what="runs") + (table_of_runs(pipeline, shown) or "<p>No runs here.</p>")
    return console_page(site, "Runs", content, pipeline=pipeline, here="runs", lead=f'<p class="lead">{said}</p>')


def table_of_runs(pipeline: str, records: Records) -> str:
    """Runs with verdict and reason; nothing where there are none."""
    columns = ("run", "verdict", "started (UTC)", "took", "trigger", "", "reason")
    return table(columns, [_row(pipeline, record) for record in records], css="list wraps")


def verdict_badge(verdict: str) -> str:
    """A verdict in its colour, with a mark for those who see none."""
    tone = TONES.get(verdict, "unsure")
    return badge(tone, f"{GLYPHS[tone]} {verdict.replace('_', ' ')}")


def _row(pipeline: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    run = str(record["run_id"])
    trigger = str(record.get("trigger") or "")
    return (
        link(address(pipeline, "runs", run), run[:8], css="row"),
        verdict_badge(str(record["verdict"])),
        f'<span class="when">{escape(moment(record.get("started_at")))}</span>',
        f'<span class="took">{duration(record["seconds"])}</span>' if record.get("seconds") else "",
        escape(STARTED_BY.get(trigger, trigger)),
        link(address(pipeline, "executions", _machine(record), run), "execution"),
        escape(str(record.get("reason") or "")),
    )


def _machine(record: Mapping[str, Any]) -> str:
    """Which machine ran it: a rollback by a person or an alarm has no claim, and names what it undid."""
    by_itself = record.get("rollback") and not record.get("dataset_versions") and not record.get("challenger")
    return "rollback" if by_itself else "loop"


def _searched(record: Mapping[str, Any]) -> str:
    return " ".join(str(record.get(name) or "") for name in ("run_id", "verdict", "reason", "trigger")).lower()
