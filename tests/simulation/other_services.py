"""Step Functions, SNS, Lambda and KMS as boto3's clients know them: what the functions of the loop use of them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any

from tests.simulation import tiny_training
from tests.simulation.calls import refusal
from tests.simulation.functions import HERE

SIGNING_KEY, HISTORY_KEY = b"the key of training", b"the key of the history"


def other_clients(world: Any) -> dict[str, Any]:
    """The clients of a world, by service."""
    clients = _Clients(world)
    return {
        "stepfunctions": SimpleNamespace(describe_execution=clients.describe, start_execution=clients.start),
        "sns": SimpleNamespace(publish=clients.publish),
        "lambda": SimpleNamespace(invoke=clients.invoke),
        "kms": SimpleNamespace(sign=clients.sign),
    }


class _Clients:
    def __init__(self, world: Any) -> None:
        self.world = world

    def describe(self, *, executionArn: str) -> Any:  # noqa: N803 - boto3's name
        def effect() -> Any:
            found = self.world.executions.get(executionArn.rpartition(":")[2])
            if found is None:
                raise refusal("ExecutionDoesNotExist", 400, "DescribeExecution")
            started = datetime.fromisoformat(found.execution.started_at)
            return {"status": found.execution.status, "startDate": started, "name": found.execution.name}

        return self.world.calls.make("stepfunctions", "DescribeExecution", effect, reads=True)

    def start(self, *, stateMachineArn: str, name: str, input: str) -> Any:  # noqa: A002, N803
        def effect() -> Any:
            if name in self.world.executions:
                raise refusal("ExecutionAlreadyExists", 400, "StartExecution")
            self.world.begin(name, json.loads(input), self.world.machine_of(stateMachineArn))
            return {"executionArn": self.world.executions[name].execution.arn}

        return self.world.calls.make("stepfunctions", "StartExecution", effect)

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> None:  # noqa: N803
        self.world.calls.make("sns", "Publish", lambda: self.world.mails.append(Subject))

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        """Serving rehearses."""
        read: Callable[[str], bytes] = lambda key: self.world.buckets.read("models", key).body  # noqa: E731

        def effect() -> Any:
            answer = tiny_training.rehearse(read, json.loads(Payload)["rehearse"])
            return {"Payload": BytesIO(json.dumps(answer).encode())}

        return self.world.calls.make("lambda", "Invoke", effect, reads=True)

    def sign(self, *, Message: bytes, **_: Any) -> Any:  # noqa: N803
        """KMS signs an entry of the history."""
        signature = hmac.new(HISTORY_KEY, Message, hashlib.sha256).digest()
        return self.world.calls.make("kms", "Sign", lambda: {"Signature": signature}, reads=True)


def sign_version(digest: bytes) -> bytes:
    """As KMS signs, with a key that only training has."""
    HERE.world.calls.make("kms", "Sign", lambda: None, reads=True)
    return hmac.new(SIGNING_KEY, digest, hashlib.sha256).digest()


def verifies_version(digest: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(signature, hmac.new(SIGNING_KEY, digest, hashlib.sha256).digest())


def verifies_history(digest: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(signature, hmac.new(HISTORY_KEY, digest, hashlib.sha256).digest())
