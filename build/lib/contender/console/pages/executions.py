"""The executions of a state machine as a list, and the machine's graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.console.executions import Execution
from contender.console.pages.runs import verdict_badge
from contender.console.shell import Site, address, console_page, entry, filter_form, link, moment
from contender.formatting import duration
from contender.reports.html import badge, count, details, table

MACHINES: Mapping[str, str] = {"loop": "Continuous training", "rollback": "Rollback", "batch": "Batch prediction"}
"""What each machine is called on pages."""

STATUS_TONES = {"SUCCEEDED": "good", "RUNNING": "unsure", "FAILED": "bad", "TIMED_OUT": "bad", "ABORTED": "calm"}


def executions_page(
    site: Site,
    pipeline: str,
    machine: str,
    executions: Sequence[Execution],
    records: Mapping[str, Mapping[str, Any]],
    graph: str,
    *,
    machines: Sequence[str],
    asked: str = "",
) -> str:
    """The newest executions of a machine.

    Parameters
    ----------
    machine, machines : the one that is shown, and those that there are.
    records : the runs' records by id.
    graph : the machine's picture, SVG.
    """
    shown = [one for one in executions if asked.lower() in f"{one.name} {one.status} {_verdict(records, one)}".lower()]
    choose = "".join(
        entry(address(pipeline, "executions", machine=name), MACHINES[name], current=name == machine)
        for name in machines
    )
    rows = [_row(pipeline, one, records.get(one.name)) for one in shown]
    listed = table(("execution", "status", "started (UTC)", "took", "verdict", "reason"), rows, css="list wraps")
    content = (
        f'<nav aria-label="State machines"><ul>{choose}</ul></nav>'
        f"{filter_form(asked, what='executions', kept={'machine': machine})}"
        f"{listed or '<p>No executions here.</p>'}"
        f"{details('The state machine', scrolled(graph), opened=not executions)}"
    )
    said = f'<p class="lead">{count(len(executions), "execution")}, the newest first.</p>' if executions else ""
    return console_page(site, MACHINES[machine], content, pipeline=pipeline, here="executions", lead=said)


def scrolled(graph: str) -> str:
    """A picture in its own size, in a window that the keyboard scrolls too."""
    return f'<div class="graph scroll" tabindex="0" role="region" aria-label="State machine">{graph}</div>'


def status_badge(status: str) -> str:
    """An execution's status in its colour."""
    return badge(STATUS_TONES.get(status, "unsure"), status.replace("_", " ").lower())


def took(execution: Execution) -> str:
    """How long an execution took."""
    return duration(execution.seconds) if execution.seconds is not None else "in progress"


def _verdict(records: Mapping[str, Mapping[str, Any]], execution: Execution) -> str:
    return str(records.get(execution.name, {}).get("verdict", ""))


def _row(pipeline: str, one: Execution, record: Mapping[str, Any] | None) -> tuple[str, ...]:
    return (
        link(address(pipeline, "executions", one.machine, one.name), one.name, css="row"),
        status_badge(one.status),
        f'<span class="when">{moment(one.started)}</span>',
        f'<span class="took">{took(one)}</span>',
        verdict_badge(str(record["verdict"])) if record else "",
        escape(str(record.get("reason") or "")) if record else "",
    )
