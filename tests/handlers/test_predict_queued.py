"""PredictQueued: a request is answered once, in its group's order; what cannot be answered says why to who asks."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from contender.predictions.async_requests import AsyncRequest
from contender.predictions.ids import request_id_of_key
from contender.predictions.record import Record
from contender.predictions.table_items import request_key
from tests.handlers.conftest import Cloud
from tests.handlers.queued import AT, deliver
from tests.handlers.serving import ROW, ask, crown, taken


@pytest.fixture
def queued(kept: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("MAX_RECEIVES", "4")
    crown(kept, "v1", 0.01)
    return kept


def message(key: str, *rows: Any, **changes: Any) -> str:
    content = {
        "pipeline": "shop",
        "request_id": request_id_of_key("shop", key),
        "key": key,
        "body": {"rows": list(rows) or [ROW]},
        "received_at": AT,
    }
    return json.dumps({**content, **changes})


def status(key: str) -> AsyncRequest:
    found = boto3.resource("dynamodb").Table("predictions").get_item(Key=request_key(request_id_of_key("shop", key)))
    return AsyncRequest.from_item(found["Item"])


def logged() -> list[Record]:
    found = taken("log")
    for one in found:
        del one["attributes"]
    return [Record.from_json(json.dumps(one)) for one in found]


def test_an_asynchronous_request_is_answered_logged_and_found_by_its_id(queued: Cloud) -> None:
    code, accepted = ask(queued, "POST", "/v1/predict-async", {"rows": [ROW], "key": "order-1"})
    assert (code, accepted["status"]) == (202, "queued")
    (sent,) = taken("async.fifo")
    del sent["attributes"]
    assert deliver(queued, "predict_queued", json.dumps(sent), group="g") == []
    done = status("order-1")
    assert (done.status, done.request_id) == ("done", accepted["prediction_id"])
    assert done.answer is not None
    assert done.answer["model_version"] == "v1"
    (record,) = logged()
    assert (record.source, record.version, record.rows, record.request_id) == ("async", "v1", [ROW], done.request_id)
    code, found = ask(queued, "GET", f"/v1/predictions/{accepted['prediction_id']}")
    assert (code, found["status"], found["model_version"]) == (200, "done", "v1")


def test_what_comes_again_is_said_again_and_not_predicted_anew(queued: Cloud) -> None:
    deliver(queued, "predict_queued", message("a"))
    first = status("a")
    crown(queued, "v2", 0.02)
    queued.function("predict_queued").follower._looked_at = float("-inf")
    assert deliver(queued, "predict_queued", message("a"), receives=2) == []
    assert status("a") == first
    assert [record.version for record in logged()] == ["v1", "v1"]


def test_rows_that_the_model_does_not_take_are_refused_by_the_field(queued: Cloud) -> None:
    assert deliver(queued, "predict_queued", message("a", {"amount": "dear", "carrier": "A"})) == []
    refused = status("a")
    assert refused.status == "failed"
    assert "rows[0].amount" in (refused.error or "")
    assert logged() == []


@pytest.mark.parametrize(
    "poison", ["no JSON", "{}", "[]", message("p", pipeline="flights"), message("p", request_id="x")]
)
def test_a_message_that_is_no_request_fails_with_what_follows_it(queued: Cloud, poison: str) -> None:
    assert deliver(queued, "predict_queued", message("a"), poison, message("b"), group="g") == [1, 2]
    assert status("a").status == "done"


def test_without_a_champion_a_request_is_tried_again_and_at_last_given_up(
    kept: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_RECEIVES", "4")
    assert deliver(kept, "predict_queued", message("a"), receives=3) == [0]
    assert deliver(kept, "predict_queued", message("a"), receives=4) == [0]
    given_up = status("a")
    assert given_up.status == "failed"
    assert "4 attempts" in (given_up.error or "")
    crown(kept, "v1", 0.01)
    kept.function("predict_queued").follower._looked_at = float("-inf")
    assert deliver(kept, "predict_queued", message("a"), receives=1) == []  # redriven from the dead letters
    assert status("a").status == "done"


def test_a_model_that_is_not_signed_predicts_nothing_where_a_key_is_set(
    queued: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = boto3.client("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["Arn"]
    monkeypatch.setenv("SIGNING_KEY_ID", key)
    assert deliver(queued, "predict_queued", message("a")) == [0]
    assert logged() == []


def test_an_answer_that_could_not_be_logged_is_logged_when_it_comes_again(
    queued: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = queued.function("predict_queued")
    with monkeypatch.context() as away:

        def fail(*_: object, **__: object) -> None:
            raise ConnectionError("no route")

        away.setattr(module.queued.log_queue, "send", fail)
        assert deliver(queued, "predict_queued", message("a")) == [0]
    assert logged() == []
    assert deliver(queued, "predict_queued", message("a"), receives=2) == []
    assert [record.request_id for record in logged()] == [request_id_of_key("shop", "a")]


def test_the_callback_queue_is_told_of_answers_and_refusals(queued: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    url = boto3.client("sqs").create_queue(QueueName="told.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setenv("CALLBACK_QUEUE_URL", url)
    deliver(queued, "predict_queued", message("a"), message("b", {}), group="g")
    first, second = taken("told.fifo")
    assert (first["key"], first["status"], first["answer"]["model_version"]) == ("a", "done", "v1")
    assert (second["key"], second["status"], second["answer"]) == ("b", "failed", None)
    assert first["attributes"]["MessageGroupId"] == "g"


def test_an_answer_too_large_for_the_table_is_refused_with_the_way_out(
    queued: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contender.predictions.async_requests.MAX_KEPT_BYTES", 100)
    assert deliver(queued, "predict_queued", message("a")) == []
    assert status("a").status == "failed"
    assert "1 rows is too large" in (status("a").error or "")
