"""Builds the serving function: environment, clients, model and routes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.disk_cache import WarmFiles
from contender.adapters.serving.json import parse_json, to_json
from contender.adapters.serving.onnx_model import OnnxModel, load_model
from contender.pipeline.serving_policy import ServingPolicy
from contender.registry.manifests import Manifests
from contender.registry.versions import ModelReader, ModelVersion
from contender.serving.answering import Answerer
from contender.serving.pointer_follower import Follower
from contender.serving.predictor import Predictor
from lambdas.serve.after_answer import Work
from lambdas.serve.looking_up import KeptPredictions
from lambdas.serve.queueing import Waiting
from lambdas.serve.routes import Routes

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import Report


@dataclass(frozen=True)
class Environment:
    pipeline: str
    model_bucket: str
    predictions_table: str
    prediction_log_url: str
    feedback_url: str
    async_url: str
    serving_policy: str


@dataclass(frozen=True)
class Service:
    """What answers requests, what follows the pointer, and what answers with one given model."""

    routes: Routes
    follower: Follower[OnnxModel]
    answerer: Answerer


def compose(
    environment: Environment,
    variables: Mapping[str, str],
    *,
    after: Callable[[Work], None],
    measure: Callable[[str, str, float], None],
    report: Report,
) -> Service:
    """Build all of it; nothing is asked of AWS yet.

    `variables` name region, credentials and endpoints; `after`, `measure` and `report` are those of `Predictor`.
    """
    policy = ServingPolicy.from_json(environment.serving_policy)
    aws = LightAws(variables)
    follower = Follower(
        aws.objects(environment.model_bucket),
        environment.pipeline,
        load=_load_ready,
        clock=time.time,
        report=lambda error: report("the last good model keeps serving", error),
        trust=aws.signature_check(),
        warm=WarmFiles(Path(variables.get("TMPDIR", "/tmp"), f"contender-{environment.model_bucket}")),
    )
    answerer = Answerer(max_rows=policy.max_rows, to_json=to_json, timer=time.perf_counter)
    table = aws.table(environment.predictions_table)
    predictor = Predictor(
        pipeline=environment.pipeline,
        policy=policy,
        answerer=answerer,
        log_queue=aws.queue(environment.prediction_log_url),
        parse_json=parse_json,
        after=after,
        measure=measure,
        report=report,
        clock=time.time,
        timer=time.perf_counter,
        random=os.urandom,
    )
    waiting = Waiting(
        pipeline=environment.pipeline,
        policy=policy,
        table=table,
        async_queue=aws.queue(environment.async_url),
        feedback_queue=aws.queue(environment.feedback_url),
        report=report,
        clock=time.time,
    )
    manifests = Manifests(ModelReader(aws.objects(environment.model_bucket), environment.pipeline), most=8)
    routes = Routes(
        follower=follower,
        policy=policy,
        predictor=predictor,
        waiting=waiting,
        kept=KeptPredictions(policy=policy, table=table, manifests=manifests, report=report),
        report=report,
        timer=time.perf_counter,
    )
    return Service(routes, follower, answerer)


def _load_ready(reader: ModelReader, version: ModelVersion) -> OnnxModel:
    """A loaded version whose first request is as quick as the next."""
    model = load_model(reader, version)
    _ = model.reader, model.quick_reader, model.quick_writer
    return model
