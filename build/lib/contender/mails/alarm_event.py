"""What CloudWatch tells a function of an alarm that changed its state.

References
----------
Amazon CloudWatch User Guide, "Invoke a Lambda function from an alarm",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html, read in November 2026.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contender.errors import InvalidInputError
from contender.mails.times import read_time

ALARM, OK = "ALARM", "OK"

_IN_ALARM = re.compile(r'(?<![\w])ALARM\s*\(\s*"?([^")]+?)"?\s*\)')


@dataclass(frozen=True)
class AlarmChange:
    """An alarm that changed its state.

    Attributes
    ----------
    state : ALARM, OK or INSUFFICIENT_DATA.
    at : when it changed; None where the event has no time that can be read.
    reason : CloudWatch's own sentence.
    reason_data : the values that decided, where CloudWatch gives them.
    children : the alarms whose ringing a composite alarm's rule asks for, in its order.
    suppressed_by : why CloudWatch performs no action; empty where it does.
    """

    name: str
    state: str
    at: datetime | None = None
    reason: str = ""
    reason_data: Mapping[str, Any] = field(default_factory=dict)
    children: Sequence[str] = ()
    suppressed_by: str = ""


def read_alarm_event(event: object) -> AlarmChange:
    """The change that an event tells of. Only the alarm's name and state must be there.

    Raises
    ------
    InvalidInputError
        When the event names no alarm or no state.

    Examples
    --------
    >>> change = read_alarm_event({"alarmData": {"alarmName": "a", "state": {"value": "ALARM"}}})
    >>> change.name, change.state, change.at
    ('a', 'ALARM', None)
    """
    data = _mapping(_mapping(event).get("alarmData"))
    state = _mapping(data.get("state"))
    name, value = data.get("alarmName"), state.get("value")
    if not (isinstance(name, str) and name and isinstance(value, str) and value):
        raise InvalidInputError(
            f"alarmData.alarmName and alarmData.state.value must be texts, but got {name!r:.60} and {value!r:.60}"
        )
    at = state.get("timestamp") or _mapping(event).get("time")
    return AlarmChange(
        name,
        value,
        at=read_time(at) if isinstance(at, str) else None,
        reason=str(state.get("reason", "")),
        reason_data=read_reason_data(state.get("reasonData")),
        children=alarms_of_rule(_mapping(data.get("configuration")).get("alarmRule")),
        suppressed_by=str(state.get("actionsSuppressedBy", "")),
    )


def read_reason_data(text: object) -> Mapping[str, Any]:
    """The values that decided; nothing where there are none that can be read."""
    try:
        return _mapping(json.loads(text)) if isinstance(text, str) else {}
    except ValueError:
        return {}


def alarms_of_rule(rule: object) -> Sequence[str]:
    """The names in a composite alarm's rule, whether it has names or ARNs.

    Examples
    --------
    >>> alarms_of_rule('(ALARM("a") OR ALARM(arn:aws:cloudwatch:eu-west-1:1:alarm:b)) AND NOT ALARM(a)')
    ('a', 'b')
    """
    found = _IN_ALARM.findall(rule) if isinstance(rule, str) else []
    return tuple(dict.fromkeys(name.rpartition(":alarm:")[2] for name in found))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
