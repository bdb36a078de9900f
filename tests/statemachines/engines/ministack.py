"""MiniStack, in three ways: with functions that answer, with answers from a MockConfigFile, and state by state."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcloud.emulator import HOST, free_port, is_healthy
from localcloud.processes import wait_until
from tests.conftest import REGION, create_table
from tests.statemachines import definition as asl
from tests.statemachines.cases import Answer, Case, FunctionError, Timeout
from tests.statemachines.engine import Outcome
from tests.statemachines.engines import machines
from tests.statemachines.engines.mock_config import case_name, mock_config
from tests.statemachines.engines.not_here import NotHereError

START_SECONDS = 60.0
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}
ANSWERING = Path(__file__).with_name("answering.py")
NAME = "machine"


@contextmanager
def _started(folder: Path, **variables: str) -> Iterator[str]:
    """MiniStack's process; its address."""
    port = free_port(None)
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {"BIND_HOST": HOST, "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING", "MINISTACK_REGION": REGION}
    environment |= {"SFN_WAIT_SCALE": "0", "DOCKER_HOST": "unix:///nowhere", "IOT_MTLS_ENABLED": "0", **variables}
    with (folder / "ministack.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            if not wait_until(lambda: process.poll() is not None or is_healthy(port), seconds=START_SECONDS):
                raise NotHereError(f"MiniStack did not answer within {START_SECONDS:.0f} s")
            if process.poll() is not None:
                raise NotHereError(f"MiniStack ended: {(folder / 'ministack.txt').read_text()[-300:]}")
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _client(service: str, address: str) -> Any:
    return boto3.client(service, endpoint_url=address, config=Config(inject_host_prefix=False), **KEYS)


@dataclass
class Mocked:
    """Answers come from a MockConfigFile, and so do those of DynamoDB, CloudWatch and Step Functions itself."""

    client: Any
    arn: str
    seconds: float = machines.RUN_SECONDS
    numbers: Iterator[int] = field(default_factory=count)

    def cannot(self, case: Case) -> str:
        return maps_of(case)

    def run(self, case: Case) -> Outcome:
        started = self.client.start_execution(
            stateMachineArn=f"{self.arn}#{case_name(case)}",
            name=f"run-{next(self.numbers)}",
            input=json.dumps(case.input),
        )
        return machines.outcome_of(self.client, started["executionArn"], seconds=self.seconds)


def maps_of(case: Case) -> str:
    """Why a case cannot be run where answers are given to states: a map reads its items itself."""
    definition = asl.load(case.machine)
    maps = [state for state in case.states if asl.states(definition)[state]["Type"] == "Map"]
    return f"{', '.join(maps)} goes over a list in S3, which a mocked answer cannot stand for" if maps else ""


@contextmanager
def mocked(machine: str, folder: Path) -> Iterator[Mocked]:
    """MiniStack with SFN_MOCK_CONFIG."""
    file = folder / "mocks.json"
    file.write_text(json.dumps(mock_config(machine, NAME)), encoding="utf-8")
    with _started(folder, SFN_MOCK_CONFIG=str(file)) as address:
        client = _client("stepfunctions", address)
        yield Mocked(client, machines.create_machine(client, machine, NAME, as_functions=False))


@dataclass
class Functions:
    """Each task calls a function, which answers what the case says; other services are MiniStack's own."""

    client: Any
    arn: str
    folder: Path
    table: Any
    numbers: Iterator[int] = field(default_factory=count)

    def cannot(self, case: Case) -> str:
        if "sns:publish" in json.dumps(asl.load(case.machine)) and "CountUnsentMail" in case.states:
            return "MiniStack's SNS takes a subject of any length"
        named = sorted(errors_by_name(case))
        return f"MiniStack gives no function's error its name, and {', '.join(named)} is told by it" if named else ""

    def run(self, case: Case) -> Outcome:
        name = f"run-{next(self.numbers)}"
        answers = {state: [_as_json(answer) for answer in given] for state, given in case.results.items()}
        (self.folder / "case.json").write_text(json.dumps({"name": name, "answers": answers}), encoding="utf-8")
        lease = {"pk": "pipeline#flights", "sk": "lease", "holder": name, "held_until": 9, "fencing_token": 4}
        self.table.put_item(Item=lease)
        started = self.client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(case.input))
        outcome = machines.outcome_of(self.client, started["executionArn"])
        others = self.client.list_executions(stateMachineArn=self.arn, statusFilter="RUNNING")["executions"]
        for other in others:  # what the run has started itself answers from the same case
            if not other["name"].startswith("run-"):
                machines.outcome_of(self.client, other["executionArn"])
        return outcome


