"""PredictQueued on ports in memory: each request is answered once, in its group's order, and told of at least once."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from contender.errors import NotFoundError, UnknownOutcomeError
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import AsyncRequest
from contender.predictions.ids import request_id_of_key
from contender.predictions.queue_message import QueueMessage
from contender.predictions.table_items import request_key
from contender.serving.answering import Answerer
from contender.steps.predict_queued import QueuedPredictions, predict_queued
from tests.fakes import AmountModel, MemoryItemTable, MemoryLog, MemoryQueue


@dataclass
class Requests:
    """The requests of pipeline `shop`, all in memory."""

    model: AmountModel | None = field(default_factory=AmountModel)
    table: MemoryItemTable = field(default_factory=MemoryItemTable)
    log_queue: MemoryQueue = field(default_factory=MemoryQueue)
    callbacks: MemoryQueue = field(default_factory=MemoryQueue)

    def champion(self) -> AmountModel:
        if self.model is None:
            raise NotFoundError("there is no champion yet")
        return self.model

    def predict(self, *messages: QueueMessage) -> list[str]:
        """Answers the ids of the messages that come again."""
        queued = QueuedPredictions(
            "shop",
            ServingPolicy(),
            champion=self.champion,
            answerer=Answerer(max_rows=10, to_json=json.dumps, timer=lambda: 0.0),
            table=self.table,
            log_queue=self.log_queue,
            callback_queue=self.callbacks,
            callbacks_ordered=True,
            max_receives=4,
            log=MemoryLog(),
            clock=lambda: 5.0,
            timer=lambda: 0.0,
        )
        return [message.message_id for message in predict_queued(messages, queued)]

    def status(self, key: str) -> AsyncRequest:
        item = self.table.get_item(**request_key(request_id_of_key("shop", key)))
        assert item is not None
        return AsyncRequest.from_item(item)


def message(key: str, *, group: str = "g", receives: int = 1, amount: Any = 0.75) -> QueueMessage:
    content = {
        "pipeline": "shop",
        "request_id": request_id_of_key("shop", key),
        "key": key,
        "body": {"rows": [{"amount": amount}]},
        "received_at": 1.0,
    }
    return QueueMessage(key, json.dumps(content), receives, group)


def test_an_answer_is_in_the_table_in_the_log_and_in_the_callback() -> None:
    requests = Requests()
    assert requests.predict(message("a")) == []
    done = requests.status("a")
    assert done.answer is not None
    assert (done.status, done.answer["predictions"][0]["prediction"], done.finished_at) == ("done", "yes", 5.0)
    assert [json.loads(text)["source"] for text in requests.log_queue.sent] == ["async"]
    assert [json.loads(text)["answer"] for text in requests.callbacks.sent] == [done.answer]
    assert requests.callbacks.groups == ["g"]


def test_after_a_failure_a_groups_later_requests_wait_and_other_groups_go_on() -> None:
    requests = Requests(AmountModel(failures=deque([None, None, RuntimeError("no memory")])))
    groups = {"m0": "a", "m1": "b", "m2": "a", "m3": "b", "m4": "a"}
    assert requests.predict(*(message(name, group=group) for name, group in groups.items())) == ["m2", "m4"]
    assert [requests.status(name).status for name in ("m0", "m1", "m3")] == ["done"] * 3
    assert len(requests.table.items) == 3


def test_when_the_log_was_away_the_same_answer_is_sent_and_not_predicted_anew() -> None:
    requests = Requests()
    requests.log_queue.failures.append(UnknownOutcomeError("no answer"))
    assert requests.predict(message("a")) == ["a"]
    first = requests.status("a")
    requests.model = AmountModel("v2")
    assert requests.predict(message("a", receives=2)) == []
    assert requests.status("a") == first
    assert requests.log_queue.sent == list(first.messages)


def test_a_request_at_fault_is_refused_and_not_tried_again() -> None:
    requests = Requests()
    assert requests.predict(message("a", amount="dear")) == []
    assert requests.status("a").status == "failed"
    assert "rows[0].amount" in (requests.status("a").error or "")
    assert requests.log_queue.sent == []


def test_before_a_message_is_a_dead_letter_its_request_fails() -> None:
    requests = Requests(model=None)
    assert requests.predict(message("a", receives=3)) == ["a"]
    assert requests.table.items == {}
    assert requests.predict(message("a", receives=4)) == ["a"]
    assert "4 attempts (NotFoundError)" in (requests.status("a").error or "")


def test_a_request_that_was_given_up_is_answered_when_its_message_comes_again() -> None:
    requests = Requests(model=None)
    requests.predict(message("a", receives=4))
    requests.model = AmountModel()
    assert requests.predict(message("a")) == []
    assert requests.status("a").status == "done"
