"""States that wait for an answer by a task token: who was asked is not asked again, an answer that was taken counts.

MiniStack forgets its tokens with its process: a state that is entered again would ask once more, with another one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from threading import Event
from typing import Any

from ministack.services import stepfunctions

NEEDED = (
    (stepfunctions, "_call_lambda"),
    (stepfunctions, "_invoke_with_callback"),
    (stepfunctions, "_resolve_lambda_function_ref"),
)
NO_LIMIT_SECONDS = 99_999
"""How long MiniStack waits where a state does not say."""

STATE: ContextVar[tuple[str, int] | None] = ContextVar("state_that_is_entered", default=None)
"""The execution, and the number of the event by which its state was entered, which it has again after a restart."""

Question = dict[str, Any]


def install(keep: Callable[[str], object]) -> None:
    """Put this in the place of MiniStack's own function; `keep` writes a token into the journal."""
    by_ministack = stepfunctions._invoke_with_callback

    def ask(resource: str, given: Mapping[str, Any], token: str, state: Mapping[str, Any]) -> Any:
        place = STATE.get()
        if place is None or "states:::lambda:invoke" not in resource:
            return by_ministack(resource, given, token, state)
        asked = asked_before(place)
        if asked is None:
            asked = token, _ask(given, token, state)
            asked[1]["asked_by"] = place
            keep(token)
        return _answer(*asked)

    stepfunctions._invoke_with_callback = ask


def asked_before(place: tuple[str, int]) -> tuple[str, Question] | None:
    """The token of this state and what became of it, if a process that has ended since has asked for it."""
    return next(
        (
            (token, question)
            for token, question in stepfunctions._task_tokens.items()
            if question.get("asked_by") == place
        ),
        None,
    )


def _ask(given: Mapping[str, Any], token: str, state: Mapping[str, Any]) -> Question:
    """Have the function tell somebody the token. As on AWS, one that fails fails the state."""
    until = time.time() + state.get("TimeoutSeconds", NO_LIMIT_SECONDS)
    question = {"event": Event(), "result": None, "error": None, "heartbeat": None, "until": until}
    stepfunctions._task_tokens[token] = question
    try:
        function = stepfunctions._resolve_lambda_function_ref(given["FunctionName"], optimized=True)
        stepfunctions._call_lambda(function, given["Payload"])
    except stepfunctions._ExecutionError:
        stepfunctions._task_tokens.pop(token, None)
        raise
    return question


def _answer(token: str, question: Question) -> Any:
    answered = question["event"].wait(max(0.0, question["until"] - time.time()))
    stepfunctions._task_tokens.pop(token, None)
    if not answered:
        raise stepfunctions._ExecutionError("States.Timeout", "Task timed out waiting for callback")
    if question["error"]:
        raise stepfunctions._ExecutionError(question["error"]["Error"], question["error"]["Cause"])
    try:
        return json.loads(question["result"])
    except ValueError:
        return question["result"]
