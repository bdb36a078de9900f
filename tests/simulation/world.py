"""The simulated cloud: Step Functions with our definitions, functions, training, events, mails and people."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.errors import ContenderError
from contender.predictions.live_metrics import LiveCounts
from contender.rollout.canary import Alarms
from contender.workflow.messages import MAX_REASON_CHARACTERS
from tests.simulation import states_language as asl
from tests.simulation import tiny_training
from tests.simulation.calls import SLOW_SECONDS, Calls, refusal
from tests.simulation.dead_letters import DeadLetterBox, send_again
from tests.simulation.faults import DIRECT, EVENT, INVOKE, STATE, TASK, Chaos, Fault
from tests.simulation.functions import LAMBDA_SECONDS, USUAL_SECONDS, work_of
from tests.simulation.other_services import other_clients, sign_version
from tests.simulation.remembering import read_rows
from tests.simulation.storage_services import Buckets, Items, S3Client, TableResource
from tests.simulation.virtual_time import Actor, Clock, Future, Killed

START = datetime(2026, 6, 1, 9, tzinfo=UTC).timestamp()
ACCOUNT = "arn:aws:states:eu-central-1:123456789012"
MACHINES = {
    "continuous_training": "contender-prod-shop-continuous-training",
    "rollback": "contender-prod-shop-rollback",
}
ROOT = Path(__file__).resolve().parents[2]
EXPECTED = (ContenderError, ClientError, BotoCoreError, OSError)
"""What a function of ours may end with when the cloud fails it; anything else is a mistake of somebody's."""


def definition(machine: str) -> dict[str, Any]:
    """A definition as CloudFormation fills it in, checked for what the interpreter does not know."""
    text = (ROOT / "statemachines" / f"{machine}.asl.json").read_text("utf-8")
    values = {"Pipeline": "shop", "RunsTableName": "runs"}
    text = re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[1].removesuffix("FunctionArn")), text)
    found: dict[str, Any] = json.loads(text)
    asl.check(found)
    return found


DEFINITIONS = {machine: definition(machine) for machine in MACHINES}


@dataclass(eq=False)
class Running:
    """An execution and what it runs on."""

    execution: asl.Execution
    machine: str
    actor: Actor
    children: list[Actor] = field(default_factory=list)
    tokens: dict[str, Future] = field(default_factory=dict)
    invocations: dict[str, int] = field(default_factory=dict)
    times: int = 0


