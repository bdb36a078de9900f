"""The states of alarms in CloudWatch, with the values that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contender.mails.alarm_event import alarms_of_rule, read_reason_data
from contender.mails.readings import AlarmState, state_of

MOST_NAMES = 100
"""DescribeAlarms takes so many names."""


@dataclass(frozen=True)
class CloudWatchAlarms:
    """`client` is a boto3 client of CloudWatch."""

    client: Any

    def read(self, names: Sequence[str]) -> Sequence[AlarmState]:
        """The alarms of these names, in their order; the first hundred."""
        asked = list(dict.fromkeys(names))[:MOST_NAMES]
        answer = self.client.describe_alarms(
            AlarmNames=asked, AlarmTypes=["CompositeAlarm", "MetricAlarm"], MaxRecords=MOST_NAMES
        )
        found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        states = [
            state_of(
                each,
                reason_data=read_reason_data(each.get("StateReasonData")),
                children=alarms_of_rule(each.get("AlarmRule")),
            )
            for each in found
        ]
        return sorted(states, key=lambda state: asked.index(state.name))
