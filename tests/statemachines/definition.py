"""The definition as data: what follows what, and which parts of the state exist for certain where.

AWS fails an execution whose Choice or Parameters name something that is not there, where an emulator may read null;
so it is the definition that is looked at, along every path, and not an execution.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.workflow import messages

ROOT = Path(__file__).parents[2]
CONTINUOUS_TRAINING = "continuous_training"

Definition = Mapping[str, Any]
Edge = tuple[str, str]


def most(setting: str) -> int:
    """The upper bound of a key of `[rollout]`."""
    (found,) = [field for field in dataclasses.fields(RolloutPolicy) if field.name == setting]
    return int(found.metadata["maximum"])


INPUT = frozenset({"trigger", "pipeline"})
"""What every event that starts a run carries."""

SECTIONS: Mapping[str, type[messages.Message]] = {
    "claim": messages.Claim,
    "validation": messages.Validation,
    "drift": messages.Drift,
    "training_failure": messages.Failure,
    "comparison": messages.Comparison,
    "rehearsal": messages.Rehearsal,
    "approval": messages.Approval,
    "promotion": messages.Promotion,
    "watch": messages.Watch,
    "rollback": messages.Rollback,
    "record": messages.Record,
    "record_failure": messages.Failure,
    "notification": messages.Notification,
}

CONTEXT = {
    "$$.Execution.Id",
    "$$.Execution.Name",
    "$$.Execution.StartTime",
    "$$.State.EnteredTime",
    "$$.StateMachine.Id",
}
"""Names of the context object that AWS and the emulators agree on."""

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
"""A function that is called with a token, and a state that waits until somebody answers with it."""

TOKEN = "$$.Task.Token"

ITEM = "$$.Map.Item.Value"
"""What a map's item is called where its input is made."""

READING = ("Parameters", "ResultSelector", "ItemReader", "ItemSelector")
"""The parts of a state that name paths."""

PATHS = ("SecondsPath", "TimeoutSecondsPath")
"""Where a state says that its seconds are in the run's state."""

REASONS = ("ErrorPath", "CausePath")
"""Where a Fail state says that its reason is in the run's state."""

MOST_SECONDS = {
    "$.comparison.approval_seconds": 60 * most("approval_minutes"),
    "$.promotion.bake_seconds": most("max_bake_seconds"),
}
"""What the pipeline file allows at most, where a state reads its seconds from the run's state. All waits of a canary
together bake it no longer than that."""


def load(machine: str = CONTINUOUS_TRAINING) -> dict[str, Any]:
    return json.loads((ROOT / "statemachines" / f"{machine}.asl.json").read_text(encoding="utf-8"))


def states(definition: Definition) -> Mapping[str, Mapping[str, Any]]:
    return definition["States"]


def tasks(definition: Definition) -> dict[str, Mapping[str, Any]]:
    return {name: state for name, state in states(definition).items() if state["Type"] == "Task"}


def functions(definition: Definition) -> dict[str, Mapping[str, Any]]:
    """The tasks that are our functions, those within maps too."""
    found = dict(tasks(definition))
    for state in states(definition).values():
        found |= tasks(state["ItemProcessor"]) if state["Type"] == "Map" else {}
    return {name: task for name, task in found.items() if function_of(task) == name}


def function_of(task: Mapping[str, Any]) -> str | None:
    """The state that a task's function is named after; None for a task that is none of ours."""
    called = task["Parameters"]["FunctionName"] if task["Resource"] == CALLBACK else task["Resource"]
    found = re.fullmatch(r"\$\{(\w+)FunctionArn\}", called)
    return found[1] if found else None


def substitutions(definition: Definition) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", json.dumps(definition)))


def filled(definition: Definition, values: Mapping[str, str]) -> str:
    """The definition's text with its substitutions made, as CloudFormation makes them."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], json.dumps(definition))


def _leaving(name: str, state: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Each following state, and the section that exists by then because of this state."""
    if "Next" in state:
        yield state["Next"], section(state.get("ResultPath", "$") if state["Type"] in ("Task", "Map") else None)
    for choice in state.get("Choices", ()):
        yield choice["Next"], None
    if "Default" in state:
        yield state["Default"], None
    for catch in state.get("Catch", ()):
        yield catch["Next"], section(catch.get("ResultPath", "$"))


def section(result_path: str | None) -> str | None:
    """The name under which a result is added to the state; None when it is thrown away."""
    return result_path.removeprefix("$.") if result_path else None


def edges(definition: Definition) -> set[Edge]:
    return {(name, after) for name, state in states(definition).items() for after, _ in _leaving(name, state)}


def certain(definition: Definition, given: frozenset[str] = INPUT) -> dict[str, frozenset[str]]:
    """For each reachable state, the sections that exist on whatever path it is entered."""
    known: dict[str, frozenset[str]] = {}
    open_states = [(definition["StartAt"], given)]
    while open_states:
        name, sections = open_states.pop()
        before = known.get(name)
        now = sections if before is None else before & sections
        if now == before:
            continue
        known[name] = now
        for after, added in _leaving(name, states(definition)[name]):
            open_states.append((after, now | ({added} if added else set())))
    return known


def paths(value: Any) -> Iterator[str]:
    """Every path that parameters name, within a call of a function of the language too."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.endswith(".$"):
                yield from re.findall(r"\$\$?(?:\.\w+)+|\$", inner) if inner.startswith("States.") else [inner]
            else:
                yield from paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner)


def _variables(choice: Mapping[str, Any]) -> Iterator[str]:
    if "Variable" in choice:
        yield choice["Variable"]
    for inner in (*choice.get("And", ()), *choice.get("Or", ()), *filter(None, [choice.get("Not")])):
        yield from _variables(inner)


def unsafe_paths(definition: Definition, typed: Mapping[str, type[messages.Message]] = SECTIONS) -> list[str]:
    """What a state reads although it is not certain to be there, as sentences; `typed` are the sections' types."""
    found = []
    known = certain(definition)
    for name, sections in known.items():
        state = states(definition)[name]
        read = [path for part in READING for path in paths(state.get(part, {}))]
        read += [state[path] for path in (*PATHS, *REASONS) if path in state]
        for choice in state.get("Choices", ()):
            read += _variables(choice)
        if state.get("Resource") == CALLBACK:
            read.remove(TOKEN)
        if state["Type"] == "Map":
            read = [path for path in read if path != ITEM]
        found += [f"{name} reads {path}" for path in read if not _is_certain(path, sections, typed)]
    return found


def _is_certain(path: str, sections: frozenset[str], typed: Mapping[str, type[messages.Message]]) -> bool:
    if path.startswith("$$."):
        return path in CONTEXT
    if path == "$":
        return True
    head, *rest = path.removeprefix("$.").split(".")
    if head not in sections:
        return False
    fields = {field.name for field in dataclasses.fields(typed[head])} if head in typed else set()
    return not rest or (len(rest) == 1 and rest[0] in fields)


def longest_way_seconds(definition: Definition) -> int:
    """The most that a run takes when each state takes all its time, once, without repeats."""

    there = states(definition)
    after = {name: {following for following, _ in _leaving(name, state)} for name, state in there.items()}
    takes = {
        name: state.get("TimeoutSeconds", 0) + sum(MOST_SECONDS[state[path]] for path in PATHS if path in state)
        for name, state in there.items()
    }

    def longest(name: str, seen: frozenset[str]) -> int:
        left = [longest(following, seen | {name}) for following in after[name] - seen]
        return takes[name] + max(left, default=0)

    return longest(definition["StartAt"], frozenset())
