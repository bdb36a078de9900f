"""PredictQueued: predicts the asynchronous requests of a FIFO queue with the champion."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.disk_cache import WarmFiles
from contender.adapters.serving.json import to_json
from contender.adapters.serving.onnx_model import load_model
from contender.pipeline.serving_policy import ServingPolicy
from contender.serving.answering import Answerer
from contender.serving.pointer_follower import Follower
from contender.steps.predict_queued import QueuedPredictions, predict_queued
from lambdas.queues import failures, read_messages
from lambdas.redacted_log import new_logger


@dataclass(frozen=True)
class Environment:
    pipeline: str
    model_bucket: str
    predictions_table: str
    prediction_log_url: str
    serving_policy: str
    max_receives: str


logger = new_logger()
environment = read_environment(Environment, os.environ)
policy = ServingPolicy.from_json(environment.serving_policy)
aws = LightAws(os.environ)
follower = Follower(
    aws.objects(environment.model_bucket),
    environment.pipeline,
    load=load_model,
    clock=time.time,
    report=lambda error: logger.error("the last good model keeps predicting", exc_info=error),
    trust=aws.signature_check(),
    warm=WarmFiles(Path(os.environ.get("TMPDIR", "/tmp"), f"contender-{environment.model_bucket}")),
)
callback_url = os.environ.get("CALLBACK_QUEUE_URL", "")
queued = QueuedPredictions(
    environment.pipeline,
    policy,
    champion=lambda: follower.current().model,
    answerer=Answerer(max_rows=policy.max_rows, to_json=to_json, timer=time.perf_counter),
    table=aws.table(environment.predictions_table),
    log_queue=aws.queue(environment.prediction_log_url),
    callback_queue=aws.queue(callback_url) if callback_url else None,
    callbacks_ordered=callback_url.endswith(".fifo"),
    max_receives=int(environment.max_receives),
    log=logger,
    clock=time.time,
    timer=time.perf_counter,
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    return failures(predict_queued(read_messages(event), queued))
