"""The API against its own OpenAPI document: schemathesis makes up requests, good and bad, and looks at every answer.

No answer is a 5xx, every status and body is a documented one, what the document allows is taken and what it does not
is refused. The function is the real one, with a real graph; AWS is in this process.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import boto3
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from contender.pipeline.serving_policy import ServingPolicy
from contender.registry.versions import MODEL, ModelRegistry
from tests.aws_in_process import empty_aws
from tests.conftest import REGION, create_bucket, create_table
from tests.handlers.conftest import Cloud, Context
from tests.handlers.serving import MANIFEST
from tests.models import crown

StartResponse = Callable[[str, list[tuple[str, str]]], object]

SETTINGS = """
[checks]
# API Gateway refuses who is not authorised, with a 403 for whatever is missing, before the function is called.
ignored_auth.enabled = false
missing_required_header.enabled = false

[[operations]]
# Items may be as the document says, and too old or of no known class all the same.
include-path = "/v1/feedback"
checks.positive_data_acceptance.expected-statuses = ["202", "422"]
"""
THE_SAME_EACH_TIME = """
[generation]
deterministic = true
max-examples = 20
"""
SLOW_AWS = """
[checks.not_a_server_error]
# For as long as this takes, AWS in this process may be too slow for the function's patience; the document has the 503.
expected-statuses = ["2xx", "4xx", "503"]
"""
FUZZ_SECONDS = int(os.environ.get("CONTENDER_FUZZ_SECONDS", "10"))
"""For how long `make fuzz` sends sequences of requests, others each time."""
FUZZ_LOG = os.environ.get("CONTENDER_FUZZ_LOG", "")
"""Where it writes what schemathesis said."""


def graph() -> bytes:
    """P(true) is a sigmoid of the features, a missing one taken for 0, none for more than 10: finite for any row."""
    nodes = [
        helper.make_node("IsNaN", ["input"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "input"], ["known"]),
        helper.make_node("Clip", ["known", "least", "most"], ["clipped"]),
        helper.make_node("MatMul", ["clipped", "weights"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["true"]),
        helper.make_node("Sub", ["one", "true"], ["false"]),
        helper.make_node("Concat", ["false", "true"], ["probabilities"], axis=1),
    ]
    constants = {"zero": 0.0, "one": 1.0, "least": -10.0, "most": 10.0}
    weights = np.array([[0.2], [-1.0]], dtype=np.float32)
    content = helper.make_graph(
        nodes,
        "sigmoid",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [
            numpy_helper.from_array(weights, "weights"),
            *(numpy_helper.from_array(np.array(value, dtype=np.float32), name) for name, value in constants.items()),
        ],
    )
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


class Gateway:
    """Calls the function for a request that is authorised, as API Gateway does, on WSGI."""

    def __init__(self, handler: Callable[[Any, Any], dict[str, Any]]) -> None:
        self._handler = handler

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        method = environ["REQUEST_METHOD"]
        if "authorization" not in headers:
            start_response("403 x", [("content-type", "application/json")])
            return [b'{"message":"Forbidden"}']
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": headers,
            "requestContext": {"http": {"method": method, "path": path}},
            "body": base64.b64encode(body).decode() if body else None,
            "isBase64Encoded": bool(body),
        }
        answer = self._handler(event, Context())
        start_response(f"{answer['statusCode']} x", list(answer["headers"].items()))
        return [answer["body"].encode()]


@pytest.fixture(scope="module")
def gateway(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The function in a cloud of its own, with a champion."""
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        # For each service: the general one is removed for every test.
        **{f"AWS_ENDPOINT_URL_{service}": endpoint for service in ("S3", "SQS", "DYNAMODB")},
        "TMPDIR": str(tmp_path_factory.mktemp("contract")),
        "PIPELINE": "shop",
        "MODEL_BUCKET": "models",
        "PREDICTIONS_TABLE": "predictions",
        "SERVING_POLICY": ServingPolicy().to_json(),
        "POWERTOOLS_METRICS_NAMESPACE": "Contender",
        "POWERTOOLS_SERVICE_NAME": f"contract-{time.monotonic_ns()}",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch, empty_aws():
        for name, value in variables.items():
            patch.setenv(name, value)
        create_bucket("models")
        create_table("predictions")
        sqs = boto3.client("sqs")
        for variable, name in {"PREDICTION_LOG_URL": "log", "FEEDBACK_URL": "feedback"}.items():
            patch.setenv(variable, sqs.create_queue(QueueName=name)["QueueUrl"])
        fifo = sqs.create_queue(QueueName="async.fifo", Attributes={"FifoQueue": "true"})
        patch.setenv("ASYNC_URL", fifo["QueueUrl"])
        cloud = Cloud()
        crown(cloud.models, ModelRegistry(cloud.models, "shop").write(MANIFEST, {MODEL: graph()}))
        yield Gateway(cloud.function("serve").handler)


@pytest.fixture(scope="module")
def url(gateway: Gateway) -> Iterator[str]:
    """The gateway on HTTP."""
    server = make_server("127.0.0.1", 0, gateway, handler_class=Quiet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def schemathesis(url: str, folder: Path, verb: str, *options: str, settings: str) -> None:
    """Ask the API as its document says, and otherwise; fails with what schemathesis found."""
    config = folder / "schemathesis.toml"
    config.write_text(settings, "utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), verb, f"{url}/openapi.json"]
    command += ["--no-color", "--continue-on-failure", "--header", "authorization:signed", *options]
    environment = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if FUZZ_LOG:
        Path(FUZZ_LOG).write_text(done.stdout, "utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_answer_to_made_up_requests_is_as_the_document_says(url: str, tmp_path: Path) -> None:
    """Examples, all bounds of all schemas, random bodies good and bad, and requests that follow from each other."""
    schemathesis(url, tmp_path, "run", settings=THE_SAME_EACH_TIME + SETTINGS)


@pytest.mark.fuzz
def test_sequences_of_made_up_requests_are_answered_as_the_document_says(url: str, tmp_path: Path) -> None:
    schemathesis(url, tmp_path, "fuzz", "--max-time", str(FUZZ_SECONDS), settings=SETTINGS + SLOW_AWS)
