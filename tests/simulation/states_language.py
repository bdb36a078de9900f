"""Interprets a state machine's definition in virtual time: the parts of the Amazon States Language that ours use.

Task with Parameters, ResultPath, TimeoutSeconds(Path), Retry and Catch; Choice; Wait; Succeed; Fail. A definition that
uses anything else is refused, so that a new part of the language cannot be skipped in silence. Decision 0067 says why
moto's interpreter does not do.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

KNOWN = {
    "Task": {"Resource", "Parameters", "ResultPath", "TimeoutSeconds", "TimeoutSecondsPath", "Retry", "Catch", "Next"},
    "Choice": {"Choices", "Default"},
    "Wait": {"SecondsPath", "Next"},
    "Succeed": set(),
    "Fail": {"Error", "Cause", "ErrorPath", "CausePath"},
}
NEVER_CAUGHT = {"States.Runtime", "States.DataLimitExceeded"}
MOST_STATES = 150
"""More states than any run of ours enters: an execution that enters more goes round in circles."""


class StateError(Exception):
    """A task that failed, by the name that Retry and Catch know."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause


class EndlessError(Exception):
    """An execution entered more states than `MOST_STATES`."""


@dataclass(eq=False)
class Execution:
    """One execution. `entered` are the states in their order; `at` and `data` are where a redrive goes on."""

    name: str
    arn: str
    machine: str
    input: Mapping[str, Any]
    started_at: str
    status: str = "RUNNING"
    entered: list[str] = field(default_factory=list)
    at: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""
    redrives: int = 0


@dataclass(frozen=True)
class Ports:
    """What an execution needs of the world.

    Attributes
    ----------
    task : runs a task: state, resource, parameters, seconds, attempt. Raises StateError.
    sleep : waits, in seconds.
    jitter : a delay from 0 to the given seconds, for this point.
    uuid, entered_at : the unique id and the time of a state, as texts.
    """

    task: Callable[[str, str, Any, float, int], Any]
    sleep: Callable[[float], None]
    jitter: Callable[[str, float], float]
    uuid: Callable[[], str]
    entered_at: Callable[[], str]


def check(definition: Mapping[str, Any]) -> None:
    """Raises ValueError where a definition uses what this does not interpret."""
    for name, state in definition["States"].items():
        unknown = set(state) - KNOWN.get(state["Type"], set()) - {"Type", "Comment"}
        if state["Type"] not in KNOWN or unknown:
            raise ValueError(
                f"{name}: {state['Type']} with {sorted(unknown)} is not interpreted; teach it to {__file__}"
            )


@dataclass(frozen=True)
class Interpreter:
    """One definition, whose `${…}` have been filled in."""

    definition: Mapping[str, Any]
    ports: Ports

    def run(self, execution: Execution) -> None:
        """To its end: SUCCEEDED or FAILED. Raises EndlessError."""
        execution.at = execution.at or self.definition["StartAt"]
        execution.data = execution.data or dict(execution.input)
        while execution.status == "RUNNING":
            execution.entered.append(execution.at)
            if len(execution.entered) > MOST_STATES:
                raise EndlessError(f"{execution.name} enters {' → '.join(execution.entered[-6:])} again and again")
            state = self.definition["States"][execution.at]
            try:
                getattr(self, f"_{state['Type'].lower()}")(execution, state)
            except StateError as error:
                execution.status, execution.error, execution.cause = "FAILED", error.name, error.cause

    def _succeed(self, execution: Execution, state: Mapping[str, Any]) -> None:
        execution.status = "SUCCEEDED"

    def _fail(self, execution: Execution, state: Mapping[str, Any]) -> None:
        data = execution.data
        error = look_up(data, {}, state["ErrorPath"]) if "ErrorPath" in state else state.get("Error", "")
        cause = look_up(data, {}, state["CausePath"]) if "CausePath" in state else state.get("Cause", "")
        raise StateError(str(error), str(cause))

    def _wait(self, execution: Execution, state: Mapping[str, Any]) -> None:
        self.ports.sleep(float(look_up(execution.data, {}, state["SecondsPath"])))
        execution.at = state["Next"]

    def _choice(self, execution: Execution, state: Mapping[str, Any]) -> None:
        holds = (choice["Next"] for choice in state["Choices"] if matches(choice, execution.data))
        execution.at = next(holds, None) or state["Default"]

    def _task(self, execution: Execution, state: Mapping[str, Any]) -> None:
        attempts: dict[int, int] = {}
        for attempt in range(1, 100):
            try:
                result = self._attempt(execution, state, attempt)
            except StateError as error:
                again = _retrier(state, error.name)
                tried = attempts.get(again, 0)
                if again >= 0 and tried < state["Retry"][again]["MaxAttempts"]:
                    attempts[again] = tried + 1
                    self.ports.sleep(self._pause(execution, state["Retry"][again], tried))
                    continue
                self._catch(execution, state, error)
                return
            execution.data = merged(execution.data, state.get("ResultPath", "$"), result)
            execution.at = state["Next"]
            return

    def _attempt(self, execution: Execution, state: Mapping[str, Any], attempt: int) -> Any:
        context = {
            "Execution": {"Name": execution.name, "StartTime": execution.started_at, "Id": execution.arn},
            "StateMachine": {"Id": execution.machine},
            "State": {"EnteredTime": self.ports.entered_at()},
            "Task": {"Token": f"token-{execution.name}-{len(execution.entered)}-{attempt}"},
            "uuid": self.ports.uuid,
        }
        seconds = state.get("TimeoutSeconds", 0)
        if "TimeoutSecondsPath" in state:
            seconds = look_up(execution.data, context, state["TimeoutSecondsPath"])
        parameters = filled(state.get("Parameters", {}), execution.data, context)
        return self.ports.task(execution.at, state["Resource"], parameters, float(seconds), attempt)

    def _pause(self, execution: Execution, retrier: Mapping[str, Any], tried: int) -> float:
        most = min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** tried, retrier.get("MaxDelaySeconds", 1e9))
        return self.ports.jitter(f"{execution.name} {execution.at} pause {tried}", most)

    def _catch(self, execution: Execution, state: Mapping[str, Any], error: StateError) -> None:
        for catcher in state.get("Catch", ()):
            if covers(catcher["ErrorEquals"], error.name):
                told = {"Error": error.name, "Cause": error.cause}
                execution.data = merged(execution.data, catcher.get("ResultPath", "$"), told)
                execution.at = catcher["Next"]
                return
        raise error


