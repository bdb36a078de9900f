"""Serve: answers predictions over HTTP with the champion."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.serving.onnx_model import OnnxModel
from contender.predictions.record import CHALLENGER
from lambdas.serve.after_answer import AfterAnswer
from lambdas.serve.composition import compose
from lambdas.serve.http import Request
from lambdas.serve.places import Environment, places_of
from lambdas.serve.rehearsal import is_rehearsal, rehearse
from lambdas.serve.request_log import RequestLog

environment = read_environment(Environment, os.environ)
log = RequestLog(environment.pipeline)
after_answer = AfterAnswer(os.environ, report=lambda error: log.report("work after an answer failed", error))
service = compose(
    environment,
    places_of(environment, os.environ),
    after=after_answer.run,
    measure=log.measure,
    report=log.report,
)


def rehearsed(model: OnnxModel, body: Any) -> str:
    """The answer that callers would get from this model."""
    return service.answerer.answer_body(model, body, request_id="rehearsal", variant=CHALLENGER).text


@after_answer.around
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    log.begin(context.aws_request_id)
    if is_rehearsal(event):
        return rehearse(
            event, rehearsed, service.follower.load_version, remaining_ms=context.get_remaining_time_in_millis
        )
    log.measure("Requests", "Count", 1.0)
    reply = service.routes.reply(Request.of_event(event))
    after_answer.run(log.emission())
    after_answer.run(service.follower.look_ahead)
    return reply.to_event()


service.follower.warm_up()
