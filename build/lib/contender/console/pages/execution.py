"""One execution: its states on the graph and in order, with times, retries, input, output, error and cause."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Any

from contender.console.executions import Execution, Visit
from contender.console.graph.picture import OUTCOMES, legend
from contender.console.log_lines import LogLine
from contender.console.pages.executions import MACHINES, scrolled, status_badge, took
from contender.console.pages.runs import verdict_badge
from contender.console.shell import Site, address, console_page, link, moment
from contender.formatting import duration
from contender.reports.html import badge, details, fields, section, table

MOST_CHARACTERS = 20_000
TONES = {"succeeded": "good", "caught": "unsure", "failed": "bad", "running": "unsure", "aborted": "calm"}
"""Of a state's outcome."""


def execution_page(
    site: Site,
    pipeline: str,
    execution: Execution,
    graph: str,
    *,
    functions: Mapping[str, str],
    record: Mapping[str, Any] | None,
) -> str:
    """An execution as a page.

    Parameters
    ----------
    graph : the machine with the execution's states in their colours, SVG; states lead to `anchor(…)`.
    functions : the states whose task is a function, and so has log lines, with its name.
    record : the run's; None where it has left none.
    """
    about = {
        "Status": status_badge(execution.status),
        "Started": f"{moment(execution.started)} UTC",
        "Took": took(execution),
        "Error": escape(execution.error),
    }
    if record is not None:
        about |= {
            "Verdict": verdict_badge(str(record["verdict"])),
            "Reason": escape(str(record.get("reason") or "")),
            "Report": link(address(pipeline, "runs", execution.name), "what the run found and decided"),
        }
    cause = f"<h3>Cause</h3>{text_block(execution.cause)}" if execution.cause else ""
    data = details("Input", text_block(execution.input)) + details("Output", text_block(execution.output))
    content = (
        f"{fields(about)}{cause}{data}"
        + section("States", "A state leads to its times, input and output.", scrolled(graph) + legend())
        + section("In order", "", _in_order(execution, pipeline, functions))
        + "".join(_details(place, visit) for place, visit in enumerate(execution.visits))
    )
    back = link(address(pipeline, "executions", machine=execution.machine), MACHINES[execution.machine])
    return console_page(site, execution.name, content, pipeline=pipeline, here="executions", about=back)


def log_page(
    site: Site, pipeline: str, execution: Execution, state: str, lines: Sequence[LogLine], *, most: int
) -> str:
    """What a state's function logged during an execution; `most` is how many lines are read at most."""
    said = f"{len(lines):,} lines" + (f", the first {most:,}" if len(lines) >= most else "") + "."
    shown = "\n".join(f"{moment(line.at)}  {line.text.rstrip()}" for line in lines)
    back = link(address(pipeline, "executions", execution.machine, execution.name), execution.name)
    content = (
        f'<section><pre class="whole">{escape(shown)}</pre></section>' if lines else "<p>No lines were logged.</p>"
    )
    lead = f'<p class="lead">{said}</p>' if lines else ""
    return console_page(site, f"Log of {state}", content, pipeline=pipeline, here="executions", about=back, lead=lead)


def anchors(execution: Execution) -> dict[str, str]:
    """Where the graph's states lead: to the last time that each was entered."""
    return {visit.state: f"#{_anchor(place)}" for place, visit in enumerate(execution.visits)}


def text_block(text: str) -> str:
    """JSON indented, or another text as it is; nothing where there is none.

    Examples
    --------
    >>> text_block('{"a":"<b>"}')
    '<pre>{\\n  &quot;a&quot;: &quot;&lt;b&gt;&quot;\\n}</pre>'
    """
    if not text:
        return ""
    with suppress(json.JSONDecodeError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    cut = f"\n… {len(text) - MOST_CHARACTERS:,} more characters" if len(text) > MOST_CHARACTERS else ""
    return f"<pre>{escape(text[:MOST_CHARACTERS] + cut)}</pre>"


def _anchor(place: int) -> str:
    return f"state-{place}"


def _in_order(execution: Execution, pipeline: str, functions: Mapping[str, str]) -> str:
    columns = ("state", "outcome", "entered (UTC)", "took", "retries", "log")
    here = (pipeline, "executions", execution.machine, execution.name, "log")
    rows = [
        (
            link(f"#{_anchor(place)}", visit.state, css="row"),
            badge(TONES[visit.outcome], OUTCOMES[visit.outcome]),
            f'<span class="when">{moment(visit.entered)}</span>',
            f'<span class="took">{_took(visit)}</span>',
            str(visit.retries or ""),
            link(address(*here, state=visit.state), "lines") if visit.state in functions else "",
        )
        for place, visit in enumerate(execution.visits)
    ]
    return table(columns, rows, css="list") or "<p>No state has been entered.</p>"


def _took(visit: Visit) -> str:
    return duration((visit.left - visit.entered).total_seconds()) if visit.left else ""


def _details(place: int, visit: Visit) -> str:
    failed = "".join(
        f"<h4>Call {number} failed: {escape(each.error)}</h4>{text_block(each.cause)}"
        for number, each in enumerate(visit.failures, start=1)
    )
    data = "".join(
        f"<h4>{name}</h4>{text_block(text)}"
        for name, text in (("Input", visit.input), ("Output", visit.output))
        if text
    )
    content = failed + data or "<p>The history has no input or output of it.</p>"
    return f'<div id="{_anchor(place)}">{details(f"{place + 1} · {visit.state}", content, opened=bool(failed))}</div>'
