"""Builds the serving function: model and routes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contender.adapters.serving.json import parse_json, to_json
from contender.adapters.serving.onnx_model import OnnxModel, load_model
from contender.pipeline.serving_policy import ServingPolicy
from contender.registry.manifests import Manifests
from contender.registry.versions import ModelReader, ModelVersion
from contender.serving.answering import Answerer
from contender.serving.pointer_follower import Follower
from contender.serving.predictor import Predictor
from contender.serving.request_contract import RequestContract
from lambdas.serve.after_answer import Work
from lambdas.serve.looking_up import KeptPredictions
from lambdas.serve.places import Environment, Places
from lambdas.serve.queueing import Waiting
from lambdas.serve.routes import Routes

if TYPE_CHECKING:  # serving starts without loading the ports
    from contender.serving.ports import Report


@dataclass(frozen=True)
class Service:
    """What answers requests, what follows the pointer, and what answers with one given model."""

    routes: Routes
    follower: Follower[OnnxModel]
    answerer: Answerer


def compose(
    environment: Environment,
    places: Places,
    *,
    after: Callable[[Work], None],
    measure: Callable[[str, str, float], None],
    report: Report,
) -> Service:
    """Build all of it; nothing is asked of AWS yet.

    `after`, `measure` and `report` are those of `Predictor`.
    """
    policy = ServingPolicy.from_json(environment.serving_policy)
    follower = Follower(
        places.models,
        environment.pipeline,
        load=_load_ready,
        clock=time.time,
        report=lambda error: report("the last good model keeps serving", error),
        trust=places.trust,
        warm=places.warm,
    )
    contract = RequestContract.from_text(environment.request_contract)
    answerer = Answerer(max_rows=policy.max_rows, to_json=to_json, timer=time.perf_counter)
    predictor = Predictor(
        pipeline=environment.pipeline,
        policy=policy,
        answerer=answerer,
        log_queue=places.log_queue,
        parse_json=parse_json,
        after=after,
        measure=measure,
        report=report,
        clock=time.time,
        timer=time.perf_counter,
        random=os.urandom,
        contract=contract,
    )
    waiting = Waiting(
        pipeline=environment.pipeline,
        policy=policy,
        table=places.table,
        async_queue=places.async_queue,
        feedback_queue=places.feedback_queue,
        report=report,
        clock=time.time,
        contract=contract,
    )
    manifests = Manifests(ModelReader(places.models, environment.pipeline), most=8)
    routes = Routes(
        follower=follower,
        policy=policy,
        predictor=predictor,
        waiting=waiting,
        kept=KeptPredictions(policy=policy, table=places.table, manifests=manifests, report=report),
        report=report,
        timer=time.perf_counter,
    )
    return Service(routes, follower, answerer)


def _load_ready(reader: ModelReader, version: ModelVersion) -> OnnxModel:
    """A loaded version whose first request is as quick as the next."""
    model = load_model(reader, version)
    _ = model.reader, model.quick_reader, model.quick_writer
    return model