def _retrier(state: Mapping[str, Any], name: str) -> int:
    """The place of the first Retry that covers the error; -1 where none does."""
    found = (place for place, each in enumerate(state.get("Retry", ())) if covers(each["ErrorEquals"], name))
    return next(found, -1)


def covers(names: list[str], error: str) -> bool:
    """Whether an `ErrorEquals` covers an error."""
    if error in names:
        return True
    if error in NEVER_CAUGHT:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def matches(choice: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a rule of a Choice holds. Raises ValueError for a comparison that is not interpreted."""
    if "Or" in choice:
        return any(matches(each, data) for each in choice["Or"])
    if "And" in choice:
        return all(matches(each, data) for each in choice["And"])
    if "Not" in choice:
        return not matches(choice["Not"], data)
    found = look_up(data, {}, choice["Variable"])
    name, wanted = next((name, value) for name, value in choice.items() if name not in ("Variable", "Next", "Comment"))
    if name == "StringEquals":
        return isinstance(found, str) and found == wanted
    if name == "BooleanEquals":
        return isinstance(found, bool) and found == wanted
    if name == "NumericGreaterThan":
        return isinstance(found, int | float) and found > wanted
    if name == "StringMatches":
        return isinstance(found, str) and fnmatch.fnmatchcase(found, wanted)
    raise ValueError(f"{name} is not interpreted; teach it to {__file__}")


def look_up(data: Any, context: Mapping[str, Any], path: str) -> Any:
    """What a path names. Raises StateError `States.Runtime` where there is nothing, as Step Functions does."""
    found = context if path.startswith("$$") else data
    for part in path.lstrip("$").split(".")[1:]:
        if not isinstance(found, Mapping) or part not in found:
            raise StateError("States.Runtime", f"{path} is not in the state")
        found = found[part]
    return found


def filled(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    """Parameters with what their paths and functions name."""
    if isinstance(template, Mapping):
        return {
            name.removesuffix(".$"): _evaluate(value, data, context)
            if name.endswith(".$")
            else filled(value, data, context)
            for name, value in template.items()
        }
    return [filled(each, data, context) for each in template] if isinstance(template, list) else template


def _evaluate(text: str, data: Any, context: Mapping[str, Any]) -> Any:
    value, rest = _expression(text.strip(), data, context)
    assert not rest, f"{rest} is left of {text}"
    return value


def _expression(text: str, data: Any, context: Mapping[str, Any]) -> tuple[Any, str]:
    """The value of what a text begins with, and what follows it."""
    if found := re.match(r"'([^']*)'", text):
        return found[1], text[found.end() :].lstrip()
    if found := re.match(r"\d+", text):
        return int(found[0]), text[found.end() :].lstrip()
    if found := re.match(r"\$[$\w.]*", text):
        return look_up(data, context, found[0]), text[found.end() :].lstrip()
    found = re.match(r"States\.(\w+)\(\s*", text)
    assert found, f"{text} is not interpreted"
    values, rest = [], text[found.end() :]
    while not rest.startswith(")"):
        value, rest = _expression(rest.lstrip(", "), data, context)
        values.append(value)
    return _intrinsic(found[1], values, context), rest[1:].lstrip()


def _intrinsic(name: str, values: list[Any], context: Mapping[str, Any]) -> Any:
    if name == "Format":
        parts: Iterator[Any] = iter(values[1:])
        return re.sub(r"\{\}", lambda _: str(next(parts)), values[0])
    if name == "ArrayGetItem":
        return values[0][values[1]]
    if name == "StringSplit":
        return [part for part in re.split(f"[{re.escape(values[1])}]", values[0]) if part]
    if name == "UUID":
        return context["uuid"]()
    raise ValueError(f"States.{name} is not interpreted; teach it to {__file__}")


def merged(data: dict[str, Any], path: str | None, result: Any) -> dict[str, Any]:
    """The state with a result at its ResultPath."""
    if path is None:
        return data
    told = json.loads(json.dumps(result))
    return told if path == "$" else {**data, path.removeprefix("$."): told}
