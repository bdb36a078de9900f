"""Alarms as commands show them: as CloudWatch describes them, and locally with what the evaluation knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from contender.adapters.aws.described_alarms import alarms_that_begin
from contender.alarms.table import KINDS
from contender.cli.clouds import Cloud
from contender.mails.alarm_event import read_reason_data
from contender.mails.readings import newest_value
from localcloud.alarms.records_file import AlarmsState

SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
_ORDER = ("ALARM", "INSUFFICIENT_DATA", "OK")


@dataclass(frozen=True)
class AlarmRow:
    """An alarm.

    Attributes
    ----------
    since : when it came into its state, ISO 8601, UTC.
    value : of its newest data point locally, and on AWS of the one that brought it into its state.
    sign, threshold : it rings for values that stand so to the threshold; empty for a composite alarm.
    suppressed_by : the alarm that holds its actions back now; empty for none.
    tells : whether anybody is told when it rings.
    severity, runbook : of its kind; empty for part of another alarm.
    problem : why it cannot be evaluated, or whom it could not tell.
    """

    name: str
    state: str
    since: str
    value: float | None
    sign: str
    threshold: float | None
    why: str
    suppressed_by: str
    tells: bool
    severity: str = ""
    runbook: str = ""
    problem: str = ""


def read_alarms(cloud: Cloud, prefix: str, evaluation: AlarmsState | None) -> Sequence[AlarmRow]:
    """The alarms whose names begin so: those that ring first, then by name.

    Parameters
    ----------
    evaluation : what the local cloud's evaluation knows; None on AWS.
    """
    rows = [row_of(each) for each in alarms_that_begin(cloud.client("cloudwatch"), prefix)]
    if evaluation is not None:
        rows = evaluated(rows, evaluation)
    return sorted(rows, key=lambda row: (_ORDER.index(row.state), row.name))


def row_of(described: Mapping[str, Any]) -> AlarmRow:
    """An alarm as CloudWatch describes it.

    Examples
    --------
    >>> row = row_of({"AlarmName": "a", "StateValue": "ALARM", "Threshold": 0.5, "AlarmActions": ["topic"],
    ...     "ComparisonOperator": "GreaterThanThreshold", "StateReasonData": '{"recentDatapoints": [0.2, 0.7]}',
    ...     "StateUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC)})
    >>> row.value, row.sign, row.threshold, row.since
    (0.7, '>', 0.5, '2026-01-01T00:00:00+00:00')
    """
    since = described.get("StateTransitionedTimestamp") or described.get("StateUpdatedTimestamp")
    held = described.get("ActionsSuppressedBy", "")
    suppressor = str(described.get("ActionsSuppressor", "")).rsplit(":", 1)[-1]
    kind = next((each for each in KINDS if described["AlarmName"].endswith(f"-{each.id}")), None)
    return AlarmRow(
        described["AlarmName"],
        described["StateValue"],
        since.astimezone(UTC).isoformat(timespec="seconds") if since else "",
        newest_value(read_reason_data(described.get("StateReasonData")))[0],
        SIGNS.get(described.get("ComparisonOperator", ""), ""),
        described.get("Threshold"),
        described.get("StateReason", ""),
        f"{suppressor} ({held})" if held else "",
        bool(described.get("AlarmActions")),
        kind.severity if kind else "",
        kind.runbook if kind else "",
    )


def evaluated(rows: Iterable[AlarmRow], state: AlarmsState) -> list[AlarmRow]:
    """Alarms with what the local evaluation knows of them, whose clock may be another one."""
    return [_evaluated(row, state) for row in rows]


def _evaluated(row: AlarmRow, state: AlarmsState) -> AlarmRow:
    problem = state.refused.get(row.name, "")
    lost = [each for each in (*state.waiting, *state.failed) if each.alarm == row.name and each.error]
    if lost:
        problem = f"{lost[-1].target.rsplit(':', 1)[-1]} could not be told: {lost[-1].error}"
    record = state.records.get(row.name)
    if record is None or record.state != row.state:
        return replace(row, problem=problem)
    since = datetime.fromtimestamp(record.since, UTC).isoformat(timespec="seconds")
    held = f"{record.suppressor} ({record.held})" if record.held else ""
    return replace(row, since=since, value=record.value, suppressed_by=held, problem=problem)
