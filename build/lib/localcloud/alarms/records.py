"""What is known of each alarm between two evaluations, and when it acts.

A composite alarm's actions wait for its suppressor to begin, stay back while it is in alarm, and a while longer; then
they are done if the state is still another one than the one last told. Times are epoch seconds.

References
----------
Amazon CloudWatch User Guide, "Suppressing composite alarm actions",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html, read in November 2026.
Not said there, and decided here: an alarm that began and ended while it was held back tells neither, and its end waits
for the suppressor as its beginning does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from localcloud.alarms.definitions import CompositeAlarm
from localcloud.alarms.evaluation import Finding
from localcloud.alarms.missing_data import State
from localcloud.metrics.samples import MINUTE

Held = Literal["", "Alarm", "WaitPeriod", "ExtensionPeriod"]


@dataclass(frozen=True)
class AlarmRecord:
    """An alarm.

    Attributes
    ----------
    since : when it came into its state.
    rang_until : when it last left ALARM; 0 for never.
    told, told_reason, told_details, told_since : the state whose actions were done last, as it was then.
    acts_at : when its actions may be done at the earliest, as far as its suppressor's wait goes.
    held, suppressor : why its actions are held back, and by which alarm; empty while none is to be done.
    """

    state: State = "INSUFFICIENT_DATA"
    since: float = 0.0
    reason: str = "Unchecked: Initial alarm creation"
    details: str = ""
    value: float | None = None
    rang_until: float = 0.0
    told: State = "INSUFFICIENT_DATA"
    told_reason: str = ""
    told_details: str = ""
    told_since: float = 0.0
    acts_at: float = 0.0
    held: Held = ""
    suppressor: str = ""


def changed(record: AlarmRecord, finding: Finding, *, at: float) -> AlarmRecord:
    """The record after an evaluation; only a new state has a new reason, as in CloudWatch.

    Examples
    --------
    >>> before = AlarmRecord("ALARM", since=60.0)
    >>> after = changed(before, Finding("OK", "it is over", ""), at=120.0)
    >>> after.state, after.since, after.rang_until
    ('OK', 120.0, 120.0)
    """
    if finding.state == record.state:
        return replace(record, value=finding.value)
    rang_until = at if record.state == "ALARM" else record.rang_until
    return replace(
        record,
        state=finding.state,
        since=at,
        reason=finding.reason,
        details=finding.details,
        value=finding.value,
        rang_until=rang_until,
    )


def told(record: AlarmRecord) -> AlarmRecord:
    """The record once its actions are done."""
    return replace(
        record,
        told=record.state,
        told_reason=record.reason,
        told_details=record.details,
        told_since=record.since,
        acts_at=0.0,
        held="",
    )


def held_back(record: AlarmRecord, alarm: CompositeAlarm, suppressor: AlarmRecord | None, *, at: float) -> AlarmRecord:
    """The record with what holds its actions back at this time, if they are to be done and something does."""
    record = replace(record, suppressor=alarm.suppressor)
    if record.state == record.told:
        return replace(record, held="", acts_at=0.0)
    if suppressor is None:
        return replace(record, held="")
    if suppressor.state == "ALARM":
        return replace(record, held="Alarm", acts_at=at)
    if suppressor.rang_until and at < suppressor.rang_until + alarm.extension * MINUTE:
        return replace(record, held="ExtensionPeriod", acts_at=at)
    acts_at = record.acts_at or record.since + alarm.wait * MINUTE
    return replace(record, held="WaitPeriod" if at < acts_at else "", acts_at=acts_at)
