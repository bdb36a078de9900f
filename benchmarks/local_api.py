"""The serving API as the local cloud has it: its front, its function processes, its queues; without the stacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.served_model import PIPELINE, ServedModel
from contender.pipeline.serving_policy import ServingPolicy
from localcloud import emulator
from localcloud.assembly import zip_folder
from localcloud.connection import client
from localcloud.preloaded import FUNCTIONS
from localcloud.processes import group_members, wait_until
from localcloud.state import ACCOUNT, REGION, Workspace
from stacks.bundle import write_bundle

ROOT = Path(__file__).parent.parent
FUNCTION, BUCKET, TABLE = "serve", "models", "predictions"
ROUTES = ("POST /v1/predict", "GET /v1/model")
START_SECONDS = 60.0
AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/execute-api/aws4_request, SignedHeaders=host"


@dataclass
class LocalApi:
    """A serving API that runs.

    Attributes
    ----------
    pid : of the emulator, which leads a process group with all functions.
    """

    pid: int
    port: int
    api: str
    log_url: str

    @property
    def path(self) -> str:
        """What comes before a route."""
        return f"/_aws/execute-api/{self.api}/$default"

    @property
    def url(self) -> str:
        return emulator.endpoint(self.port) + self.path

    def client(self, service: str) -> Any:
        return client(service, emulator.endpoint(self.port))

    def logged(self) -> int:
        """How many messages wait in the queue of the prediction log."""
        names = ["ApproximateNumberOfMessages"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.log_url, AttributeNames=names)
        return int(found["Attributes"][names[0]])

    def limit(self, policy: ServingPolicy) -> None:
        """Set the throttling of the stage, as a deployment does."""
        settings = {"ThrottlingRateLimit": policy.requests_per_second, "ThrottlingBurstLimit": policy.burst}
        self.client("apigatewayv2").update_stage(ApiId=self.api, StageName="$default", DefaultRouteSettings=settings)

    def resident_mib(self) -> float:
        """Memory of the emulator and all functions: the sum of what each has for its own and its part of the rest."""
        return sum(map(_proportional_kib, group_members(self.pid))) / 1024


@contextmanager
def local_api(model: ServedModel, folder: Path, policy: ServingPolicy) -> Iterator[LocalApi]:
    """An emulator with the serving function behind an HTTP API; it is stopped at the end, whatever happens."""
    for name in FUNCTIONS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    workspace, port = Workspace(folder), emulator.free_port()
    record = emulator.start(workspace, port)
    try:
        emulator.wait_until_healthy(workspace, record, port)
        yield _deployed(LocalApi(record.pid, port, "", ""), model, folder, policy)
    finally:
        emulator.stop(record)


def _deployed(running: LocalApi, model: ServedModel, folder: Path, policy: ServingPolicy) -> LocalApi:
    """What the stacks of serving and of the prediction log make, as far as a prediction needs it."""
    s3, sqs = running.client("s3"), running.client("sqs")
    s3.create_bucket(Bucket=BUCKET)
    for key, body in model.bucket.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    log_url = sqs.create_queue(QueueName="log")["QueueUrl"]
    running.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    functions, code = running.client("lambda"), folder / "bundle"
    write_bundle(ROOT, None, code)
    functions.create_function(
        FunctionName=FUNCTION,
        Runtime="python3.13",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{FUNCTION}",
        Handler="lambdas.serve.handler.handler",
        MemorySize=1024,
        Timeout=10,
        Code={"ZipFile": zip_folder(code)},
        Environment={
            "Variables": {
                "PIPELINE": PIPELINE,
                "MODEL_BUCKET": BUCKET,
                "PREDICTIONS_TABLE": TABLE,
                "PREDICTION_LOG_URL": log_url,
                "FEEDBACK_URL": sqs.create_queue(QueueName="feedback")["QueueUrl"],
                "ASYNC_URL": sqs.create_queue(QueueName="async.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"],
                "SERVING_POLICY": policy.to_json(),
                "POWERTOOLS_SERVICE_NAME": FUNCTION,
                "POWERTOOLS_METRICS_NAMESPACE": "Contender",
                "POWERTOOLS_TRACE_DISABLED": "true",
            }
        },
    )
    wait_until(lambda: _is_active(functions), seconds=START_SECONDS)
    return LocalApi(running.pid, running.port, _http_api(running), log_url)


def _is_active(functions: Any) -> bool:
    return bool(functions.get_function(FunctionName=FUNCTION)["Configuration"]["State"] == "Active")


def _http_api(running: LocalApi) -> str:
    gateway = running.client("apigatewayv2")
    api = str(gateway.create_api(Name=FUNCTION, ProtocolType="HTTP")["ApiId"])
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        PayloadFormatVersion="2.0",
        IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}",
    )["IntegrationId"]
    for route in ROUTES:
        target = f"integrations/{integration}"
        gateway.create_route(ApiId=api, RouteKey=route, Target=target, AuthorizationType="AWS_IAM")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return api


def _proportional_kib(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
        return float(rollup.split("\nPss:")[1].split()[0])
    except (OSError, IndexError):
        return 0.0
