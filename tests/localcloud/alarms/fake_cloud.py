"""A cloud with CloudWatch, a log, queues, topics and functions, as far as the evaluation of alarms looks at it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


class NoSuchLogError(Exception):
    """What the logs client raises."""


@dataclass
class FakeCloud:
    """Answers as the clients of boto3 do; `published` and `invoked` are what alarms did.

    Attributes
    ----------
    refuses : ARNs of topics and functions that answer with an error.
    """

    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    queues: dict[str, dict[str, str]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)
    published: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    states_set: list[tuple[str, str]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return {"cloudwatch": _CloudWatch, "logs": _Logs, "sns": _Sns, "lambda": _Lambda}[service](self)

    def queue_attributes(self) -> Mapping[str, Mapping[str, str]]:
        return self.queues

    def put_alarm(self, name: str, **properties: Any) -> None:
        """Deploy an alarm; its state stays when there is one."""
        before = self.alarms.get(name, {})
        arn = f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
        defaults = {"AlarmName": name, "AlarmArn": arn, "AlarmDescription": f"about {name}", "ActionsEnabled": True}
        state = {"StateValue": before.get("StateValue", "INSUFFICIENT_DATA")}
        self.alarms[name] = {**defaults, **properties, **state}

    def report(self, name: str, value: float, *, at: float, namespace: str = "Contender", **dimensions: str) -> None:
        """Log a line in the embedded metric format."""
        directive = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": [{"Name": name}]}
        about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
        self.lines.append(json.dumps({"_aws": about, **dimensions, name: value}))

    def refuse(self, arn: str) -> None:
        if arn in self.refuses:
            raise ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "Act")


@dataclass
class _Client:
    cloud: FakeCloud

    def get_paginator(self, operation: str) -> Any:
        return _Pages(getattr(self, operation))


@dataclass
class _Pages:
    operation: Any

    def paginate(self, **asked: Any) -> list[Any]:
        return [self.operation(**asked)]


class _CloudWatch(_Client):
    def describe_alarms(self, **_asked: Any) -> Mapping[str, Any]:
        found = list(self.cloud.alarms.values())
        return {
            "MetricAlarms": [dict(each) for each in found if "AlarmRule" not in each],
            "CompositeAlarms": [dict(each) for each in found if "AlarmRule" in each],
        }

    def set_alarm_state(self, **asked: str) -> None:
        self.cloud.states_set.append((asked["AlarmName"], asked["StateValue"]))
        self.cloud.alarms[asked["AlarmName"]] |= asked


class _Logs(_Client):
    class exceptions:  # noqa: N801
        ResourceNotFoundException = NoSuchLogError

    def get_log_events(self, **asked: Any) -> Mapping[str, Any]:
        if not self.cloud.lines:
            raise NoSuchLogError
        events = [{"message": line} for line in self.cloud.lines[int(asked.get("nextToken", 0)) :]]
        return {"events": events, "nextForwardToken": str(len(self.cloud.lines))}


class _Sns(_Client):
    def publish(self, **asked: str) -> None:
        self.cloud.refuse(asked["TopicArn"])
        self.cloud.published.append((asked["TopicArn"], asked["Subject"], json.loads(asked["Message"])))


class _Lambda(_Client):
    def invoke(self, **asked: Any) -> None:
        self.cloud.refuse(asked["FunctionName"])
        assert asked["InvocationType"] == "Event"
        self.cloud.invoked.append((asked["FunctionName"], json.loads(asked["Payload"])))
