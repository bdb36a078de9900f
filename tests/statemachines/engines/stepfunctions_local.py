"""AWS's own Step Functions Local, through Docker, with answers from a MockConfigFile generated from the table.

What is known of 2.0.0 from those who run it: it takes `ErrorPath`, `CausePath`, `JitterStrategy` and intrinsic
functions; it counts the attempts of a state over a whole execution, as MiniStack does; a definition with
`ItemProcessor` is created, and then no execution of it starts (a parse error); `WAIT_TIME_SCALE` does not shorten
waits. `runnable` sees to the last two.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.emulator import HOST, free_port
from localcloud.processes import wait_until
from tests.conftest import REGION
from tests.statemachines.cases import Case
from tests.statemachines.engine import Outcome
from tests.statemachines.engines import machines
from tests.statemachines.engines.ministack import KEYS, NAME, Mocked, maps_of
from tests.statemachines.engines.mock_config import mock_config
from tests.statemachines.engines.not_here import NotHereError

IMAGE = "amazon/aws-stepfunctions-local:2.0.0"
PULL_SECONDS = 300
START_SECONDS = 60.0
RUN_SECONDS = 60.0
"""Twenty attempts, a second between two of them, and time to spare."""


def runnable(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition as this engine runs it.

    Waits, and pauses between two attempts, take a second. A map, which no case on it enters, is a state that passes its
    input on. Names and ways of states are those of the file.
    """
    return {**definition, "States": {name: _state(state) for name, state in definition["States"].items()}}


def _state(state: Mapping[str, Any]) -> dict[str, Any]:
    if state["Type"] == "Map":
        return {"Type": "Pass", **{way: state[way] for way in ("Next", "End") if way in state}}
    if state["Type"] == "Wait":
        return {"Type": "Wait", "Seconds": 1, "Next": state["Next"]}
    quick = [
        {name: value for name, value in each.items() if name != "MaxDelaySeconds"}
        | {"IntervalSeconds": 1, "BackoffRate": 1.0}
        for each in state.get("Retry", ())
    ]
    return {**state, "Retry": quick} if quick else dict(state)


@dataclass
class StepFunctionsLocal:
    """Runs cases by their name in the MockConfigFile."""

    mocked: Mocked

    def cannot(self, case: Case) -> str:
        return maps_of(case)

    def run(self, case: Case) -> Outcome:
        return self.mocked.run(case)


@contextmanager
def stepfunctions_local(machine: str, folder: Path) -> Iterator[StepFunctionsLocal]:
    """A container of the image, with the machine created. Raises NotHereError without Docker or the image."""
    _pull()
    file = folder / "MockConfigFile.json"
    file.write_text(json.dumps(mock_config(machine, NAME)), encoding="utf-8")
    folder.chmod(0o755)
    port, name = free_port(None), f"contender-stepfunctions-{uuid.uuid4().hex[:8]}"
    variables = {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    variables |= {"SFN_MOCK_CONFIG": "/mocks/MockConfigFile.json"}
    settings = [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
    mounted = ("--publish", f"{HOST}:{port}:8083", "--volume", f"{folder}:/mocks:ro")
    _docker("run", "--detach", "--rm", "--name", name, *mounted, *settings, IMAGE)
    try:
        client = boto3.client("stepfunctions", endpoint_url=f"http://{HOST}:{port}", **KEYS)
        if not wait_until(lambda: _answers(client), seconds=START_SECONDS):
            raise NotHereError(f"{IMAGE} did not answer within {START_SECONDS:.0f} s: {_docker('logs', name)[-300:]}")
        arn = machines.create_machine(client, machine, NAME, as_functions=False, adapt=runnable)
        yield StepFunctionsLocal(Mocked(client, arn, RUN_SECONDS))
    finally:
        _docker("kill", name)


def _pull() -> None:
    if shutil.which("docker") is None:
        raise NotHereError("there is no Docker")
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0:
        return
    try:
        _docker("pull", "--quiet", IMAGE)
    except subprocess.TimeoutExpired:
        raise NotHereError(f"{IMAGE} did not come within {PULL_SECONDS} s") from None


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=PULL_SECONDS)
    if done.returncode:
        said = " ".join(done.stderr.split())[-200:]
        raise NotHereError(f"docker {arguments[0]}: {said}")
    return done.stdout


def _answers(client: Any) -> bool:
    try:
        client.list_state_machines()
    except (BotoCoreError, ClientError):
        return False
    return True
