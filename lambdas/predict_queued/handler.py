"""PredictQueued: predicts the asynchronous requests of a FIFO queue with the champion.

The answer is written before anything is said of it, with the messages for the log: when the function ends half-way,
the message comes again, and what was answered is said again, not predicted anew. Log and callback may hear of an
answer twice; the log counts it once.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.light_aws.services import LightAws
from contender.adapters.serving.disk_cache import WarmFiles
from contender.adapters.serving.onnx_model import load_model
from contender.errors import ContenderError, InvalidInputError, NoAnswerError, TooLargeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import AsyncRequest, body_sha256
from contender.predictions.ids import parse_prediction_id
from contender.predictions.log_messages import messages_of
from contender.predictions.record import ASYNC, CHAMPION, log_record
from contender.predictions.table_items import request_key
from contender.serving.pointer_follower import Follower
from lambdas.queues import QueueMessage, failures, read_messages
from lambdas.serve.http import ProblemError
from lambdas.serve.predicting import answer_with

FIFO = ".fifo"
MAX_CALLBACK_BYTES = 200_000
MAX_KEPT_BYTES = 390_000
"""Of an answer and its log, packed: an item of the table takes 400 KB in all."""
_CALLERS_FAULTS = (InvalidInputError, TooLargeError, NoAnswerError, ProblemError)


@dataclass(frozen=True)
class Environment:
    pipeline: str
    model_bucket: str
    predictions_table: str
    prediction_log_url: str
    serving_policy: str
    max_receives: str


class UnreadableError(ContenderError):
    """Raised when a message is no request: it will never be one, and nobody's status can say so."""


logger = Logger()
environment = read_environment(Environment, os.environ)
policy = ServingPolicy.from_json(environment.serving_policy)
aws = LightAws(os.environ)
follower = Follower(
    aws.objects(environment.model_bucket),
    environment.pipeline,
    load=load_model,
    clock=time.time,
    report=lambda error: logger.error("the last good model predicts on", exc_info=error),
    trust=aws.signature_check(),
    warm=WarmFiles(Path(os.environ.get("TMPDIR", "/tmp"), f"contender-{environment.model_bucket}")),
)
table = aws.table(environment.predictions_table)
log_queue = aws.queue(environment.prediction_log_url)
callback_url = os.environ.get("CALLBACK_QUEUE_URL", "")
callback_queue = aws.queue(callback_url) if callback_url else None
MAX_RECEIVES = int(environment.max_receives)


def read_request(message: QueueMessage) -> tuple[AsyncRequest, Any]:
    """The request in a message, and its body."""
    try:
        content = json.loads(message.body)
        if content["pipeline"] != environment.pipeline:
            raise UnreadableError(f"the request is for pipeline {content['pipeline']!r}, not {environment.pipeline!r}")
        request_id = parse_prediction_id(content["request_id"]).request_id
        body, key, received_at = content["body"], str(content["key"]), float(content["received_at"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableError(f"the message is no asynchronous request: {type(error).__name__}: {error}") from None
    return AsyncRequest(request_id, key, body_sha256(body), received_at), body


def settle(message: QueueMessage) -> None:
    """See to it that a request is answered, or refused with the reason, and that log and callback hear of it."""
    asked, body = read_request(message)
    item = table.get(**request_key(asked.request_id))
    known = AsyncRequest.from_item(item) if item is not None else asked
    if known.status == "queued" or (known.status == "failed" and not known.messages):
        known = predict(known, body)
        table.put(known.to_item(policy.keep_days))
    for text in known.messages:
        log_queue.send(text)
    if callback_queue is not None:
        is_ordered = callback_url.endswith(FIFO)
        callback_queue.send(
            callback_message(known),
            group=message.group or known.key if is_ordered else None,
            deduplication_id=known.request_id if is_ordered else None,
        )


def predict(asked: AsyncRequest, body: Any) -> AsyncRequest:
    """The request with its answer, or with what is wrong with it.

    Raises whatever keeps the model from answering: then the request is tried again.
    """
    model = follower.current().model
    started, now = time.perf_counter(), time.time()
    try:
        answered = answer_with(
            model,
            body,
            request_id=asked.request_id,
            variant=CHAMPION,
            max_rows=policy.max_rows,
            timer=time.perf_counter,
        )
    except _CALLERS_FAULTS as error:
        return replace(asked, status="failed", error=str(error), finished_at=now)
    record = log_record(
        pipeline=environment.pipeline,
        request_id=asked.request_id,
        at=now,
        source=ASYNC,
        variant=CHAMPION,
        version=model.version,
        latency_ms=(time.perf_counter() - started) * 1000.0,
        rows=answered.asked.rows,
        predictions=answered.predictions.tolist(),
    )
    done = replace(
        asked,
        status="done",
        answer=json.loads(answered.text),
        error=None,
        finished_at=now,
        messages=messages_of(record, policy),
    )
    if len(done.to_item(policy.keep_days)["body"]) <= MAX_KEPT_BYTES:
        return done
    many = len(answered.asked.rows)
    reason = f"the answer to {many} rows is too large to be kept; send fewer at once, or a file to the batch folder"
    return replace(asked, status="failed", error=reason, finished_at=now)


def callback_message(settled: AsyncRequest) -> str:
    """What the callback queue is told: the answer itself where it fits, else only where to get it."""
    content = {
        "pipeline": environment.pipeline,
        "prediction_id": settled.request_id,
        "key": settled.key,
        "status": settled.status,
        "error": settled.error,
        "answer": settled.answer,
    }
    text = json.dumps(content, separators=(",", ":"))
    return text if len(text) <= MAX_CALLBACK_BYTES else json.dumps({**content, "answer": None}, separators=(",", ":"))


def give_up(message: QueueMessage, error: Exception) -> None:
    """Before a message becomes a dead letter: whoever asks by its id learns that nothing will come of it."""
    try:
        asked, _ = read_request(message)
        item = table.get(**request_key(asked.request_id))
        known = AsyncRequest.from_item(item) if item is not None else asked
        if known.status == "queued":
            reason = f"it could not be predicted in {message.receives} attempts ({type(error).__name__}); send it again"
            table.put(replace(known, status="failed", error=reason, finished_at=time.time()).to_item(policy.keep_days))
    except ContenderError:
        logger.exception("the request's status could not be written", message_id=message.message_id)


def work_off(messages: Sequence[QueueMessage], attempt: Callable[[QueueMessage], None] = settle) -> list[QueueMessage]:
    """Settle the messages in order; after one that fails, its group waits, so that none overtakes it."""
    failed: list[QueueMessage] = []
    halted: set[str] = set()
    for message in messages:
        if message.group in halted:
            failed.append(message)
            continue
        try:
            attempt(message)
        except Exception as error:
            logger.exception("a request was not answered", message_id=message.message_id, receives=message.receives)
            if message.receives >= MAX_RECEIVES:
                give_up(message, error)
            failed.append(message)
            halted.add(message.group)
    return failed


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    return failures(work_off(read_messages(event)))
