"""Serve: answers predictions over HTTP from the champion, following the pointer."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.disk_cache import WarmFiles
from contender.adapters.serving.onnx_model import OnnxModel, load_model
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.record import CHALLENGER
from contender.registry.versions import ModelReader, ModelVersion
from contender.serving.pointer_follower import Follower
from lambdas.serve.after_answer import AfterAnswer
from lambdas.serve.http import Request
from lambdas.serve.looking_up import KeptPredictions
from lambdas.serve.predicting import Predictor, answer_with
from lambdas.serve.queueing import Waiting
from lambdas.serve.rehearsal import is_rehearsal, rehearse
from lambdas.serve.routes import Routes


@dataclass(frozen=True)
class Environment:
    pipeline: str
    model_bucket: str
    predictions_table: str
    prediction_log_url: str
    feedback_url: str
    async_url: str
    serving_policy: str


@dataclass
class CurrentRequest:
    """What is known of the request that is being answered: Lambda's id of it, and its metrics (name, unit, value)."""

    aws_request_id: str = ""
    measured: list[tuple[str, str, float]] = field(default_factory=list)


logger = Logger()
metrics = Metrics()
current = CurrentRequest()
environment = read_environment(Environment, os.environ)
policy = ServingPolicy.from_json(environment.serving_policy)
aws = LightAws(os.environ)


def report(message: str, error: Exception) -> None:
    logger.error(message, exc_info=error, function_request_id=current.aws_request_id)


def measure(name: str, unit: str, value: float) -> None:
    current.measured.append((name, unit, value))


def emit(measured: list[tuple[str, str, float]]) -> None:
    """Write the metrics of a request to the log; done when its answer is out, for it takes half as long as that."""
    for name, unit, value in measured:
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()


def load_ready(reader: ModelReader, version: ModelVersion) -> OnnxModel:
    """A loaded version whose first request is as quick as the next."""
    model = load_model(reader, version)
    _ = model.reader, model.quick_reader, model.quick_writer
    return model


def read_manifest(version: str) -> Mapping[str, Any]:
    return ModelReader(aws.objects(environment.model_bucket), environment.pipeline).read(version).manifest


metrics.set_default_dimensions(pipeline=environment.pipeline)
after_answer = AfterAnswer(os.environ, report=lambda error: report("work after an answer failed", error))
follower = Follower(
    aws.objects(environment.model_bucket),
    environment.pipeline,
    load=load_ready,
    clock=time.time,
    report=lambda error: report("the last good model serves on", error),
    trust=aws.signature_check(),
    warm=WarmFiles(Path(os.environ.get("TMPDIR", "/tmp"), f"contender-{environment.model_bucket}")),
)
table = aws.table(environment.predictions_table)
routes = Routes(
    follower=follower,
    policy=policy,
    predictor=Predictor(
        pipeline=environment.pipeline,
        policy=policy,
        log_queue=aws.queue(environment.prediction_log_url),
        after=after_answer.run,
        measure=measure,
        report=report,
        clock=time.time,
        timer=time.perf_counter,
        random=os.urandom,
    ),
    waiting=Waiting(
        pipeline=environment.pipeline,
        policy=policy,
        table=table,
        async_queue=aws.queue(environment.async_url),
        feedback_queue=aws.queue(environment.feedback_url),
        report=report,
        clock=time.time,
    ),
    kept=KeptPredictions(policy=policy, table=table, read_manifest=read_manifest, report=report),
    report=report,
    timer=time.perf_counter,
)


def rehearsed(model: OnnxModel, body: Any) -> str:
    """The answer that callers would get from this model."""
    most = policy.max_rows
    return answer_with(
        model, body, request_id="rehearsal", variant=CHALLENGER, max_rows=most, timer=time.perf_counter
    ).text


@after_answer.around
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    current.aws_request_id = context.aws_request_id
    if is_rehearsal(event):
        return rehearse(
            event, rehearsed, follower.load_version, remaining_ms=context.get_remaining_time_in_millis
        )  # fmt: skip
    current.measured = [("Requests", "Count", 1.0)]
    reply = routes.reply(Request.of_event(event))
    after_answer.run(partial(emit, current.measured))
    after_answer.run(follower.look_ahead)
    return reply.to_event()


follower.warm_up()
