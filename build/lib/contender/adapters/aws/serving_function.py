"""The serving function, invoked directly through Lambda instead of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from contender.rollout.rehearsal import ServingError

SERVING_SECONDS = 60
"""Longer than the serving function may take, so that it is Lambda that says that its time is over."""

PATIENT = Config(read_timeout=SERVING_SECONDS, retries={"total_max_attempts": 3})
"""How a client of Lambda waits for it."""

REFUSED_PAYLOADS = frozenset({"InvalidRequestContentException", "RequestTooLargeException"})


@dataclass(frozen=True)
class ServingFunction:
    """One serving function.

    Attributes
    ----------
    client : of Lambda, made with `PATIENT`.
    report : is given what the function said when it failed.
    """

    client: Any
    name: str
    report: Callable[[Any], None]

    def rehearse(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the serving function says to golden requests.

        Raises
        ------
        ServingError
            When it broke, ran out of time or memory, refused the model, or answered what cannot be read.
        ClientError
            When Lambda itself did not run it (throttled, a fault of the service): the machine tries again.
        """
        try:
            answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(question).encode())
        except ReadTimeoutError:
            raise ServingError(f"the serving function did not answer within {SERVING_SECONDS} s") from None
        except ClientError as error:
            if error.response["Error"]["Code"] in REFUSED_PAYLOADS:
                raise ServingError(f"Lambda refused the golden requests: {error}") from None
            raise
        try:
            content = json.loads(answer["Payload"].read())
        except ValueError:
            raise ServingError("the serving function's answer is not JSON") from None
        if "FunctionError" in answer:
            self.report(content)
            raise ServingError(f"the serving function failed: {_told(content)}")
        if not isinstance(content, dict) or "answers" not in content:
            raise ServingError(f"the serving function sent no rehearsal: {_told(content)}")
        return content


def _told(content: Any) -> str:
    """What a failure's payload says, in at most 300 characters."""
    said = content.get("errorMessage") or content.get("error") if isinstance(content, dict) else None
    return str(said or json.dumps(content))[:300]
