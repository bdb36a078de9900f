"""Functions as Lambda starts them, cold, on AWS in this process."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import boto3
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.sns.models import Subscription

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.pipeline.serving_policy import ServingPolicy
from contender.workflow.run_folder import BATCHES, RunFolder
from tests.aws_in_process import Held
from tests.conftest import REGION, create_bucket, create_runs_table, create_table
from tests.permissions.fixtures import permitted, pytest_sessionfinish  # noqa: F401 - pytest finds them here
from tests.permissions.recorder import TRAINING, listen, recorder
from tests.trained_once import trained_once

PIPELINE = "shop"
PIPELINE_FILE = """
name = "shop"
task = "binary"
target = "late"
positive = "true"
time = "ordered_at"
row_id = "order"
numeric = ["amount"]
categorical = ["carrier"]

[training]
estimator = "linear"
holdout_blocks = 3
retrain_wait = 0.0
retrain_loss_rise = 0.0
suspect_batches = "train"

[promotion]
min_rows = 20
min_blocks = 2
n_resamples = 100
"""
MACHINE = f"arn:aws:states:{REGION}:{DEFAULT_ACCOUNT_ID}:stateMachine:contender-test-shop-continuous-training"
TOPIC = f"arn:aws:sns:{REGION}:{DEFAULT_ACCOUNT_ID}:alerts"
QUEUES = {"PREDICTION_LOG_URL": "log", "FEEDBACK_URL": "feedback", "ASYNC_URL": "async.fifo"}
"""By the variable that has a queue's address."""
_starts = count()
"""A logger writes to the standard output that it found first, and is found again by its service's name."""
PROVEN = PIPELINE_FILE.replace("min_rows", 'rule = "proven"\nmin_rows')
STRICT = PROVEN.replace("min_rows = 20", "min_rows = 100")
STARTED_AT = "2026-01-01T00:00:00.000Z"


STATELESS = ("lambdas.serve",)
"""What reads no variables when it is imported, but for its handler: it is imported once."""


@cache
def signing_key() -> RSAPrivateKey:
    """Of all subscriptions to topics: to make a key takes a tenth of a second."""
    return generate_private_key(public_exponent=65537, key_size=2048)


listen()
Subscription.private_key = lambda _: signing_key()  # type: ignore[method-assign]


@dataclass(frozen=True)
class Context:
    """What Lambda tells a function of itself."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:function"
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass
class Cloud:
    """The buckets and the table of one environment, and the functions of one pipeline."""

    modules: dict[str, ModuleType] = field(default_factory=dict)

    @property
    def data(self) -> S3Objects:
        return S3Objects(boto3.client("s3"), "data")

    @property
    def models(self) -> S3Objects:
        return S3Objects(boto3.client("s3"), "models")

    @property
    def ledger(self) -> DynamoLedger:
        return DynamoLedger(boto3.resource("dynamodb").Table("runs"))

    def function(self, name: str) -> ModuleType:
        """The handler's module, imported at the first call as in a cold start."""
        if name not in self.modules:
            sys.modules.pop(f"lambdas.{name}.handler", None)
            with recorder.running(name):
                self.modules[name] = module = importlib.import_module(f"lambdas.{name}.handler")
            module.handler = recorder.recorded(name, module.handler)
        return self.modules[name]

    def call(self, name: str, state: dict[str, Any], *, run_id: str = "run-1") -> dict[str, Any]:
        """A function's answer, through JSON as Step Functions passes it."""
        event = {"run_id": run_id, "started_at": STARTED_AT, "state": state}
        if name == "claim":
            event["execution_arn"] = MACHINE.replace(":stateMachine:", ":execution:") + f":{run_id}"
        answer = self.function(name).handler(json.loads(json.dumps(event)), Context())
        return json.loads(json.dumps(answer))

    def upload(self, name: str, body: bytes, *, folder: str = f"incoming/{PIPELINE}") -> dict[str, Any]:
        """Put a file where it is looked for, and the input that its event gives to an execution."""
        key = f"{folder}/{name}"
        answer = boto3.client("s3").put_object(Bucket="data", Key=key, Body=body)
        return {
            "trigger": "upload",
            "pipeline": PIPELINE,
            "bucket": "data",
            "key": key,
            "version_id": answer["VersionId"],
            "etag": answer["ETag"].strip('"'),
            "sequencer": "0055AED6DCD90281E5",
            "size": len(body),
            "event_time": "2026-01-01T00:00:00Z",
        }

    def folder(self, run_id: str = "run-1") -> RunFolder:
        return RunFolder(self.data, PIPELINE, run_id)

    def claimed(self, *requests: dict[str, Any], run_id: str = "run-1") -> dict[str, Any]:
        """The state after Claim, with the uploads of these requests taken."""
        for request in requests[:-1]:
            self.call("claim", {**request}, run_id="holder")
        state = dict(requests[-1])
        return state | {"claim": self.call("claim", state, run_id=run_id)}

    def batches(self, run_id: str = "run-1") -> list[dict[str, Any]]:
        return self.folder(run_id).read(BATCHES)["batches"]


