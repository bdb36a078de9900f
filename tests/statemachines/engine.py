"""Runs the definition on moto's Step Functions engine, with one change.

moto 5.2.5 cannot run `ecs:runTask.sync`: it hands the parameters to ECS under the names of Step Functions (`Cluster`)
instead of those of ECS (`cluster`). So in the copy that is deployed here the `Resource` of the two training states,
and nothing else of them, is a function, which is called with the parameters that ECS would get. The rest is as it is
in the file: DynamoDB and the machine's start of itself are moto's (the latter with its parameters renamed here).

moto's stand-in for Lambda can only succeed, so here it asks a script what to answer. A function that is called with a
task's token has its answer sent to that token, as a person's would be. The engine's own waiting between two attempts
and in a Wait state is noted instead of waited for. moto keeps no time for `TimeoutSeconds`.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from tests.conftest import REGION, create_runs_table
from tests.statemachines import definition as asl
from tests.statemachines.cases import Answer, FunctionError, Timeout

TRAINING = ("Train", "TrainOnDemand")
AGAIN = ("JudgeWaiting", "PromoteFully", "FindFiles")
"""Call another state's function; here a function of their own, so that each state has its own answers."""
ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/anything"


@dataclass
class Outcome:
    """What became of an execution."""

    status: str
    states: list[str]
    output: dict[str, Any]
    error: str = ""
    cause: str = ""


@dataclass
class Engine:
    """`answers` holds what each state's task answers, in turn; the last answer is repeated."""

    answers: dict[str, deque[Answer]] = field(default_factory=dict)
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    waits: list[float] = field(default_factory=list)
    machine: str = ""
    inbox: str = ""
    run_id: str = "run-0"

    def begin(self) -> None:
        """Forget the last execution; the next one has a name of its own."""
        for memory in (self.answers, self.calls, self.waits):
            memory.clear()
        self.run_id = f"run-{int(self.run_id.removeprefix('run-')) + 1}"

    def script(self, answers: Mapping[str, Answer | Iterable[Answer]]) -> None:
        for name, answer in answers.items():
            several = answer if isinstance(answer, list) else [answer]
            self.answers[name] = deque(several)  # type: ignore[arg-type]

    def deploy(self, monkeypatch: pytest.MonkeyPatch, machine: str = asl.CONTINUOUS_TRAINING) -> None:
        read = cache(AmazonStateLanguageParser.parse)  # which moto does for each execution, and takes most of it
        monkeypatch.setattr(AmazonStateLanguageParser, "parse", staticmethod(read))
        monkeypatch.setattr(json_path, "parse", cache(json_path.parse))  # for which it makes a parser each time
        monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=self.waits.append))
        monkeypatch.setattr(
            WaitFunction, "_wait_interval", lambda _, env, wait_seconds: self.waits.append(wait_seconds)
        )
        monkeypatch.setattr(LambdaSimpleBackend, "invoke", lambda backend, *told: self._invoke(*told))
        monkeypatch.setattr(StateTaskServiceSfn, "_normalise_parameters", with_names_of_the_api)
        create_runs_table()
        definition = asl.load(machine)
        values = dict.fromkeys(asl.substitutions(definition), "subnet-1")
        values |= {f"{name}FunctionArn": function_arn(name) for name in asl.functions(definition)}
        values |= {"RunsTableName": "runs", "Pipeline": "flights", "AlertsTopicArn": self._topic()}
        values |= {"TaskCpu": "2048", "TaskMemory": "8192"}
        for name in {*TRAINING, *AGAIN} & {*definition["States"]}:
            definition["States"][name]["Resource"] = function_arn(name)
        made = boto3.client("stepfunctions").create_state_machine(
            name=f"contender-test-flights-{machine.replace('_', '-')}",
            definition=asl.filled(definition, values),
            roleArn=ROLE,
        )
        self.machine = made["stateMachineArn"]

    def _topic(self) -> str:
        """A topic for mails, and the queue `inbox` that gets them."""
        sqs, sns = boto3.client("sqs"), boto3.client("sns")
        self.inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=self.inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = str(sns.create_topic(Name="alerts")["TopicArn"])
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        return topic

    def _invoke(self, function_name: str, qualifier: Any, body: Any, headers: Any, response_headers: Any) -> bytes:
        name = function_name.rpartition(":")[2]
        self.calls[name].append(json.loads(body))
        answer = self._next(name)
        if isinstance(answer, Timeout):
            raise TimeoutError
        if isinstance(answer, FunctionError):
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorMessage": answer.message, "errorType": answer.name}).encode()
        token = self.calls[name][-1].get("task_token")
        if token:
            boto3.client("stepfunctions").send_task_success(taskToken=token, output=json.dumps(answer))
        return json.dumps(answer).encode()

    def _next(self, name: str) -> Answer:
        answers = self.answers[name]
        return answers.popleft() if len(answers) > 1 else answers[0]

    def run(self, request: Mapping[str, Any]) -> Outcome:
        """Run to the end, and with it whatever it starts."""
        client = boto3.client("stepfunctions")
        client.start_execution(stateMachineArn=self.machine, name=self.run_id, input=json.dumps(request))
        while living := [thread for thread in TMP_THREADS if thread.is_alive()]:
            living[0].join(timeout=60)
        arn = self.machine.replace(":stateMachine:", ":execution:") + f":{self.run_id}"
        told = client.describe_execution(executionArn=arn)
        engine = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][REGION]
        events = engine.get_execution_history(arn)["events"]  # to ask the API takes longer than the run
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        exits = [event["stateExitedEventDetails"] for event in events if "stateExitedEventDetails" in event]
        reason = (told.get("error", ""), told.get("cause", ""))
        return Outcome(told["status"], entered, json.loads(exits[-1]["output"]), *reason)


_as_text = StateTaskServiceSfn._normalise_parameters


def with_names_of_the_api(service: Any, parameters: dict[str, Any], *told: Any, **named: Any) -> None:
    """`StateMachineArn` as `stateMachineArn`, which is what the API calls it; and a name, which AWS would make up."""
    _as_text(service, parameters, *told, **named)
    renamed = {name[0].lower() + name[1:]: value for name, value in parameters.items()}
    parameters.clear()
    parameters.update({"name": str(uuid.uuid4())} | renamed)


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:{name}"
