"""The alarm about the champion in CloudWatch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contender.adapters.aws.described_alarms import alarms_named
from contender.rollout.canary import Alarms


@dataclass(frozen=True)
class ServingAlarm:
    """One alarm, by its name."""

    client: Any
    name: str

    def rang_since(self, since: datetime) -> Alarms:
        """The alarm, if it began to ring during the trial. That it cannot be read is said, no more."""
        try:
            found = alarms_named(self.client, [self.name])
        except (ClientError, BotoCoreError) as error:
            return Alarms(note=f"{self.name} could not be read: {error}")
        if not found:
            return Alarms(note=f"there is no alarm {self.name} here")
        ringing = [each for each in found if each["StateValue"] == "ALARM"]
        new = [
            each for each in ringing if each.get("StateTransitionedTimestamp", each["StateUpdatedTimestamp"]) >= since
        ]
        note = f"{self.name} was in alarm before the trial began" if ringing and not new else ""
        return Alarms(tuple(each["AlarmName"] for each in new), len(found), note)