@cache
def held_after(*steps: Callable[[], Any]) -> tuple[Held, Any]:
    *before, last = steps
    if before:
        after(*before)
    answer = last()
    return Held(), answer


def after(*steps: Callable[[], Any]) -> Any:
    """AWS as it is when these were done to an empty one: they are done once for all tests that begin with them.

    Answers what the last of them did.
    """
    held, answer = held_after(*steps)
    held.put_back()
    return deepcopy(answer)


def shop_without_data() -> None:
    for bucket in ("data", "models", "assets"):
        create_bucket(bucket)
    create_runs_table()
    set_pipeline(PIPELINE_FILE)
    boto3.client("stepfunctions").create_state_machine(
        name=MACHINE.rpartition(":")[2],
        definition=json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}),
        roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/any",
    )
    assert boto3.client("sns").create_topic(Name="alerts")["TopicArn"] == TOPIC


def prediction_store() -> None:
    create_table("predictions")
    for name in QUEUES.values():
        attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        boto3.client("sqs").create_queue(QueueName=name, Attributes=attributes)


def drifted() -> dict[str, Any]:
    """A first file, of which DetectDrift has said that it is to be trained on."""
    cloud = Cloud()
    return follow(cloud, cloud.upload("january.csv", orders()), "detect_drift")


def trained() -> None:
    assert train(Cloud())


def first_champion() -> dict[str, Any]:
    cloud = Cloud()
    return follow(cloud, cloud.upload("january.csv", orders()), "record")


def undecided_challenger() -> None:
    set_pipeline(STRICT)
    cloud, turned = Cloud(), orders(480, first_day=25, seed=25, flip=True)
    second = follow(cloud, cloud.upload("february.csv", turned), "record", run_id="run-2")
    assert second["comparison"]["verdict"] == second["record"]["verdict"] == "inconclusive"