def errors_by_name(case: Case) -> set[str]:
    """The errors of functions on a path that are told from others by their names: by a catch, or as the run's own."""
    found = set()
    tasks = {name: task for name, task in asl.tasks(asl.load(case.machine)).items() if name in case.states}
    last = [name for name in case.states if name in case.results][-1]
    for state, task in tasks.items():
        thrown = {error for answer in case.results.get(state, ()) if (error := _as_json(answer).get("error"))}
        if task["Resource"] != asl.CALLBACK and (len(task["Catch"]) > 1 or (state == last and case.error in thrown)):
            found |= thrown
    return found


@contextmanager
def functions(machine: str, folder: Path) -> Iterator[Functions]:
    """MiniStack with functions, a table, a topic and lists to go over."""
    with _started(folder) as address:
        states = {name for name, _ in machines.tasks_of(asl.load(machine))}
        for state in sorted(states):
            _create_function(_client("lambda", address), state, folder, address)
        create_table(machines.TABLE, _client("dynamodb", address))
        _client("sns", address).create_topic(Name="alerts")
        _put_lists(_client("s3", address))
        client = _client("stepfunctions", address)
        arn = machines.create_machine(client, machine, NAME, as_functions=True)
        table = boto3.resource("dynamodb", endpoint_url=address, **KEYS).Table(machines.TABLE)
        yield Functions(client, arn, folder, table)


def _create_function(client: Any, state: str, folder: Path, address: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("answering.py", ANSWERING.read_text(encoding="utf-8"))
    client.create_function(
        FunctionName=state,
        Runtime="python3.13",
        Role=machines.ROLE,
        Handler="answering.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=30,
        Environment={"Variables": {"STATE": state, "FOLDER": str(folder), "STEP_FUNCTIONS": address}},
    )


PARTS = [{"part": n, "first_row": n + 1, "rows": 1, "content": f"_job/rows-{n}", "broken": ""} for n in range(3)]
FILES = [{"key": f"batch/flights/in/{name}.csv", "version_id": name} for name in "ab"]


def _put_lists(s3: Any) -> None:
    s3.create_bucket(Bucket="lists")
    for key, content in {"parts.json": PARTS, "files.json": FILES}.items():
        s3.put_object(Bucket="lists", Key=key, Body=json.dumps(content).encode())


def _as_json(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Timeout):
        return {"error": "States.Timeout", "cause": "it took too long"}
    if isinstance(answer, FunctionError):
        return {"error": answer.name, "cause": answer.message}
    return {"result": dict(answer)}


@dataclass
class StateByState:
    """Each state alone, by TestState; what it puts out is what the next one is given."""

    client: Any
    definition: str
    machine: str

    def cannot(self, case: Case) -> str:
        return maps_of(case)

    def run(self, case: Case) -> Outcome:
        name, state = str(asl.load(self.machine)["StartAt"]), dict(case.input)
        entered: dict[str, int] = {}
        outcome = Outcome("RUNNING", [], state)
        while name:
            outcome.states.append(name)
            answers = case.results.get(name, ({},))
            answer = answers[min(entered.get(name, 0), len(answers) - 1)]
            entered[name] = entered.get(name, 0) + 1
            said = self._tested(name, outcome.output, answer)
            outcome.output = json.loads(said["output"]) if "output" in said else outcome.output
            name = said.get("nextState", "")
            caught = said["status"] == "CAUGHT_ERROR"
            outcome.status = "RUNNING" if name or caught else said["status"]
            outcome.error, outcome.cause = ("", "") if name else (said.get("error", ""), said.get("cause", ""))
        return outcome

    def _tested(self, name: str, given: Mapping[str, Any], answer: Answer) -> Any:
        asked: dict[str, Any] = {"definition": self.definition, "stateName": name, "input": json.dumps(given)}
        if asl.states(asl.load(self.machine))[name]["Type"] == "Task":
            said = _as_json(answer)
            failed = {"errorOutput": {"error": said.get("error"), "cause": said.get("cause")}}
            asked["mock"] = failed if "error" in said else {"result": json.dumps(said["result"])}
            asked["context"] = json.dumps({"Task": {"Token": "a-token"}})
        return self.client.test_state(roleArn=machines.ROLE, **asked)


@contextmanager
def state_by_state(machine: str, folder: Path) -> Iterator[StateByState]:
    """MiniStack's TestState."""
    with _started(folder) as address:
        client = _client("stepfunctions", address)
        arn = machines.create_machine(client, machine, NAME, as_functions=False)
        yield StateByState(client, client.describe_state_machine(stateMachineArn=arn)["definition"], machine)
