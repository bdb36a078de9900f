"""PredictQueued: predicts the asynchronous requests of a FIFO queue with the champion.

The answer is written before anything is said of it, with the messages for the log: when the function ends half-way,
the message comes again, and what was answered is said again, not predicted anew. Log and callback may hear of an
answer twice; the log counts it once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from contender.errors import ContenderError
from contender.pipeline.serving_policy import ServingPolicy
from contender.ports import Log
from contender.predictions.async_requests import AsyncRequest, callback_message, completed, read_queued
from contender.predictions.log_messages import messages_of
from contender.predictions.queue_message import QueueMessage
from contender.predictions.record import ASYNC, CHAMPION, log_record
from contender.predictions.table_items import request_key
from contender.serving.answering import CALLERS_FAULTS, Answerer
from contender.serving.ports import ItemTable, Queue, ServedModel


@dataclass(frozen=True)
class QueuedPredictions:
    """One pipeline's asynchronous requests, and who hears of their answers.

    Attributes
    ----------
    champion : the model that answers now; raises when there is none.
    callback_queue : None where nobody is told. callbacks_ordered : whether it is a FIFO queue.
    max_receives : after so many deliveries a message becomes a dead letter.
    clock : epoch seconds. timer : seconds, only ever forward.
    """

    pipeline: str
    policy: ServingPolicy
    champion: Callable[[], ServedModel]
    answerer: Answerer
    table: ItemTable
    log_queue: Queue
    callback_queue: Queue | None
    callbacks_ordered: bool
    max_receives: int
    log: Log
    clock: Callable[[], float]
    timer: Callable[[], float]

    def known(self, asked: AsyncRequest) -> AsyncRequest:
        """The request as the table has it, or as it was asked."""
        item = self.table.get_item(**request_key(asked.request_id))
        return AsyncRequest.from_item(item) if item is not None else asked

    def save(self, request: AsyncRequest) -> None:
        """Write the request into the table, over what was there."""
        self.table.put_item(request.to_item(self.policy.keep_days))


def predict_queued(messages: Sequence[QueueMessage], queued: QueuedPredictions) -> list[QueueMessage]:
    """Settle the messages in order; answers those that have to come again.

    After one that fails, its group waits, so that none overtakes it.
    """
    failed: list[QueueMessage] = []
    halted: set[str] = set()
    for message in messages:
        if message.group in halted:
            failed.append(message)
            continue
        try:
            _settle(message, queued)
        except Exception as error:
            queued.log.exception("a request was not answered", message_id=message.message_id, receives=message.receives)
            if message.receives >= queued.max_receives:
                _give_up(message, error, queued)
            failed.append(message)
            halted.add(message.group)
    return failed


def _settle(message: QueueMessage, queued: QueuedPredictions) -> None:
    """See to it that a request is answered, or refused with the reason, and that log and callback hear of it."""
    asked, body = read_queued(message.body, queued.pipeline)
    known = queued.known(asked)
    if known.needs_answer:
        known = _answer(known, body, queued)
        queued.save(known)
    for text in known.messages:
        queued.log_queue.send(text)
    if queued.callback_queue is not None:
        queued.callback_queue.send(
            callback_message(known, queued.pipeline),
            group=message.group or known.key if queued.callbacks_ordered else None,
            deduplication_id=known.request_id if queued.callbacks_ordered else None,
        )


def _answer(asked: AsyncRequest, body: Any, queued: QueuedPredictions) -> AsyncRequest:
    """The request with its answer, or with what is wrong with it.

    Raises whatever keeps the model from answering: then the request is tried again.
    """
    model = queued.champion()
    started, now = queued.timer(), queued.clock()
    try:
        answered = queued.answerer.answer_body(model, body, request_id=asked.request_id, variant=CHAMPION)
    except CALLERS_FAULTS as error:
        return asked.failed(str(error), now)
    record = log_record(
        pipeline=queued.pipeline,
        request_id=asked.request_id,
        at=now,
        source=ASYNC,
        variant=CHAMPION,
        version=answered.version,
        latency_ms=(queued.timer() - started) * 1000.0,
        rows=answered.asked.rows,
        predictions=answered.predictions.tolist(),
    )
    return completed(asked, answered.text, messages_of(record, queued.policy), now, rows=len(answered.asked.rows))


def _give_up(message: QueueMessage, error: Exception, queued: QueuedPredictions) -> None:
    """Before a message becomes a dead letter: whoever asks by its id learns that nothing will come of it."""
    try:
        asked, _ = read_queued(message.body, queued.pipeline)
        known = queued.known(asked)
        if known.status == "queued":
            reason = f"it could not be predicted in {message.receives} attempts ({type(error).__name__}); send it again"
            queued.save(known.failed(reason, queued.clock()))
    except ContenderError:
        queued.log.exception("the request's status could not be written", message_id=message.message_id)
