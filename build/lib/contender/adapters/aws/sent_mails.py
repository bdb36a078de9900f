"""The mails about alarms, in the table of runs: `mail#<alarm>#<time>#<state>`, kept for two months."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from contender.ports import SentMail

KEPT = timedelta(days=60)
GIVEN_UP_AFTER = timedelta(minutes=5)
"""Longer than a call of the function takes: who has not settled by then does not any more."""


@dataclass(frozen=True)
class DynamoSentMails:
    """`table` is a boto3 DynamoDB table resource with keys `pk` and `sk`, and TTL on `expires_at`."""

    table: Any

    def claim(self, pipeline: str, mail: SentMail, *, now: datetime) -> Literal["mine", "sent", "at work"]:
        """One conditional write takes it; where that is refused, the item says why."""
        seconds = int(now.timestamp())
        unsettled = Attr("settled").eq(False)
        abandoned = Attr("claimed_at").lt(seconds - int(GIVEN_UP_AFTER.total_seconds()))
        times = {"claimed_at": seconds, "expires_at": seconds + int(KEPT.total_seconds())}
        item = _key(pipeline, mail) | asdict(mail) | times | {"settled": False}
        try:
            self.table.put_item(
                Item=item,
                ConditionExpression=Attr("pk").not_exists()
                | (unsettled & (Attr("caller").eq(mail.caller) | abandoned)),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            found = self.table.get_item(Key=_key(pipeline, mail), ConsistentRead=True).get("Item", {})
            return "sent" if found.get("settled") else "at work"
        return "mine"

    def settle(self, pipeline: str, mail: SentMail) -> None:
        """Write what was sent into the claimed item."""
        self.table.update_item(
            Key=_key(pipeline, mail),
            UpdateExpression="SET settled = :yes, subject = :subject, #rollback = :rollback",
            ExpressionAttributeNames={"#rollback": "rollback"},
            ExpressionAttributeValues={":yes": True, ":subject": mail.subject, ":rollback": mail.rollback},
        )

    def mails(self, pipeline: str) -> list[SentMail]:
        """All that are settled, by a consistent query."""
        request: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(f"pipeline#{pipeline}") & Key("sk").begins_with("mail#"),
            "ConsistentRead": True,
        }
        items: list[dict[str, Any]] = []
        while True:
            answer = self.table.query(**request)
            items += [item for item in answer["Items"] if item.get("settled")]
            if "LastEvaluatedKey" not in answer:
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        found = [SentMail(**{field.name: str(item[field.name]) for field in fields(SentMail)}) for item in items]
        return sorted(found, key=lambda mail: (mail.at, mail.alarm))


def _key(pipeline: str, mail: SentMail) -> dict[str, str]:
    return {"pk": f"pipeline#{pipeline}", "sk": f"mail#{mail.alarm}#{mail.at}#{mail.state}"}
