"""The alarms of a pipeline: states, why, what to type first, and the metric against its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from contender.alarms.kinds import AlarmKind
from contender.console.shell import Site, console_page, link, moment
from contender.reports.html import badge, details, fields, section, table

STATES = {"ALARM": ("bad", "✕ in alarm"), "OK": ("good", "✓ ok"), "INSUFFICIENT_DATA": ("unsure", "? no data")}
"""Of CloudWatch, with tone and words."""

_ORDER = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}


@dataclass(frozen=True)
class ShownAlarm:
    """An alarm with its picture.

    Attributes
    ----------
    kind : None for an alarm that only is part of others.
    since : when it came to its state, ISO 8601.
    value : its newest value against the threshold; empty where there is none.
    rule : of a composite alarm; empty for others.
    parts : the alarms that its rule names.
    suppressor : the alarm that holds its actions back when it is on; empty where none does.
    held : what holds them back now; empty for nothing.
    problem : why it cannot be evaluated, or whom it could not tell.
    graph : HTML; empty for a composite alarm.
    """

    name: str
    kind: AlarmKind | None
    state: str
    since: str
    reason: str
    value: str = ""
    rule: str = ""
    parts: tuple[str, ...] = ()
    suppressor: str = ""
    held: str = ""
    problem: str = ""
    graph: str = ""


def alarms_page(site: Site, pipeline: str, alarms: Sequence[ShownAlarm], *, styles: Sequence[str] = ()) -> str:
    """All alarms of a pipeline, those that are on first. `styles` are the sheets of their graphs."""
    listed = sorted(alarms, key=lambda alarm: (_ORDER.get(alarm.state, 3), alarm.kind is None, alarm.name))
    known = {alarm.name for alarm in alarms}
    whole = [alarm for alarm in listed if alarm.kind is not None]
    parts = [alarm for alarm in listed if alarm.kind is None]
    rows = [_row(alarm) for alarm in whole]
    content = table(("alarm", "state", "since (UTC)", "severity", "what it means"), rows, css="list wraps")
    content += "".join(_section(pipeline, site.environment, alarm, known) for alarm in whole)
    content += details("Parts of these alarms", "".join(_section(pipeline, "", alarm, known) for alarm in parts))
    on = sum(alarm.state == "ALARM" for alarm in whole)
    said = f'<p class="lead">{on} of {len(whole)} are on.</p>' if whole else ""
    return console_page(
        site,
        "Alarms",
        content or "<p>No alarm is deployed.</p>",
        pipeline=pipeline,
        here="alarms",
        lead=said,
        styles=styles,
    )


def anchor(name: str) -> str:
    """An alarm's id on the page."""
    return "alarm-" + "".join(letter if letter.isalnum() else "-" for letter in name)


def _row(alarm: ShownAlarm) -> tuple[str, ...]:
    assert alarm.kind is not None
    return (
        link(f"#{anchor(alarm.name)}", alarm.kind.id, css="row"),
        _badge(alarm.state),
        f'<span class="when">{escape(moment(alarm.since))}</span>',
        escape(alarm.kind.severity),
        escape(alarm.kind.title),
    )


def _badge(state: str) -> str:
    return badge(*STATES.get(state, ("unsure", state)))


def _section(pipeline: str, environment: str, alarm: ShownAlarm, known: set[str]) -> str:
    about = {
        "State": f"{_badge(alarm.state)} since {escape(moment(alarm.since))} UTC",
        "Value": escape(alarm.value),
        "Why": escape(alarm.reason),
        "Problem": escape(alarm.problem),
        "Rule": escape(alarm.rule),
        "Made of": ", ".join(_to(part, known) for part in alarm.parts),
        "Held back by": _to(alarm.suppressor, known) if alarm.suppressor else "",
        "Held back now": escape(alarm.held),
    }
    title, purpose = alarm.name, ""
    if alarm.kind is not None:
        typed = alarm.kind.commands(pipeline=pipeline, environment=environment)
        about |= {
            "Threshold": escape(alarm.kind.threshold),
            "By itself": escape(alarm.kind.by_itself),
            "First": "<br>".join(f'<code class="command">{escape(each)}</code>' for each in typed),
            "Runbook": f"<code>{escape(alarm.kind.runbook)}</code>",
        }
        title, purpose = alarm.kind.title, alarm.kind.purpose
    return f'<div id="{anchor(alarm.name)}">{section(title, purpose, fields(about) + alarm.graph)}</div>'


def _to(name: str, known: set[str]) -> str:
    return link(f"#{anchor(name)}", name) if name in known else escape(name)
