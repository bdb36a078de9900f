"""The dead-letter queue of events in SQS, and a person who sends its messages again with the command's own code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

from contender.adapters.aws.dead_letters import DeadLetterQueue, DeadLetters
from contender.cli.dead_letters import redrive_all
from tests.simulation.calls import Calls

QUEUE = DeadLetterQueue("triggers", "https://sqs/triggers")


@dataclass
class Letter:
    """A message: `told` is what a state machine was to be started with."""

    number: int
    told: Mapping[str, Any]
    sent_at: float
    visible_at: float = 0.0
    receipt: str = ""


@dataclass
class DeadLetterBox:
    """What boto3's client of SQS is to `contender.adapters.aws.dead_letters`, with one queue."""

    calls: Calls
    letters: list[Letter] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))
    _receipts: Any = field(default_factory=lambda: count(1))

    def add(self, told: Mapping[str, Any]) -> None:
        """EventBridge gives an event up."""
        self.letters.append(Letter(next(self._numbers), dict(told), self.calls.clock.now))

    def receive_message(self, *, MaxNumberOfMessages: int, VisibilityTimeout: int, **_: Any) -> Any:  # noqa: N803
        def effect() -> Any:
            now = self.calls.clock.now
            found = [letter for letter in self.letters if letter.visible_at <= now][:MaxNumberOfMessages]
            for letter in found:
                letter.visible_at, letter.receipt = now + VisibilityTimeout, f"receipt {next(self._receipts)}"
            return {"Messages": [_message(letter) for letter in found]}

        return self.calls.make("sqs", "ReceiveMessage", effect)

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> None:  # noqa: N803
        def effect() -> None:
            self.letters = [letter for letter in self.letters if letter.receipt != ReceiptHandle]

        self.calls.make("sqs", "DeleteMessage", effect)

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:  # noqa: N803
        def effect() -> None:
            for letter in self.letters:
                if letter.receipt == ReceiptHandle:
                    letter.visible_at = self.calls.clock.now + VisibilityTimeout

        self.calls.make("sqs", "ChangeMessageVisibility", effect)

    def get_queue_attributes(self, **_: Any) -> Any:
        def effect() -> Any:
            return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.letters))}}

        return self.calls.make("sqs", "GetQueueAttributes", effect, reads=True)


def _message(letter: Letter) -> dict[str, Any]:
    return {
        "MessageId": f"{letter.number:08x}-letter",
        "ReceiptHandle": letter.receipt,
        "Body": json.dumps(letter.told),
        "Attributes": {"SentTimestamp": str(int(letter.sent_at * 1000))},
    }


def send_again(clients: Mapping[str, Any], machines: Mapping[str, str], wait: Any) -> None:
    """`contender dead-letters redrive --all`; `machines` are the ARNs of the state machines by their names."""
    bench: Any = SimpleNamespace(
        pipeline="shop",
        state_machine_arn=machines["continuous_training"],
        rollback_machine_arn=machines["rollback"],
        cloud=SimpleNamespace(client=lambda service: clients[service]),
    )
    redrive_all(bench, DeadLetters(clients["sqs"], wait), QUEUE, lambda _: None)
