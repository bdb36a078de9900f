"""A call of AWS in the simulation: it takes its time, and what may befall it does so here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulation.faults import CALL, READ, WRITE, Chaos, Fault
from tests.simulation.virtual_time import Clock, Killed

TYPICAL_SECONDS = 0.2
"""Upper bound of an undisturbed call: its share is drawn, and so the order in which actors take turns."""
SLOW_SECONDS, TIMEOUT_SECONDS = 50.0, 60.0

THROTTLED = {
    "s3": ("SlowDown", 503),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "kms": ("ThrottlingException", 400),
    "sns": ("Throttling", 400),
    "stepfunctions": ("ThrottlingException", 400),
    "lambda": ("TooManyRequestsException", 429),
    "cloudwatch": ("Throttling", 400),
    "sqs": ("RequestThrottled", 403),
}


def refusal(code: str, status: int, operation: str, **more: Any) -> ClientError:
    """The error that boto3 raises for an answer."""
    told: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(told, operation)


@dataclass
class Calls:
    """Every call of every client goes through here."""

    clock: Clock
    chaos: Chaos

    def make(self, service: str, operation: str, effect: Callable[[], Any], *, reads: bool = False) -> Any:
        """Have the effect, once the actor's turn has come. Outside of an actor it just happens."""
        actor = self.clock.actor
        if actor is None:
            return effect()
        if actor.dead:
            raise Killed
        actor.calls[operation] += 1
        point = f"{actor.label} {service}.{operation} {actor.calls[operation]}"
        options = (*READ, Fault.DISK_FULL) if operation == "GetObject" else READ if reads else CALL
        fault = self.chaos.decide(point, options)
        self.clock.sleep(self.chaos.jitter(point, TYPICAL_SECONDS))
        if fault is None:
            return effect()
        return self._befall(fault, service, operation, effect)

    def write_to_disk(self, what: str) -> None:
        """A function writes a file. Raises OSError where its disk is full."""
        actor = self.clock.actor
        if actor is None:
            return
        actor.calls[what] += 1
        if self.chaos.decide(f"{actor.label} disk.{what} {actor.calls[what]}", WRITE) is not None:
            FullDisk().read()

    def _befall(self, fault: Fault, service: str, operation: str, effect: Callable[[], Any]) -> Any:
        if fault is Fault.SLOW:
            self.clock.sleep(SLOW_SECONDS)
            return effect()
        if fault is Fault.REPEATED:
            self._quietly(effect)
            return effect()
        if fault in (Fault.LOST_ANSWER, Fault.KILL_AFTER):
            self._quietly(effect)
        if fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER):
            if self.clock.actor is not None:
                self.clock.actor.dead = True  # it cleans nothing up any more
            raise Killed
        if fault is Fault.DISK_FULL:
            return {**effect(), "Body": FullDisk()}
        return self._fail(fault, service, operation)

    def _fail(self, fault: Fault, service: str, operation: str) -> NoReturn:
        address = f"https://{service}"
        if fault in (Fault.TIMEOUT, Fault.LOST_ANSWER):
            self.clock.sleep(TIMEOUT_SECONDS)
            raise ReadTimeoutError(endpoint_url=address)
        if fault is Fault.RESET:
            raise ConnectionClosedError(endpoint_url=address)
        if fault is Fault.THROTTLE:
            raise refusal(*THROTTLED[service], operation)
        raise refusal("InternalError" if service == "s3" else "InternalServerError", 500, operation)

    def _quietly(self, effect: Callable[[], Any]) -> None:
        try:
            effect()
        except ClientError:
            return


class FullDisk:
    """The body of an object for which there is no space."""

    def read(self) -> NoReturn:
        raise OSError(28, "No space left on device")

    def iter_chunks(self, size: int) -> NoReturn:
        return self.read()
