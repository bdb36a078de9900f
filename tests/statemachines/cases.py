"""The table of path cases that each engine runs: cases/*.yaml; what a message leaves out is filled in by its type."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from contender.predictions.batch_messages import Finish, Found, PartDone, Plan
from contender.workflow.messages import Message
from tests.statemachines import definition as asl

FOLDER = Path(__file__).parent / "cases"
TYPES: Mapping[str, type[Message]] = {**asl.SECTIONS, "plan": Plan, "found": Found, "finish": Finish}
"""What a section of the run's state is, by its name."""


@dataclass(frozen=True)
class FunctionError:
    """A function that ended with an exception, as Lambda tells Step Functions."""

    name: str = "ValueError"
    message: str = "it broke"


class Timeout:
    """A task that took longer than its TimeoutSeconds."""


Answer = Mapping[str, Any] | FunctionError | Timeout


@dataclass(frozen=True)
class Case:
    """One path.

    Attributes
    ----------
    results : what each state's task answers, in turn; the last answer is repeated.
    states : all states that the run enters, in order.
    output : the sections of the run's state in the end, beside its input.
    error : of a run that fails with one.
    mailed : mails that the machine itself sends.
    """

    name: str
    machine: str
    input: Mapping[str, Any]
    results: Mapping[str, Sequence[Answer]]
    states: tuple[str, ...]
    output: frozenset[str]
    status: str = "SUCCEEDED"
    error: str = ""
    mailed: int = 0


@cache
def cases_of(machine: str) -> Mapping[str, Case]:
    """All path cases of a machine, by name."""
    table = _table(machine)
    good = good_results(machine)
    return {
        name: Case(
            name,
            machine,
            case.get("input", table["input"]),
            {**good, **_results(machine, case.get("results", {}))},
            tuple(case["states"].split()),
            frozenset((case["output"] or "").split()),
            **{key: case[key] for key in ("status", "error", "mailed") if key in case},
        )
        for name, case in table["cases"].items()
    }


@cache
def good_results(machine: str) -> Mapping[str, Sequence[Answer]]:
    """What each task answers where all goes well."""
    return _results(machine, _table(machine)["results"])


def answer_of(machine: str, state: str, response: str) -> Any:
    """What a state's task says with a response of the table."""
    return _results(machine, {state: response})[state][0]


def scripted(case: Case) -> dict[str, list[Answer]]:
    """What a case's tasks answer, as the in-process engine takes it."""
    return {state: list(answers) for state, answers in case.results.items()}


def assert_followed(outcome: Any, case: Case, *, lost: frozenset[str] = frozenset()) -> None:
    """That an engine's outcome has the case's states, and in the end its sections with what the tasks said last.

    `lost`: sections that the engine is known to lose.
    """
    assert (outcome.status, tuple(outcome.states)) == (case.status, case.states)
    assert outcome.error == case.error
    made_by_aws = {name for name in outcome.output if name.startswith("AWS_STEP_FUNCTIONS_")}
    assert set(outcome.output) - set(case.input) - made_by_aws == case.output - lost
    assert {name: outcome.output[name] for name in case.input} == case.input
    for name, said in sections_of(case).items():
        assert outcome.output[name] == said, name


def walked(machine: str) -> set[tuple[str, str]]:
    """The steps from state to state that the cases of a machine take."""
    return {step for case in cases_of(machine).values() for step in pairwise(case.states)}


def sections_of(case: Case) -> dict[str, Mapping[str, Any]]:
    """The sections in the end that are the last result of a task on the path, by name."""
    definition = asl.load(case.machine)
    entered = dict.fromkeys(case.states, 0)
    found: dict[str, Mapping[str, Any]] = {}
    for state in case.states:
        answers = case.results.get(state)
        name = asl.section(asl.states(definition)[state].get("ResultPath"))
        if answers is None or name is None or asl.states(definition)[state]["Type"] != "Task":
            continue
        answer = answers[min(entered[state], len(answers) - 1)]
        entered[state] += 1
        if isinstance(answer, Mapping):
            found[name] = answer
    return found


@cache
def _table(machine: str) -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / f"{machine}.yaml").read_text(encoding="utf-8")))


def _results(machine: str, named: Mapping[str, str | list[str]]) -> dict[str, Sequence[Answer]]:
    responses, types = _table(machine)["responses"], _types(machine)
    return {
        state: tuple(
            _answer(responses[one], types.get(state)) for one in ([names] if isinstance(names, str) else names)
        )
        for state, names in named.items()
    }


def _types(machine: str) -> dict[str, type[Message]]:
    definition = asl.load(machine)
    found = {
        state: TYPES[name]
        for state, task in asl.states(definition).items()
        if (name := asl.section(task.get("ResultPath"))) in TYPES
    }
    return found | {"PredictPart": PartDone}


def _answer(response: Mapping[str, Any], of: type[Message] | None) -> Answer:
    if "Throw" in response:
        error = response["Throw"]["Error"]
        return Timeout() if error == "States.Timeout" else FunctionError(error, response["Throw"]["Cause"])
    given = response["Return"]
    if of is None:
        return dict(given)
    known = {field.name for field in dataclasses.fields(of)}
    assert set(given) <= known, f"{of.__name__} has no {set(given) - known}"
    # through the type, so that what a table says is what the code would say
    made = of(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
    return dict(json.loads(json.dumps(made.to_dict())))
