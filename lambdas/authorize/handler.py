"""Authorize: accepts requests with the API key of the stack's secret.

API Gateway calls it once for a key and remembers the answer for five minutes. Requests without the header do not come
here: API Gateway answers them with 401.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from lambdas.redacted_log import new_logger

HEADER = "x-api-key"
KEPT_SECONDS = 300.0
"""How long the secret is kept in memory."""

ASK_AGAIN_SECONDS = 10.0
"""A key that does not match is compared with the secret as it is now, when what is kept is older: it may have been
replaced. Not more often, so that guessing costs nothing but the guesser's time."""


@dataclass(frozen=True)
class Environment:
    api_key_secret_arn: str


class Secret:
    """The digest of the secret's value. `read` asks for the value, `clock` is in seconds and only goes forward."""

    def __init__(self, read: Callable[[], str], clock: Callable[[], float]) -> None:
        self._read, self._clock = read, clock
        self._digest: bytes | None = None
        self._read_at = float("-inf")

    def matches(self, key: str) -> bool:
        """Whether this is the key; takes as long for a wrong one as for the right one, but for a look at the secret."""
        given = hashlib.sha256(key.encode()).digest()
        return hmac.compare_digest(given, self._current(KEPT_SECONDS)) or hmac.compare_digest(
            given, self._current(ASK_AGAIN_SECONDS)
        )

    def _current(self, at_most_seconds: float) -> bytes:
        if self._digest is None or self._clock() - self._read_at > at_most_seconds:
            try:
                self._digest = hashlib.sha256(self._read().encode()).digest()
            except Exception:
                if self._digest is None:
                    raise
                logger.exception("the secret cannot be read; the last known one is used")
            self._read_at = self._clock()
        return self._digest


logger = new_logger()
environment = read_environment(Environment, os.environ)
client = boto3.client("secretsmanager")
secret = Secret(
    lambda: str(client.get_secret_value(SecretId=environment.api_key_secret_arn)["SecretString"]), time.monotonic
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, bool]:
    headers = event.get("headers") or {}
    key = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    return {"isAuthorized": bool(key) and secret.matches(key)}
