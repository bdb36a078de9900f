"""Lets the emulator's CloudFormation make every alarm, and its EventBridge hear when one changes its state.

MiniStack refuses alarms on metric math and has no composite alarms in templates, although its CloudWatch keeps both. It
sends no event when an alarm changes. What an alarm's state is, and what is done then, is left to `localcloud.alarms`:
MiniStack's own evaluation ignores dimensions and knows no suppressor, and it would evaluate a composite alarm after
each of the states that are set together.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch, eventbridge
from ministack.services.cloudformation import provisioners

NEEDED = (
    (cloudwatch, "_put_composite_alarm"),
    (cloudwatch, "_record_history"),
    (cloudwatch, "_evaluate_alarm"),
    (cloudwatch, "_evaluate_parent_alarms"),
    (cloudwatch, "_dispatch_alarm_actions"),
    (eventbridge, "_put_events"),
    (provisioners, "_cw_metric_alarm_record"),
    (provisioners, "_physical_name"),
)
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
# What PutCompositeAlarm takes and MiniStack forgets.
SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")

_record = provisioners._cw_metric_alarm_record
_remember = cloudwatch._record_history


def install() -> None:
    """Put these in the place of MiniStack's own functions."""
    provisioners._cw_metric_alarm_record = metric_alarm_record
    provisioners._RESOURCE_HANDLERS[COMPOSITE] = {
        "create": create_composite,
        "update": update_composite,
        "update_with_logical_id": True,
        "delete": delete_composite,
    }
    cloudwatch._record_history = record_history
    cloudwatch._evaluate_alarm = cloudwatch._evaluate_parent_alarms = cloudwatch._dispatch_alarm_actions = leave_it


def leave_it(*_arguments: Any) -> None:
    """Nothing is done here."""


def metric_alarm_record(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """An alarm as DescribeAlarms shows it; one on metric math has `Metrics` in the place of a metric."""
    if not properties.get("Metrics"):
        return dict(_record(name, properties))
    stand_in = {**properties, "MetricName": "-", "Namespace": "-", "Metrics": None}
    found: dict[str, Any] = _record(name, stand_in)
    for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit", "Dimensions"):
        found.pop(key)
    return found | {"Metrics": [typed(each) for each in properties["Metrics"]]}


def typed(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query of a template, whose numbers and truth values may be texts, with the API's types."""
    found = dict(query)
    if "ReturnData" in found:
        found["ReturnData"] = str(found["ReturnData"]).lower() == "true"
    if "Period" in found:
        found["Period"] = int(found["Period"])
    if "MetricStat" in found:
        found["MetricStat"] = {**found["MetricStat"], "Period": int(found["MetricStat"]["Period"])}
    return found


def create_composite(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    """Make a composite alarm, or change it; its state stays."""
    name = properties.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255)
    status, _, body = cloudwatch._put_composite_alarm({}, {**properties, "AlarmName": name}, False, True)
    if status != 200:
        raise ValueError(json.loads(body)["message"])
    alarm = cloudwatch._composite_alarms[name]
    for key in SUPPRESSOR:
        if key in properties:
            value = properties[key]
            alarm[key] = value if key == SUPPRESSOR[0] else int(value)
    return name, {"Arn": alarm["AlarmArn"]}


def update_composite(
    physical_id: str,
    _old: Mapping[str, Any],
    properties: Mapping[str, Any],
    stack: str,
    logical_id: str | None = None,
) -> tuple[str, dict[str, str]]:
    """Change a composite alarm; under another name it is made anew."""
    name, attributes = create_composite(logical_id or physical_id, properties, stack)
    if name != physical_id:
        delete_composite(physical_id, {})
    return name, attributes


def delete_composite(physical_id: str, _properties: Mapping[str, Any]) -> None:
    """Remove a composite alarm; one that is gone is no error."""
    cloudwatch._composite_alarms.pop(physical_id, None)
    cloudwatch._composite_triggers.pop(physical_id, None)


def record_history(
    name: str, old: str, new: str, reason: str, alarm_type: str = "MetricAlarm", reason_data: Any = None
) -> None:
    """Note a change in the alarm's history, and send it as an event, as CloudWatch does."""
    _remember(name, old, new, reason, alarm_type, reason_data)
    if old == new:
        return
    alarm = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
    if alarm is None:
        return
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
    detail = {
        "alarmName": name,
        "state": {"value": new, "reason": reason, "timestamp": at},
        "previousState": {"value": old},
        "configuration": {"description": alarm.get("AlarmDescription", "")},
    }
    event = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": json.dumps(detail),
        "Resources": [alarm["AlarmArn"]],
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)
