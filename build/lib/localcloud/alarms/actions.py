"""What an alarm does when it changes its state: a topic gets a message, a function is invoked.

References
----------
Amazon CloudWatch User Guide, "Invoke a Lambda function from an alarm" (the event) and "Notifying users on alarm
changes" (the message), docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html and
…/Notify_Users_Alarm_Changes.html, read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.alarms.definitions import ACTIONS, CompositeAlarm, MetricAlarm
from localcloud.alarms.evaluation import iso
from localcloud.alarms.records import AlarmRecord
from localcloud.state import ACCOUNT, REGION

SUBJECT_LIMIT = 100
GIVE_UP_SECONDS = 3_600.0
"""How long something is tried that a topic or a function refuses; then it is kept among the failed ones."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds between two attempts, doubled each time."""


@dataclass(frozen=True)
class Delivery:
    """An action that is to be done.

    Attributes
    ----------
    target : ARN of the topic or function.
    body : the message or event, JSON.
    since, next_attempt : epoch seconds.
    error : what came of the last attempt.
    """

    alarm: str
    target: str
    subject: str
    body: str
    since: float
    attempts: int = 0
    next_attempt: float = 0.0
    error: str = ""


def deliveries(alarm: MetricAlarm | CompositeAlarm, record: AlarmRecord, *, at: float) -> Sequence[Delivery]:
    """What an alarm has to do now that it is in this state.

    A new alarm that is fine does nothing, where CloudWatch does its OK actions: sixteen alarms of each pipeline would
    start a function's process each when a laptop's cloud comes up, to say nothing.
    """
    described = alarm.described
    is_news = record.state != "OK" or record.rang_until > 0.0
    if not described.get("ActionsEnabled", True) or not is_news:
        return []
    subject = f'{record.state}: "{alarm.name}" in {REGION}'[:SUBJECT_LIMIT]
    return [
        Delivery(alarm.name, target, subject, json.dumps(_content(target, alarm, record, at)), at)
        for target in described.get(ACTIONS[record.state]) or ()
    ]


def _content(target: str, alarm: MetricAlarm | CompositeAlarm, record: AlarmRecord, at: float) -> Mapping[str, Any]:
    return lambda_event(alarm, record, at=at) if ":lambda:" in target else sns_message(alarm, record)


def lambda_event(alarm: MetricAlarm | CompositeAlarm, record: AlarmRecord, *, at: float) -> Mapping[str, Any]:
    """The event that a function gets."""
    previous: dict[str, Any] = {
        "value": record.told,
        "reason": record.told_reason or AlarmRecord().reason,
        "reasonData": record.told_details,
        "timestamp": iso(record.told_since),
    }
    if record.held:
        # It was in this state already, and told nobody: so CloudWatch has it.
        previous |= {
            "value": record.state,
            "reason": record.reason,
            "reasonData": record.details,
            "timestamp": iso(record.since),
            "actionsSuppressedBy": record.held,
            "actionsSuppressedReason": f"Actions suppressed by {record.held}",
        }
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.described.get("AlarmArn", ""),
        "accountId": ACCOUNT,
        "time": iso(at),
        "region": REGION,
        "alarmData": {
            "alarmName": alarm.name,
            "state": {
                "value": record.state,
                "reason": record.reason,
                "reasonData": record.details,
                "timestamp": iso(record.since),
            },
            "previousState": previous,
            "configuration": _configuration(alarm),
        },
    }


def _configuration(alarm: MetricAlarm | CompositeAlarm) -> Mapping[str, Any]:
    described = alarm.described
    found: dict[str, Any] = {"description": described.get("AlarmDescription", "")}
    if isinstance(alarm, CompositeAlarm):
        found["alarmRule"] = described["AlarmRule"]
        if alarm.suppressor:
            found |= {
                "actionsSuppressor": described["ActionsSuppressor"],
                "actionsSuppressorWaitPeriod": described.get("ActionsSuppressorWaitPeriod", 0),
                "actionsSuppressorExtensionPeriod": described.get("ActionsSuppressorExtensionPeriod", 0),
            }
        return found
    metrics = [_metric(alarm, query.id) for query in alarm.queries]
    shown = {"id": "compared", "expression": alarm.expression, "returnData": True}
    return found | {"metrics": [shown, *metrics] if described.get("Metrics") else metrics}


def _metric(alarm: MetricAlarm, id_: str) -> Mapping[str, Any]:
    query = next(each for each in alarm.queries if each.id == id_)
    metric = {"namespace": query.namespace, "name": query.name, "dimensions": dict(query.dimensions)}
    stat = {"metric": metric, "period": query.period * 60, "stat": query.statistic}
    return {"id": id_, "metricStat": stat, "returnData": not alarm.described.get("Metrics")}


def sns_message(alarm: MetricAlarm | CompositeAlarm, record: AlarmRecord) -> Mapping[str, Any]:
    """What a topic gets."""
    described = alarm.described
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": described.get("AlarmDescription", ""),
        "AWSAccountId": ACCOUNT,
        "NewStateValue": record.state,
        "NewStateReason": record.reason,
        "StateChangeTime": iso(record.since),
        "Region": REGION,
        "AlarmArn": described.get("AlarmArn", ""),
        "OldStateValue": record.told,
    }
    if isinstance(alarm, CompositeAlarm):
        return message | {"AlarmRule": described["AlarmRule"]}
    trigger = {
        "Period": alarm.period * 60,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.to_alarm,
        "ComparisonOperator": alarm.operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treatment,
        "Metrics": list(described.get("Metrics") or ()),
    }
    return message | {"Trigger": trigger}


class Actions:
    """Does what alarms do, with clients of one cloud."""

    def __init__(self, connection: Any) -> None:
        self._sns, self._lambda = connection.client("sns"), connection.client("lambda")

    def attempt(self, delivery: Delivery, *, at: float) -> Delivery | None:
        """Try to do it: None when it is done, or else when and why again."""
        try:
            if ":sns:" in delivery.target:
                self._sns.publish(TopicArn=delivery.target, Subject=delivery.subject, Message=delivery.body)
            elif ":lambda:" in delivery.target:
                self._lambda.invoke(
                    FunctionName=delivery.target, InvocationType="Event", Payload=delivery.body.encode()
                )
            return None
        except (ClientError, BotoCoreError) as error:
            pause = min(FIRST_PAUSE * 2**delivery.attempts, LONGEST_PAUSE)
            again = at + pause
            return replace(delivery, attempts=delivery.attempts + 1, next_attempt=again, error=str(error))
