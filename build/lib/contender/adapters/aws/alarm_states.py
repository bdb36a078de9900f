"""The states of alarms in CloudWatch, with the values that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contender.adapters.aws.described_alarms import alarms_named
from contender.mails.alarm_event import alarms_of_rule, read_reason_data
from contender.mails.readings import AlarmState, state_of


@dataclass(frozen=True)
class CloudWatchAlarms:
    """`client` is a boto3 client of CloudWatch."""

    client: Any

    def read(self, names: Sequence[str]) -> Sequence[AlarmState]:
        """The alarms of these names, in their order."""
        return [
            state_of(
                each,
                reason_data=read_reason_data(each.get("StateReasonData")),
                children=alarms_of_rule(each.get("AlarmRule")),
            )
            for each in alarms_named(self.client, names)
        ]
