"""Serve as API Gateway calls it: asynchronous requests, predictions by id, ground truth, and its own documents."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import boto3
import pytest

from contender.adapters.light_aws.services import LightAws
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import AsyncRequest
from contender.predictions.callers import caller_hash
from contender.predictions.ids import new_request_id, request_id_of_key
from contender.predictions.log_messages import messages_of
from contender.predictions.record import Record, log_record
from contender.predictions.table_items import label_key, rows_item
from tests.handlers.conftest import Cloud
from tests.handlers.serving import ROW, ask, call, crown, event, look_again, predict, taken

POLICY = ServingPolicy()


def later(cloud: Cloud, key: str = "order-17", **more: Any) -> tuple[int, Any]:
    return ask(cloud, "POST", "/v1/predict-async", {"rows": [ROW], "key": key, **more})


def put(endpoint: str, item: dict[str, Any]) -> None:
    LightAws({"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, **KEYS}).table("predictions").put_item(item)


KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def keep(
    endpoint: str, rows: int = 1, *, error: str | None = None, policy: ServingPolicy = POLICY, version: str = "v1"
) -> str:
    """Write a prediction down as the log's consumer does; its request's id."""
    request_id = new_request_id(int(time.time() * 1000), bytes(range(10)))
    record = log_record(
        pipeline="shop",
        request_id=request_id,
        at=time.time(),
        source="sync",
        variant="champion",
        version=version,
        latency_ms=1.0,
        rows=[{**ROW, "amount": number} for number in range(rows)],
        predictions=[[0.9, 0.1]] * rows,
        error=error,
    )
    for message in messages_of(record, policy):
        put(endpoint, rows_item(Record.from_json(message), policy.keep_days))
    return request_id


# Asynchronous requests


def test_an_asynchronous_request_is_queued_under_the_id_of_its_key(serving: Cloud) -> None:
    answer = call(serving, event("POST", "/v1/predict-async", json.dumps({"rows": [ROW], "key": "order-17"})))
    request_id = request_id_of_key("shop", "order-17")
    assert (answer["statusCode"], json.loads(answer["body"])) == (
        202,
        {"prediction_id": request_id, "status": "queued"},
    )
    assert answer["headers"]["location"] == f"/v1/predictions/{request_id}"
    (message,) = taken("async.fifo")
    assert (message["pipeline"], message["request_id"], message["key"]) == ("shop", request_id, "order-17")
    assert message["body"] == {"rows": [ROW]}
    assert message["attributes"]["MessageDeduplicationId"] == request_id
    status, found = ask(serving, "GET", f"/v1/predictions/{request_id}")
    assert (status, found["status"], found["predictions"]) == (200, "queued", [])


def test_the_same_key_and_rows_are_the_same_request(serving: Cloud) -> None:
    first, second = later(serving), later(serving)
    assert first == second
    assert len(taken("async.fifo")) == 1


def test_the_same_key_with_other_rows_is_refused(serving: Cloud) -> None:
    assert later(serving)[0] == 202
    status, answer = ask(serving, "POST", "/v1/predict-async", {"rows": [ROW, ROW], "key": "order-17"})
    assert status == 409
    assert "key 'order-17' was used for other rows" in answer["error"]
    assert len(taken("async.fifo")) == 1


def test_requests_of_one_group_are_one_group_of_the_queue(serving: Cloud) -> None:
    for key, group in (("a", "one"), ("b", "one"), ("c", "two ü")):
        assert later(serving, key, group=group)[0] == 202
    first, second, third = (message["attributes"]["MessageGroupId"] for message in taken("async.fifo"))
    assert first == second != third


def test_a_request_that_was_written_down_but_not_queued_is_queued_when_it_is_sent_again(serving: Cloud) -> None:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="async.fifo")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    status, answer = later(serving)
    assert status == 503
    assert "send the request again with the same key" in answer["error"]
    sqs.create_queue(QueueName="async.fifo", Attributes={"FifoQueue": "true"})
    assert later(serving)[0] == 202
    assert len(taken("async.fifo")) == 1


def test_a_request_that_is_done_is_not_queued_again(serving: Cloud, endpoint: str) -> None:
    later(serving)
    taken("async.fifo")
    table = LightAws({"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, **KEYS}).table("predictions")
    request_id = request_id_of_key("shop", "order-17")
    item = table.get_item(request_id, "request")
    assert item is not None
    answer = {
        "model_version": "v1",
        "variant": "champion",
        "predictions": [{"prediction_id": f"{request_id}-0", "prediction": "false"}],
    }
    put(endpoint, replace(AsyncRequest.from_item(item), status="done", answer=answer, finished_at=1.0).to_item(30))
    assert later(serving) == (202, {"prediction_id": request_id, "status": "done"})
    assert taken("async.fifo") == []
    _, found = ask(serving, "GET", f"/v1/predictions/{request_id}-0")
    assert (found["status"], found["model_version"], found["at"]) == ("done", "v1", "1970-01-01T00:00:01.000+00:00")
    assert found["predictions"][0]["prediction"] == "false"
    assert ask(serving, "GET", f"/v1/predictions/{request_id}-1")[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"rows": [ROW]}, 400, "key is missing"),
        ({"rows": [ROW], "key": ""}, 400, "key must have 1 to 128 characters"),
        ({"rows": [ROW], "key": "k", "group": 7}, 400, "group must be text, but got 7"),
        ({"rows": [ROW], "key": "k", "contributions": True}, 400, "'contributions' is not a field of a request"),
        ({"rows": [ROW] * 501, "key": "k"}, 400, "rows must hold 1 to 500 rows, but got 501"),
        ({"rows": [{"amount": "x", "carrier": "A"}], "key": "k"}, 400, "rows[0].amount must be a number"),
        ({"rows": [{"amount": 1, "carrier": "ü" * 900}] * 100, "key": "k"}, 413, "200,000 can be queued"),
    ],
)
def test_a_bad_asynchronous_request_is_refused_at_once(serving: Cloud, body: Any, status: int, said: str) -> None:
    found, answer = ask(serving, "POST", "/v1/predict-async", body)
    assert (found, said in answer["error"]) == (status, True), answer
    assert taken("async.fifo") == []


# Predictions by id


def test_a_prediction_is_found_by_its_id_with_its_label(serving: Cloud, endpoint: str) -> None:
    request_id = keep(endpoint, rows=3)
    put(endpoint, {**label_key(request_id, 1), "label": "true", "received_at": "2026-01-02T00:00:00.000+00:00"})
    status, found = ask(serving, "GET", f"/v1/predictions/{request_id}-1")
    assert (status, found["status"], found["model_version"], found["error"]) == (200, "done", "v1", None)
    (row,) = found["predictions"]
    assert row["prediction_id"] == f"{request_id}-1"
    assert (row["prediction"], row["probability"], row["row"]) == ("false", 0.1, {**ROW, "amount": 1})
    assert row["label"] == {"label": "true", "observed_at": None, "received_at": "2026-01-02T00:00:00.000+00:00"}


def test_all_predictions_of_a_request_are_found_by_its_id(serving: Cloud, endpoint: str) -> None:
    request_id = keep(endpoint, rows=3)
    _, found = ask(serving, "GET", f"/v1/predictions/{request_id}")
    assert [row["row"]["amount"] for row in found["predictions"]] == [0, 1, 2]
    assert [row["label"] for row in found["predictions"]] == [None] * 3


def test_a_row_is_found_in_whichever_part_of_the_record_has_it(serving: Cloud, endpoint: str) -> None:
    request_id = keep(endpoint, rows=5_000)
    _, found = ask(serving, "GET", f"/v1/predictions/{request_id}-4321")
    assert [row["row"]["amount"] for row in found["predictions"]] == [4321]
    _, whole = ask(serving, "GET", f"/v1/predictions/{request_id}")
    assert [row["row"]["amount"] for row in whole["predictions"]] == list(range(5_000))


def test_a_prediction_of_a_version_that_serves_no_more_is_told_with_its_own_classes(kept: Cloud, endpoint: str) -> None:
    crown(kept, "v1", 0.01, classes=["no", "yes"], positive="yes")
    crown(kept, "v2", 0.01)
    _, found = ask(kept, "GET", f"/v1/predictions/{keep(endpoint)}-0")
    assert found["predictions"][0]["probabilities"] == {"no": 0.9, "yes": 0.1}


def test_a_request_that_failed_is_said_to_have_failed(serving: Cloud, endpoint: str) -> None:
    _, found = ask(serving, "GET", f"/v1/predictions/{keep(endpoint, error='RuntimeError: it broke')}")
    assert (found["status"], found["error"], found["predictions"]) == ("failed", "RuntimeError: it broke", [])


def test_what_sampling_left_out_is_not_known(serving: Cloud, endpoint: str) -> None:
    request_id = keep(endpoint, policy=ServingPolicy(log_fraction=0.0))
    assert ask(serving, "GET", f"/v1/predictions/{request_id}-0")[0] == 404


def test_an_unknown_id_and_an_unknown_row_are_not_found(serving: Cloud, endpoint: str) -> None:
    for wanted in (new_request_id(1, bytes(10)), f"{new_request_id(1, bytes(10))}-0", f"{keep(endpoint)}-7"):
        status, answer = ask(serving, "GET", f"/v1/predictions/{wanted}")
        assert status == 404
        assert f"{wanted} is not known" in answer["error"]


@pytest.mark.parametrize("wanted", ["", "x", "1", "%00", "018bcfe5-6800-7000-8000-000000000000-x", "a/b", "💥" * 1_000])
def test_a_malformed_id_is_a_bad_request(serving: Cloud, wanted: str) -> None:
    status, answer = ask(serving, "GET", f"/v1/predictions/{wanted}")
    assert status == 400
    assert "prediction_id must be the id of a prediction" in answer["error"]


def test_a_table_that_is_away_is_unavailable_and_says_what_to_do(
    serving: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("dynamodb").delete_table(TableName="predictions")
    status, answer = ask(serving, "GET", f"/v1/predictions/{new_request_id(1, bytes(10))}")
    assert (status, "ask again in a few seconds" in answer["error"]) == (503, True)
    assert later(serving)[0] == 503
    assert "cannot be reached" in capsys.readouterr().out


# Ground truth


def feedback(cloud: Cloud, *items: Any) -> tuple[int, Any]:
    return ask(cloud, "POST", "/v1/feedback", {"items": items})


def some_id(age_seconds: float = 0.0) -> str:
    return new_request_id(int((time.time() - age_seconds) * 1000), bytes(10)) + "-0"


def test_ground_truth_is_queued(serving: Cloud) -> None:
    _, answered = predict(serving, ROW)
    prediction_id = answered["predictions"][0]["prediction_id"]
    observed = {"prediction_id": prediction_id, "label": "TRUE", "observed_at": "2026-01-02T03:04:05Z"}
    unknown = {"prediction_id": some_id(), "label": False}
    assert feedback(serving, observed, unknown) == (202, {"accepted": 2, "refused": []})
    (message,) = taken("feedback")
    assert message["pipeline"] == "shop"
    assert message["received_at"] == pytest.approx(time.time(), abs=60)
    assert message["items"] == [
        {"prediction_id": prediction_id, "label": "true", "observed_at": 1767323045.0},
        {"prediction_id": unknown["prediction_id"], "label": "false"},
    ]


def test_items_that_cannot_be_taken_are_named_and_the_others_are_taken(serving: Cloud) -> None:
    good, old = some_id(), some_id(31 * 86_400)
    items = [
        {"prediction_id": "no id", "label": "true"},
        {"prediction_id": good, "label": "true"},
        {"prediction_id": old, "label": "true"},
        {"prediction_id": good[:36], "label": "true"},
        {"prediction_id": good, "label": "perhaps"},
        {"prediction_id": good, "label": "true", "observed_at": "yesterday"},
        {"prediction_id": some_id(-86_400), "label": "true"},
    ]
    status, answer = feedback(serving, *items)
    assert (status, answer["accepted"]) == (202, 1)
    reasons = {refused["index"]: refused["reason"] for refused in answer["refused"]}
    assert set(reasons) == {0, 2, 3, 4, 5, 6}
    assert "must be the id of a prediction" in reasons[0]
    assert "older than 30 days" in reasons[2]
    assert "add the row" in reasons[3]
    assert "label must be one of false, true, but got 'perhaps'" in reasons[4]
    assert "observed_at must be an ISO 8601 time" in reasons[5]
    assert "is in the future" in reasons[6]
    assert answer["refused"][1]["prediction_id"] == old
    assert [item["prediction_id"] for message in taken("feedback") for item in message["items"]] == [good]


def test_when_no_item_can_be_taken_the_request_is_refused_with_the_same_list(serving: Cloud) -> None:
    status, answer = feedback(serving, {"prediction_id": "no id", "label": "true"})
    assert status == 422
    assert "none of the 1 items could be taken; items[0]: prediction_id must be" in answer["error"]
    assert answer["refused"][0]["prediction_id"] == "no id"
    assert taken("feedback") == []


def test_many_items_are_several_messages(serving: Cloud) -> None:
    items = [{"prediction_id": some_id(), "label": "true" + " " * 900} for _ in range(1_000)]
    assert feedback(serving, *items)[1]["accepted"] == 1_000
    assert sum(len(message["items"]) for message in taken("feedback")) == 1_000


def test_the_feedback_names_its_caller_by_a_hash_and_never_by_the_key(serving: Cloud) -> None:
    signed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/execute-api/aws4_request"
    headers = {"content-type": "application/json", "authorization": signed}
    item = {"prediction_id": some_id(), "label": "true"}
    assert ask(serving, "POST", "/v1/feedback", {"items": [item]}, headers=headers)[0] == 202
    (message,) = taken("feedback")
    assert message["caller"] == caller_hash("shop", "AKIDEXAMPLE")
    assert "AKIDEXAMPLE" not in json.dumps(message)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "the body must be"),
        ([], "the body must be"),
        ({"items": []}, "items must hold 1 to 1000 items, but got 0"),
        ({"items": [{}] * 1_001}, "items must hold 1 to 1000 items, but got 1001"),
        ({"items": [3]}, "items[0] must be an object, but got 3"),
        ({"items": [{"prediction_id": "p"}]}, "items[0].label is missing"),
        ({"items": [{"label": 1}]}, "items[0].prediction_id is missing"),
        ({"items": [{"prediction_id": 3, "label": 1}]}, "items[0].prediction_id must be text, but got 3"),
        ({"items": [{"prediction_id": "p", "label": None}]}, "items[0].label must be text, a number or a boolean"),
        ({"items": [{"prediction_id": "p", "label": {}}]}, "items[0].label must be text, a number or a boolean"),
        ({"items": [{"prediction_id": "p", "label": 1, "at": 1}]}, "items[0].'at' is not a field of an item"),
        ({"items": [{"prediction_id": "p", "label": "x" * 1_001}]}, "items[0].label must have at most 1000 characters"),
        ({"items": [{"prediction_id": "p", "label": 1, "observed_at": 5}]}, "items[0].observed_at must be text"),
    ],
)
def test_feedback_that_is_not_as_it_must_be_is_refused_as_a_whole(serving: Cloud, body: Any, said: str) -> None:
    status, answer = ask(serving, "POST", "/v1/feedback", body)
    assert (status, said in answer["error"]) == (400, True), answer


def test_a_feedback_queue_that_is_away_is_unavailable_and_says_what_to_do(serving: Cloud) -> None:
    boto3.client("sqs").delete_queue(QueueUrl=boto3.client("sqs").get_queue_url(QueueName="feedback")["QueueUrl"])
    status, answer = feedback(serving, {"prediction_id": some_id(), "label": "true"})
    assert (status, "send all items again" in answer["error"]) == (503, True)


# Documents


def test_the_document_is_that_of_the_version_that_answers(serving: Cloud) -> None:
    status, document = ask(serving, "GET", "/openapi.json")
    assert (status, document["openapi"], document["info"]["version"]) == (200, "3.1.0", "v1")
    assert set(document["components"]["schemas"]["Row"]["properties"]) == {"amount", "carrier"}
    crown(serving, "v2", 0.02)
    look_again(serving)
    assert ask(serving, "GET", "/openapi.json")[1]["info"]["version"] == "v2"


def test_the_page_holds_the_document_and_all_that_shows_it(serving: Cloud) -> None:
    answer = call(serving, event("GET", "/docs"))
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Predictions of shop" in answer["body"]
    assert "SwaggerUIBundle" in answer["body"]
    assert len(json.dumps(answer)) < 6_000_000
