"""Deploys a machine to an engine that answers as AWS does, and reads what became of an execution."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from localcloud.processes import wait_until
from tests.conftest import REGION
from tests.statemachines import definition as asl
from tests.statemachines.engine import Outcome
from tests.statemachines.engines.mock_config import TRAINING

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/anything"
RUN_SECONDS = 30.0
TABLE, TOPIC = "runs", f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"


def function_arn(state: str) -> str:
    """The function that answers for a state."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{state}"


Adapt = Callable[[dict[str, Any]], dict[str, Any]]
"""What an engine cannot run of a definition, and no case on it is about, is changed."""


def create_machine(
    client: Any, machine: str, name: str, *, as_functions: bool, adapt: Adapt = lambda definition: definition
) -> str:
    """Create a machine with its substitutions made; its ARN.

    With `as_functions`, each task of ours and each training is a function of its state's own, so that each state has
    its own answers; nothing else differs from the file but what `adapt` changes.
    """
    definition = adapt(asl.load(machine))
    if as_functions:
        for state, task in tasks_of(definition):
            if task["Resource"] == TRAINING or task["Resource"].startswith("${"):
                task["Resource"] = function_arn(state)
    values = dict.fromkeys(asl.substitutions(definition), "subnet-1")
    values |= {name: function_arn(name.removesuffix("FunctionArn")) for name in values if name.endswith("FunctionArn")}
    values |= {"RunsTableName": TABLE, "Pipeline": "flights", "AlertsTopicArn": TOPIC}
    values |= {"TaskCpu": "2048", "TaskMemory": "8192"}
    values = {key: value for key, value in values.items() if key in asl.substitutions(definition)}
    made = client.create_state_machine(name=name, definition=asl.filled(definition, values), roleArn=ROLE)
    return str(made["stateMachineArn"])


def tasks_of(definition: asl.Definition) -> list[tuple[str, Any]]:
    """All tasks by their states, those within maps too."""
    found = list(asl.tasks(definition).items())
    for state in asl.states(definition).values():
        found += list(asl.tasks(state["ItemProcessor"]).items()) if state["Type"] == "Map" else []
    return found


def outcome_of(client: Any, execution: str, *, seconds: float = RUN_SECONDS) -> Outcome:
    """Wait for an execution's end and read it from its history, as from any engine's."""
    described: dict[str, Any] = {}

    def has_ended() -> bool:
        described.update(client.describe_execution(executionArn=execution))
        return described["status"] != "RUNNING"

    if not wait_until(has_ended, seconds=seconds):
        raise AssertionError(f"{execution} is still running after {seconds:.0f} s")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    states = [one["stateEnteredEventDetails"]["name"] for one in events if "stateEnteredEventDetails" in one]
    exits = [one["stateExitedEventDetails"]["output"] for one in events if "stateExitedEventDetails" in one]
    output = json.loads(described["output"] if described["status"] == "SUCCEEDED" else exits[-1])
    # Older engines tell an execution's error in its history alone.
    told = next((one["executionFailedEventDetails"] for one in events if "executionFailedEventDetails" in one), {})
    reason = [str(described.get(part) or told.get(part, "")) for part in ("error", "cause")]
    return Outcome(described["status"], states, output, *reason)
