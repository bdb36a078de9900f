"""The table of path cases as a MockConfigFile, in the format of Step Functions Local, which MiniStack reads as well."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.statemachines import definition as asl
from tests.statemachines.cases import Answer, Case, FunctionError, Timeout, cases_of

TRAINING = "arn:aws:states:::ecs:runTask.sync"
OFTEN = 20
"""Attempts that the last answer covers; more than any state has with all its retries."""


def mock_config(machine: str, name: str) -> dict[str, Any]:
    """The file's content for all cases of a machine that is deployed under a name.

    Tasks of AWS's own services that a case says nothing of answer with nothing.
    """
    of_services = [state for state, task in asl.tasks(asl.load(machine)).items() if is_of_a_service(task)]
    responses: dict[str, Any] = {"nothing": _attempts([{}])}
    cases: dict[str, dict[str, str]] = {}
    for case in cases_of(machine).values():
        chosen = dict.fromkeys(of_services, "nothing")
        for state, answers in case.results.items():
            if state in asl.states(asl.load(machine)):
                chosen[state] = f"{state}-{_name_of(answers)}"
                responses[chosen[state]] = _attempts(answers)
        cases[case_name(case)] = chosen
    return {"StateMachines": {name: {"TestCases": cases}}, "MockedResponses": responses}


def case_name(case: Case) -> str:
    """A case's name as the file takes it.

    >>> case_name(Case("a person's \\"no\\"", "m", {}, {}, (), frozenset()))
    'a-person-s-no'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", case.name).strip("-")


def is_of_a_service(task: Mapping[str, Any]) -> bool:
    """Whether a task is AWS's own, neither a function of ours nor a training."""
    return task["Resource"].startswith("arn:aws:states:::") and task["Resource"] not in (asl.CALLBACK, TRAINING)


def _name_of(answers: Sequence[Answer]) -> str:
    text = json.dumps([_response(answer) for answer in answers], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _attempts(answers: Sequence[Answer]) -> dict[str, Any]:
    """The answers by attempt; the last one from its own on."""
    last = len(answers) - 1
    return {
        (str(number) if number < last else f"{number}-{number + OFTEN}"): _response(answer)
        for number, answer in enumerate(answers)
    }


def _response(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Timeout):
        return {"Throw": {"Error": "States.Timeout", "Cause": "it took too long"}}
    if isinstance(answer, FunctionError):
        return {"Throw": {"Error": answer.name, "Cause": answer.message}}
    return {"Return": dict(answer)}
