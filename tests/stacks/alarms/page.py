"""docs/alarms.md, made from the table of alarms and from a synthesised template.

`python -m tests.stacks.alarms.page` writes it; a test fails when it is out of date.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contender.alarms.kinds import AlarmKind
from contender.alarms.table import KINDS
from tests.stacks.alarms.static_checks import ALARM, COMPOSITE, Templates, expression, kind_of, resources, stats
from tests.stacks.synthesis import PROJECT_ROOT, flat, synthesise

PAGE = PROJECT_ROOT / "docs" / "alarms.md"

HEAD = """# Alarms

What rings, when, and what to type first. (Generated from `contender/alarms/tables/` and the synthesised template by
`python -m tests.stacks.alarms.page`.)

A **page** wakes somebody. A **ticket** waits for working hours. An **info** needs nobody: runs that promoted a model,
and the weekly digest. Each severity is an SNS topic with its own addresses: `notify.page`, `notify.ticket` and
`notify.info`, each of which falls back to `notify.emails`. `contender mail test --pipeline flights --env prod` says who
gets which. An alarm tells when it begins and when it is over.

Alarms act once for an incident: the cause tells, and what follows from it is held back. Alarms on gauges of Pulse keep
their state while Pulse is silent ([0054](decisions/0054-severities.md)).
"""

OPERATORS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}


def page(templates: Templates) -> str:
    """The page, of a pipeline whose templates these are."""
    alarms = list(_alarms(templates))
    names = {logical_id: kind_of(one) for logical_id, one in alarms}
    lines = [
        "| alarm | severity | rings when | suppressed by |",
        "|---|---|---|---|",
        *(
            f"| [{each.id}](#{each.id}) | {each.severity} | {each.title} | {', '.join(each.suppressed_by) or '–'} |"
            for each in KINDS
        ),
    ]
    sections = [_section(each, [one for _, one in alarms], names) for each in KINDS]
    return "\n".join([HEAD, *lines, "", *sections])


def _section(kind: AlarmKind, alarms: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    ours = [one for one in alarms if _longest_kind(kind_of(one)) == kind.id]
    commands = "\n".join(f"    {each}" for each in kind.commands(pipeline="flights", environment="prod"))
    return f"""## {kind.id}

**{kind.title}.** {kind.purpose}

| | |
|---|---|
| severity | {kind.severity} |
| owner | {kind.owner} |
| measured | {kind.expression} |
| threshold | {kind.threshold} |
| done by itself | {kind.by_itself} |
| suppressed by | {", ".join(kind.suppressed_by) or "nothing"} |
| runbook | [{kind.id}](runbooks/{kind.id}.md) |

{commands}

In the template (pipeline with objective 99 %):

{chr(10).join(_definition(one, names) for one in ours)}
"""


def _definition(alarm: Mapping[str, Any], names: Mapping[str, str]) -> str:
    name = kind_of(alarm)
    if "AlarmRule" in alarm:
        by = names[flat(alarm["ActionsSuppressor"])[1:].partition(".")[0]] if "ActionsSuppressor" in alarm else ""
        held = f"; held back by `{by}`, for which it waits {alarm['ActionsSuppressorWaitPeriod']} seconds" if by else ""
        return f"- `{name}`: {_readable(flat(alarm['AlarmRule']), names)}{held}"
    read = stats(alarm)
    period = next(iter(read.values()))["Period"] // 60
    points, of = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]), alarm["EvaluationPeriods"]
    metrics = ", ".join(f"`{id_}` = {each['Metric']['MetricName']} ({each['Stat']})" for id_, each in read.items())
    threshold = f"{OPERATORS[alarm['ComparisonOperator']]} {alarm['Threshold']:g}"
    return (
        f"- `{name}`: `{expression(alarm)}` {threshold} in {points} of {of} × {period} minutes; {metrics}; "
        f"missing: {alarm['TreatMissingData']}"
    )


def _readable(rule: str, names: Mapping[str, str]) -> str:
    """An alarm rule with names in place of logical ids."""
    return re.sub(r'ALARM\("<(\w+)\.Arn>"\)', lambda found: f"`{names[found[1]]}`", rule)


def _longest_kind(name: str) -> str:
    return max((each.id for each in KINDS if name == each.id or name.startswith(f"{each.id}-")), key=len)


def _alarms(templates: Templates) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in (COMPOSITE, ALARM):
        yield from resources(templates, kind)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(synthesise("local", Path(folder)).templates), "utf-8")
