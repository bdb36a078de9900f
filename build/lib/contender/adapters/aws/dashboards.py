"""Dashboards, states of alarms and widgets' functions on AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contender.adapters.aws.described_alarms import alarms_named
from contender.dashboard.body import DashboardBody, read_body
from contender.dashboard.sources import AlarmState
from contender.errors import ContenderError, NotFoundError


def read_dashboard(cloudwatch: Any, name: str) -> DashboardBody:
    """The dashboard of this name.

    Raises
    ------
    NotFoundError
        When there is none.
    InvalidInputError
        When it has a widget that is not drawn here.
    """
    try:
        return read_body(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ResourceNotFound", "DashboardNotFoundError"):
            raise NotFoundError(
                f"there is no dashboard {name}; deploy the pipeline, locally with `contender up`"
            ) from None
        raise


@dataclass(frozen=True)
class AlarmStates:
    """The states of alarms, by DescribeAlarms."""

    cloudwatch: Any

    def __call__(self, names: Sequence[str]) -> Sequence[AlarmState]:
        """The states of alarms by their names; one that is not there is left out."""
        return [_state(each) for each in alarms_named(self.cloudwatch, names)]


def _state(alarm: Mapping[str, Any]) -> AlarmState:
    since = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    return AlarmState(
        alarm["AlarmName"], alarm["StateValue"], since.isoformat() if since else "", alarm.get("StateReason", "")
    )


@dataclass(frozen=True)
class WidgetFunctions:
    """Functions behind custom widgets, called as CloudWatch's console calls them."""

    lambda_: Any

    def __call__(self, function_arn: str, event: Mapping[str, Any]) -> Any:
        """The function's answer.

        Raises
        ------
        ContenderError
            When it failed; the message is its own.
        """
        answer = self.lambda_.invoke(FunctionName=function_arn, Payload=json.dumps(event).encode())
        content = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise ContenderError(f"widget function {function_arn.rsplit(':', 1)[-1]} failed: {content}")
        return content
