"""Serve: answers predictions over HTTP from the champion, following the pointer."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.onnx_model import load_model
from contender.adapters.s3 import S3Objects
from contender.errors import InvalidInputError, NotFoundError
from contender.following import Follower
from contender.serving import answer, describe_model, parse_rows


@dataclass(frozen=True)
class Environment:
    pipeline: str
    model_bucket: str


logger = Logger()
tracer = Tracer()
metrics = Metrics()
environment = read_environment(Environment, os.environ)
follower = Follower(
    S3Objects(boto3.client("s3"), environment.model_bucket),
    environment.pipeline,
    load=load_model,
    clock=time.monotonic,
    report=lambda error: logger.error("the last good model serves on", exc_info=error),
)
app = APIGatewayHttpResolver()


@app.post("/v1/predict")
def predict() -> dict[str, Any]:
    started = time.perf_counter()
    serving = follower.current()
    table = parse_rows(parse_body(), serving.model.manifest)
    body = answer(serving.model.predict(table), serving.model.manifest, str(uuid.uuid4()))
    metrics.add_metric(name="Predictions", unit=MetricUnit.Count, value=len(table))
    metrics.add_metric(
        name="PredictLatency", unit=MetricUnit.Milliseconds, value=(time.perf_counter() - started) * 1000
    )
    return body


@app.get("/v1/model")
def model() -> dict[str, Any]:
    serving = follower.current()
    return describe_model(serving.model.manifest, since=serving.pointer.swapped_at, previous=serving.pointer.previous)


@app.get("/health")
def health() -> dict[str, Any]:
    return {"status": "ok", "model_version": follower.current().model.version}


def parse_body() -> Any:
    try:
        return json.loads(app.current_event.decoded_body or "")
    except (ValueError, RecursionError) as error:  # bad JSON, bad text, bad base64, a number of 5,000 digits
        raise InvalidInputError(f"the body is not JSON: {error}") from None


@app.exception_handler(InvalidInputError)
def refuse(error: InvalidInputError) -> Response[str]:
    return problem(400, str(error))


@app.exception_handler(NotFoundError)
def not_ready(error: NotFoundError) -> Response[str]:
    return problem(503, str(error))


def problem(status: int, message: str) -> Response[str]:
    return Response(status, content_types.APPLICATION_JSON, json.dumps({"error": message}))


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(default_dimensions={"pipeline": environment.pipeline})
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    metrics.add_metric(name="Requests", unit=MetricUnit.Count, value=1)
    return app.resolve(event, context)
