"""The first page: each pipeline with what serves and how its newest runs ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from contender.console.pages.runs import table_of_runs
from contender.console.shell import Site, address, console_page, link, moment
from contender.reports.html import fields, section


@dataclass(frozen=True)
class PipelineNow:
    """A pipeline as it is now.

    Attributes
    ----------
    trouble : why nothing can be said of it; empty where there is something.
    champion, since : empty where there is none.
    running : the run that is in progress, or empty.
    """

    name: str
    champion: str = ""
    since: str = ""
    running: str = ""
    waiting_uploads: int = 0
    records: Sequence[Mapping[str, Any]] = ()
    trouble: str = ""


def overview_page(site: Site, pipelines: Sequence[PipelineNow]) -> str:
    """Each pipeline, in the order of their files."""
    content = "".join(_pipeline(one) for one in pipelines)
    return console_page(site, "Pipelines", content or "<p>There is no pipeline file.</p>", here="overview")


def _pipeline(now: PipelineNow) -> str:
    if now.trouble:
        return section(now.name, "", f'<p class="said">{escape(now.trouble)}</p>')
    running = link(address(now.name, "executions", "loop", now.running), now.running) if now.running else ""
    about = fields(
        {
            "Champion": f"<code>{escape(now.champion)}</code> since {moment(now.since)} UTC"
            if now.champion
            else "none yet",
            "In progress": running,
            "Waiting uploads": f"{now.waiting_uploads:,}" if now.waiting_uploads else "",
        }
    )
    return section(now.name, "", about + (table_of_runs(now.name, now.records) or "<p>No runs yet.</p>"))