@pytest.fixture
def cloud(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    after(shop_without_data)
    for name, value in {
        "PIPELINE": PIPELINE,
        "STAGE_NAME": "contender-prod",
        "ACCOUNT_ID": DEFAULT_ACCOUNT_ID,
        "DATA_BUCKET": "data",
        "MODEL_BUCKET": "models",
        "ENVIRONMENT": "prod",
        "CELL_STYLE": '{"missing": ["NA", "?"], "decimal": ".", "day_first": false}',
        "RUNS_TABLE": "runs",
        "TRAINING_CODE": "0" * 64,
        "PIPELINE_FILE": "s3://assets/pipeline.toml",
        "PAGE_TOPIC_ARN": TOPIC.replace("alerts", "page"),
        "TICKET_TOPIC_ARN": TOPIC,
        "INFO_TOPIC_ARN": TOPIC,
        "ROLLOUT_POLICY": "{}",
        "CONTROL_WEIGHT": "0.0",
        "TASK": "binary",
        "POWERTOOLS_METRICS_NAMESPACE": "Contender",
        "POWERTOOLS_SERVICE_NAME": f"function-{next(_starts)}",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield Cloud()
    for name in [name for name in sys.modules if name.startswith("lambdas.") and not name.startswith(STATELESS)]:
        del sys.modules[name]
    sys.modules.pop("lambdas.serve.handler", None)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of AWS in this process, for what does not speak to it through boto3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def kept(cloud: Cloud, endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """A cloud with the queues and the table of predictions, where the serving function finds them."""
    after(shop_without_data, prediction_store)
    for variable, name in QUEUES.items():
        monkeypatch.setenv(variable, boto3.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])
    monkeypatch.setenv("PREDICTIONS_TABLE", "predictions")
    monkeypatch.setenv("SERVING_POLICY", ServingPolicy().to_json())
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return cloud


@pytest.fixture
def serving(kept: Cloud) -> Cloud:
    """With a model that serves."""
    from tests.handlers.serving import first_model

    after(shop_without_data, prediction_store, first_model)
    return kept


@pytest.fixture
def crowned(cloud: Cloud) -> Cloud:
    """A shop with a champion, trained on 24 days of orders."""
    after(shop_without_data, first_champion)
    return cloud


@pytest.fixture
def undecided(cloud: Cloud) -> Cloud:
    """And whose customers turned around: the challenger of run 2, which saw it, could not be told from the champion on
    30 rows, where 100 are asked for."""
    after(shop_without_data, first_champion, undecided_challenger)
    return cloud


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The metrics in the function's log, as CloudWatch reads them from it."""

    def read() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        return [line for line in lines if "_aws" in line]

    return read


@cache
def orders(rows: int = 240, *, first_day: int = 1, seed: int = 0, flip: bool = False) -> bytes:
    """A file of orders, ten a day, of which the dear ones and those of carrier B are late."""
    random = np.random.default_rng(seed)
    begin = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=first_day - 1)
    lines = ["order,ordered_at,amount,carrier,late"]
    for row in range(rows):
        amount, carrier = random.normal(50, 10), random.choice(["A", "B"])
        chance = 1 / (1 + np.exp(-((amount - 50) / 5 + 2 * (carrier == "B") - 1)))
        late = bool(random.random() < chance) != flip
        at = (begin + timedelta(hours=2.4 * row)).isoformat()
        lines.append(f"{first_day}-{row},{at},{amount:.3f},{carrier},{late}")
    return "\n".join(lines).encode()


def set_pipeline(text: str) -> None:
    boto3.client("s3").put_object(Bucket="assets", Key="pipeline.toml", Body=text.encode())


def train(cloud: Cloud, run_id: str = "run-1") -> bool:
    """The training task of a run, in this process; whether there is a model version."""
    from training_image import train as training
    from training_image.train import TrainingTask

    task = TrainingTask(
        run_id=run_id,
        pipeline=PIPELINE,
        data=cloud.data,
        models=cloud.models,
        code="0" * 64,
        image=None,
        now=lambda: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=len(cloud.models.keys("models/"))),
        elapsed=lambda: 0.0,
        report=lambda line: None,
    )
    with recorder.running(TRAINING), patch.object(training, "train", trained_once(training.train)):
        return task.run()


def follow(cloud: Cloud, request: dict[str, Any], until: str, *, run_id: str = "run-1") -> dict[str, Any]:
    """The state after a run's functions up to this one, each having answered.

    It trains whatever DetectDrift says, unless a challenger waits: then as the state machine does.
    """
    sections = {
        "claim": "claim",
        "validate_batch": "validation",
        "detect_drift": "drift",
        "evaluate_challenger": "comparison",
        "promote": "promotion",
        "record": "record",
    }
    state = dict(request)
    for name, section in sections.items():
        if name == "evaluate_challenger" and state["drift"]["waiting"]:
            state[section] = cloud.call(name, state, run_id=run_id)  # JudgeWaiting
        over = "comparison" in state and (state["comparison"]["verdict"] == "wins" or not state["drift"]["retrain"])
        if name == "evaluate_challenger" and over:
            continue
        if name == "evaluate_challenger":
            train(cloud, run_id)
        if name == "promote" and state["comparison"]["verdict"] != "wins":
            continue
        state[section] = cloud.call(name, state, run_id=run_id)
        if name == until:
            break
    return state