@dataclass
class World:
    """Everything there is. `clients` are what the functions' stand-ins pass their calls on to."""

    buckets: Buckets
    items: Items
    chaos: Chaos
    start: float = START
    prefix: str = ""
    executions: dict[str, Running] = field(default_factory=dict)
    uploads: list[tuple[str, str]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = Clock(self.start)
        self.calls = Calls(self.clock, self.chaos)
        self._uuids = count(1)
        self._events = count(1)
        self.dead_letters = DeadLetterBox(self.calls)
        self.clients: dict[str, Any] = {
            "s3": S3Client(self.calls, self.buckets),
            "table": TableResource(self.calls, self.items),
            "sqs": self.dead_letters,
            **other_clients(self),
        }
        self.data = S3Objects(self.clients["s3"], "data")
        self.models = S3Objects(self.clients["s3"], "models")
        self.ledger = DynamoLedger(self.clients["table"])  # of whoever looks: only functions sign

    def time(self) -> float:
        """What the clock of whoever asks says."""
        return self.clock.now + (self.clock.actor.skew if self.clock.actor else 0.0)

    def stamp(self, moment: float | None = None) -> str:
        found = datetime.fromtimestamp(self.clock.now if moment is None else moment, UTC)
        return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def ports(self) -> dict[str, dict[str, Any]]:
        """What the functions get instead of serving, models and live metrics."""
        sees = {"load_model": tiny_training.load_model}
        return {
            "DetectDrift": {**sees, "check_signature": None},
            "EvaluateChallenger": sees,
            "Watch": {"predictions": SimpleNamespace(live_minutes=_live_minutes), "alarm": _Silence()},
        }

    # What people and other services do.

    def upload(self, name: str, body: bytes, *, delivered: bool = True) -> None:
        """A file arrives, and its event; or that lies in the dead-letter queue."""
        key = f"incoming/shop/{name}"
        stored = self.buckets.write("data", key, body, None, None)
        self.uploads.append((key, stored.version))
        told = {
            "trigger": "upload", "pipeline": "shop", "bucket": "data", "key": key, "version_id": stored.version,
            "etag": stored.etag.strip('"'), "sequencer": f"{len(self.uploads):016X}", "size": len(body),
            "event_time": self.stamp(),
        }  # fmt: skip
        if delivered:
            self.deliver(told)
        else:
            self.dead_letters.add(told)

    def deliver(self, told: Mapping[str, Any], machine: str = "continuous_training") -> None:
        """EventBridge has an event for a machine: at least once, in no order."""
        name = f"{self.prefix}{told['trigger']}-{next(self._events)}"
        fault = self.chaos.decide(f"{name} event", EVENT)
        if fault is Fault.UNDELIVERED:
            self.dead_letters.add(told)
            return
        moments = [3600.0 if fault is Fault.LATE else self.chaos.jitter(f"{name} delivery 0", 2.0)]
        if fault is Fault.TWICE:
            moments.append(self.chaos.jitter(f"{name} delivery 1", 32.0))
        elif fault is Fault.AGAIN_A_DAY_LATER:
            moments.append(23 * 3600.0)
        for number, after in enumerate(moments, 1):
            actor = Actor(f"{name} delivery {number}")
            self.clock.spawn(actor, lambda number=number: self._deliver(f"{name}.{number}", told, machine), after=after)

    def _deliver(self, name: str, told: Mapping[str, Any], machine: str) -> None:
        for attempt in range(8):
            fault = self.chaos.decide(f"{name} start {attempt + 1}", DIRECT)
            if fault in (None, Fault.LOST_ANSWER):
                self.begin(name if not attempt else f"{name}.{attempt + 1}", told, machine)
            if fault is None:
                return
            self.clock.sleep(60.0 * 2**attempt)
        self.dead_letters.add(told)

    def redrive_dead_letters(self) -> None:
        """A person sends the dead letters again; where the command fails, twice more."""
        number = next(self._events)
        machines = {machine: f"{ACCOUNT}:stateMachine:{name}" for machine, name in MACHINES.items()}

        def command() -> None:
            with suppress(*EXPECTED):
                send_again(self.clients, machines, self.clock.sleep)

        for attempt in range(3):
            self.clock.spawn(Actor(f"redrive-{number}.{attempt + 1}"), command, after=120.0 * attempt)

    # Step Functions.

    def machine_of(self, arn: str) -> str:
        return next(machine for machine, name in MACHINES.items() if arn.endswith(f":{name}"))

    def begin(self, name: str, told: Mapping[str, Any], machine: str) -> None:
        arn = f"{ACCOUNT}:execution:{MACHINES[machine]}:{name}"
        state_machine = f"{ACCOUNT}:stateMachine:{MACHINES[machine]}"
        execution = asl.Execution(name, arn, state_machine, dict(told), self.stamp())
        self.items.expire(self.clock.now)
        self.executions[name] = Running(execution, machine, Actor(name))
        self._go(self.executions[name])

    def _go(self, running: Running) -> None:
        execution = running.execution
        running.actor = Actor(execution.name)
        running.times += 1
        ports = asl.Ports(
            task=lambda *about: self._task(running, *about),
            sleep=self.clock.sleep,
            jitter=self.chaos.jitter,
            uuid=lambda: f"{next(self._uuids):08x}-0000",
            entered_at=lambda: self._enter(running),
        )

        def work() -> None:
            try:
                asl.Interpreter(DEFINITIONS[running.machine], ports).run(execution)
            except asl.EndlessError as error:
                execution.status = "TIMED_OUT"
                self.mistakes.append(f"an execution does not end: {error}")
            except Exception:
                self.mistakes.append(traceback.format_exc())
            self._note(f"{execution.name} ends: {execution.status} {execution.error} {execution.cause[:80]}")

        self.clock.spawn(running.actor, work)
        turn = running.times
        seconds = DEFINITIONS[running.machine]["TimeoutSeconds"]
        self.clock.at(self.clock.now + seconds, lambda: self._stop(running, "TIMED_OUT", turn))

    def _enter(self, running: Running) -> str:
        execution = running.execution
        point = f"{execution.name}/{execution.at}#{execution.entered.count(execution.at)}"
        fault = self.chaos.decide(f"{point} entered", STATE)
        if fault is not None:
            moment, turn = self.clock.now + self.chaos.jitter(f"{point} stop", 0.5), running.times
            self.clock.at(moment, lambda: self._stop(running, "ABORTED", turn))
            if fault is not Fault.STOPPED:
                later = 600.0 if fault is Fault.STOPPED_AND_REDRIVEN else 8 * 3600.0
                self.clock.at(moment + later, lambda: self.redrive(running))
        return self.stamp()

    def _stop(self, running: Running, status: str, turn: int) -> None:
        if running.execution.status != "RUNNING" or running.times != turn:
            return
        running.execution.status = status
        self._note(f"{running.execution.name} is stopped in {running.execution.at}: {status}")
        self.clock.kill(running.actor)
        for task in running.children:
            self.clock.kill(task)

    def redrive(self, running: Running) -> None:
        if running.execution.status in ("ABORTED", "TIMED_OUT", "FAILED"):
            running.execution.status, running.execution.error, running.execution.cause = "RUNNING", "", ""
            running.execution.redrives += 1
            self._note(f"{running.execution.name} is redriven from {running.execution.at}")
            self._go(running)

    def stopped_in_claim(self) -> Mapping[str, Mapping[str, Any]]:
        """The inputs of the executions that were stopped before Claim had answered, by their names."""
        return {
            name: found.execution.input
            for name, found in self.executions.items()
            if found.execution.status == "ABORTED" and found.execution.at == "Claim"
        }

    def answer(self, name: str, token: str, output: Mapping[str, Any]) -> None:
        """SendTaskSuccess. Raises ClientError where nobody waits for the token."""
        found = self.executions[name].tokens.get(token)
        if found is None or found.done or self.executions[name].execution.status != "RUNNING":
            raise refusal("TaskTimedOut", 400, "SendTaskSuccess")
        found.settle(dict(output))

    def _task(self, running: Running, state: str, resource: str, parameters: Any, seconds: float, attempt: int) -> Any:
        kind = resource.removeprefix("arn:aws:states:::")
        if kind == "ecs:runTask.sync":
            return self._train(running, state, seconds, attempt)
        if kind == "lambda:invoke.waitForTaskToken":
            return self._ask(running, state, parameters, seconds)
        if resource.startswith("arn:"):
            return self._call(running, state, kind, parameters, attempt)
        return self._invoke(running, state, resource, parameters, seconds)

    def _invoke(self, running: Running, state: str, function: str, payload: Any, seconds: float) -> Any:
        execution = running.execution
        running.invocations[state] = running.invocations.get(state, 0) + 1
        label = f"{execution.name}/{state}.{running.invocations[state]}"
        fault = self.chaos.decide(f"{label} invoke", INVOKE)
        if fault is Fault.NOT_RUN:
            raise asl.StateError("Lambda.TooManyRequestsException", "Rate Exceeded.")
        skew = {Fault.CLOCK_AHEAD: 300.0, Fault.CLOCK_BEHIND: -300.0, Fault.CLOCK_HALF_A_DAY_AHEAD: 43_200.0}
        actor = Actor(label, skew.get(fault, 0.0) if fault else 0.0)
        event = json.loads(json.dumps(payload))
        slow = SLOW_SECONDS if fault is Fault.SLOW else 0.0
        future = self.clock.spawn(actor, lambda: work_of(function)(event), after=slow)
        own = slow + LAMBDA_SECONDS.get(function, USUAL_SECONDS)
        self.clock.at(self.clock.now + own, lambda: self._time_out(actor, future))
        if not self.clock.wait(future, seconds or own + 1.0):
            self._note(f"{label} takes longer than {seconds:.0f} s")
            raise asl.StateError("States.Timeout")
        if fault is Fault.RAN_UNHEARD:
            raise asl.StateError("Lambda.SdkClientException", "Unable to execute HTTP request")
        return self._heard(label, future)

    def _time_out(self, actor: Actor, future: Future) -> None:
        if not actor.dead:
            self.clock.kill(actor)
            future.settle(error=asl.StateError("Sandbox.Timedout", "Task timed out"))

    def _heard(self, label: str, future: Future) -> Any:
        """What Step Functions is told of a function that has ended."""
        error = future.error
        if error is None:
            return future.value
        if isinstance(error, asl.StateError):
            raise error
        if isinstance(error, Killed):
            raise asl.StateError("Runtime.ExitError", json.dumps({"errorMessage": "Runtime exited: signal: killed"}))
        if not isinstance(error, EXPECTED):
            self.mistakes.append(f"{label}: " + "".join(traceback.format_exception(error)))
        told = {"errorMessage": str(error)[:MAX_REASON_CHARACTERS], "errorType": type(error).__name__}
        self._note(f"{label} fails: {told['errorType']}: {told['errorMessage'][:100]}")
        raise asl.StateError(type(error).__name__, json.dumps(told))

    def _ask(self, running: Running, state: str, parameters: Any, seconds: float) -> Any:
        """A function is told a token, and whoever has the token answers."""
        token = parameters["Payload"]["task_token"]
        future = running.tokens[token] = Future()
        began = self.clock.now
        self._invoke(running, state, parameters["FunctionName"], parameters["Payload"], seconds)
        if not self.clock.wait(future, max(0.0, began + seconds - self.clock.now)):
            raise asl.StateError("States.Timeout")
        return future.result()

    def _train(self, running: Running, state: str, seconds: float, attempt: int) -> None:
        execution = running.execution
        label = f"{execution.name}/{state}.{attempt}"
        fault = self.chaos.decide(f"{label} task", TASK)
        if fault is Fault.NO_CAPACITY:
            raise asl.StateError("AmazonECS.Unknown", "Capacity is unavailable at this time")
        if fault is Fault.SPOT:
            cause = {"StopCode": "SpotInterruption", "StoppedReason": "Your Spot Task was interrupted."}
            raise asl.StateError("States.TaskFailed", json.dumps({**cause, "Containers": [{}]}))
        actor = Actor(label)
        work = lambda: tiny_training.train(execution.name, self.data, self.models, read_rows, sign_version)  # noqa: E731
        running.children.append(actor)
        future = self.clock.spawn(actor, work, after=60.0)
        if not self.clock.wait(future, seconds):
            self.clock.kill(actor)
            raise asl.StateError("States.Timeout")
        if future.error is not None:
            if not isinstance(future.error, (*EXPECTED, Killed)):
                self.mistakes.append(f"{label}: " + "".join(traceback.format_exception(future.error)))
            cause = {"StopCode": "EssentialContainerExited", "StoppedReason": "Essential container in task exited"}
            raise asl.StateError("States.TaskFailed", json.dumps({**cause, "Containers": [{"ExitCode": 137}]}))

    def _call(self, running: Running, state: str, kind: str, parameters: Any, attempt: int) -> Any:
        """A call that the machine makes itself."""
        service, _, action = kind.removeprefix("aws-sdk:").partition(":")
        fault = self.chaos.decide(f"{running.execution.name}/{state}.{attempt} {action}", DIRECT)
        name = {"dynamodb": "DynamoDB", "states": "StepFunctions", "cloudwatch": "CloudWatch"}[service]
        self.clock.sleep(0.1)
        if fault in (None, Fault.LOST_ANSWER):
            self._effect(action, parameters)
        if fault is Fault.LOST_ANSWER:
            raise asl.StateError(f"{name}.SdkClientException", "no answer")
        if fault is not None:
            raise asl.StateError(
                f"{name}.{'ThrottlingException' if fault is Fault.THROTTLE else 'InternalServerErrorException'}"
            )
        return {}

    def _effect(self, action: str, parameters: Any) -> None:
        if action == "startExecution":
            self.begin(parameters["Name"], parameters["Input"], "continuous_training")
        elif action == "updateItem":
            plain = {name: value["S"] for name, value in parameters["Key"].items()}
            values = {name: value["S"] for name, value in parameters["ExpressionAttributeValues"].items()}
            try:
                self.items.update(
                    plain, parameters["UpdateExpression"], parameters["ConditionExpression"], values, None
                )
            except ClientError as error:
                raise asl.StateError("DynamoDB.ConditionalCheckFailedException", str(error)) from None
        else:
            assert action == "putMetricData", action

    def _note(self, line: str) -> None:
        self.log.append(f"{self.stamp()} {line}")


class _Silence:
    """An alarm that does not ring."""

    def rang_since(self, since: datetime) -> Alarms:
        return Alarms((), 1, "")


def _live_minutes(pipeline: str, version: str, variant: str, since: float, until: float) -> list[Any]:
    """Both models answer as they should; shadows see nothing."""
    if variant.startswith("shadow") or until - since < 60.0:
        return []
    latencies = {0: 500}
    return [("2026-03-01T09:00", LiveCounts(requests=500, rows=500, latencies=latencies))]
