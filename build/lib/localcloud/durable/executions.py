"""Runs executions of Step Functions so that one whose emulator was killed goes on with the state that was in flight.

As on AWS a state runs at least once: one that was in flight runs again, with the input it was entered with.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

from ministack.core.responses import now_iso, request_scope
from ministack.services import stepfunctions

from localcloud.call_slots import RANK
from localcloud.durable.task_tokens import STATE

Execution = dict[str, Any]
_ENTERED = "stateEnteredEventDetails"

logger = logging.getLogger("durable")


def run_execution(arn: str) -> None:
    """Run an execution to its end: a new one from the start, another from the state that it was in."""
    execution = stepfunctions._executions.get(arn)
    if not execution or execution["status"] != "RUNNING":
        return
    try:
        output = _walk(execution)
        if execution["status"] == "RUNNING":
            _succeed(execution, output)
    except stepfunctions._ExecutionError as error:
        if execution["status"] == "RUNNING":
            stepfunctions._fail_execution(execution, error.error, error.cause)
    except Exception as error:
        logger.exception("execution %s", arn)
        stepfunctions._fail_execution(execution, "States.Runtime", str(error))


def resume() -> int:
    """Go on with every execution that runs; answers how many there are."""
    running = [
        (scope, execution)
        for scope, execution in list(stepfunctions._executions._data.items())
        if execution.get("status") == "RUNNING"
    ]
    for (account, region, arn), _execution in running:
        with request_scope(account, region):
            Thread(target=copy_context().run, args=(run_execution, arn), daemon=True).start()
    return len(running)


def _walk(execution: Execution) -> Any:
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
    if not machine:
        raise stepfunctions._ExecutionError("StateMachineDeleted", "State machine no longer exists")
    definition = json.loads(machine["definition"])
    states, name, value = definition["States"], definition["StartAt"], json.loads(execution["input"])
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": value,
            "Name": execution["name"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }
    since = None
    entered = last_entered(execution)
    if entered is not None:
        # What the history says of the state is left out: it is entered again.
        name, value = entered[_ENTERED]["name"], json.loads(entered[_ENTERED]["input"])
        since = datetime.fromisoformat(entered["timestamp"])
        del execution["events"][entered["id"] - 1 :]
    while name and execution["status"] == "RUNNING":
        if name not in states:
            raise stepfunctions._ExecutionError("States.Runtime", f"State '{name}' not found in definition")
        rank = RANK.set(int(name == definition["StartAt"]))
        try:
            name, value = _step(execution, name, _shortened(states[name], value, since), value, context)
        finally:
            RANK.reset(rank)
        since = None
    return value


def last_entered(execution: Mapping[str, Any]) -> Any:
    """The event of the state that an execution is in; None before the first."""
    return next((event for event in reversed(execution["events"]) if _ENTERED in event), None)


def _step(
    execution: Execution, name: str, state: Mapping[str, Any], value: Any, context: dict[str, Any]
) -> tuple[str, Any]:
    """Run one state; answers the name of the next, which is empty at the end, and the output."""
    kind = state["Type"]
    context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
    stepfunctions._add_event(execution, f"{kind}StateEntered", {_ENTERED: {"name": name, "input": json.dumps(value)}})
    if kind == "Fail":
        raise stepfunctions._ExecutionError(*stepfunctions._fail_state_error(state, value, context))
    if kind == "Succeed":
        output, following = stepfunctions._apply_input_path(state, value, context), None
        output = stepfunctions._apply_output_path(state, output, context)
    elif kind in ("Task", "Parallel", "Map"):
        run: Callable[..., tuple[Any, str | None]] = getattr(stepfunctions, f"_execute_{kind.lower()}")
        place = STATE.set((execution["executionArn"], len(execution["events"])) if kind == "Task" else None)
        try:
            output, following = run(state, value, execution, context)
        finally:
            STATE.reset(place)
    else:
        run = getattr(stepfunctions, f"_execute_{kind.lower()}")
        output, following = run(state, value, context)
    details = {"stateExitedEventDetails": {"name": name, "output": json.dumps(output)}}
    stepfunctions._add_event(execution, f"{kind}StateExited", details)
    return following or "", output


def _shortened(state: Mapping[str, Any], value: Any, since: datetime | None) -> Mapping[str, Any]:
    """A Wait that was in flight ends when it would have ended."""
    if since is None or state["Type"] != "Wait":
        return state
    seconds = state.get("Seconds") or stepfunctions._resolve_path(state.get("SecondsPath", "$.none"), value)
    if not isinstance(seconds, int | float):
        return state
    until = (since + timedelta(seconds=seconds)).astimezone(UTC).isoformat()
    return {**{key: each for key, each in state.items() if key not in ("Seconds", "SecondsPath")}, "Timestamp": until}


def _succeed(execution: Execution, output: Any) -> None:
    text = json.dumps(output)
    execution["output"], execution["stopDate"] = text, now_iso()
    execution["status"] = "SUCCEEDED"
    details = {"executionSucceededEventDetails": {"output": text}}
    stepfunctions._add_event(execution, "ExecutionSucceeded", details)
    stepfunctions._emit_execution_status_event(execution)
