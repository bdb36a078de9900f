"""What a backend asked is kept: as files, by id, with the truth that came later; a poisoned message stands aside."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from contender.errors import ContenderError
from tests.e2e.loop import LivePipeline, LocalLoop, eventually
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator

NAME = "shop-log"
QUEUES = ("Log", "Feedback", "Async")


@pytest.fixture(scope="module")
def shop(loop: LocalLoop) -> LivePipeline:
    pipeline = loop.pipeline(NAME)
    assert pipeline.run("first", visits(0))["verdict"] == "promoted"
    return pipeline


def kept_rows(shop: LivePipeline, folder: str) -> list[dict[str, Any]]:
    """All rows of the Parquet files below a folder of the pipeline."""
    keys = [key for key in shop.bench.data.keys(f"{folder}/{NAME}/dt=") if key.endswith(".parquet")]
    return [row for key in keys for row in pq.read_table(io.BytesIO(shop.bench.data.get(key).body)).to_pylist()]


def kept_by_id(shop: LivePipeline, folder: str, *ids: str) -> dict[str, dict[str, Any]]:
    """The rows with these ids, as soon as each is there; each is there once."""

    def all_kept() -> dict[str, list[dict[str, Any]]] | None:
        rows = {name: [row for row in kept_rows(shop, folder) if row["prediction_id"] == name] for name in ids}
        return rows if all(rows.values()) else None

    found = eventually(all_kept, what=f"row in {folder} for each of {ids}")
    assert [len(rows) for rows in found.values()] == [1] * len(ids)
    return {name: rows[0] for name, rows in found.items()}


def found(shop: LivePipeline, prediction_id: str) -> dict[str, Any] | None:
    """What the API says of an id; None while it knows nothing."""
    try:
        answer: dict[str, Any] = shop.bench.request("GET", f"/v1/predictions/{prediction_id}")
    except ContenderError as error:
        if " 404 " not in str(error):
            raise
        return None
    return answer


def test_a_prediction_is_kept_and_the_truth_joins_it(shop: LivePipeline, loop: LocalLoop) -> None:
    rows = [shop.feature_row(visits(0), number) for number in range(2)]
    answer = shop.predict(*rows)
    first, second = (one["prediction_id"] for one in answer["predictions"])

    kept = kept_by_id(shop, "predictions", first, second)
    assert [row["feature_kind"] for row in kept.values()] == [row["kind"] for row in rows]
    assert [row["prediction"] for row in kept.values()] == [one["prediction"] for one in answer["predictions"]]
    assert (kept[first]["version"], kept[first]["variant"]) == (answer["model_version"], "champion")
    by_id = eventually(lambda: found(shop, second), what="prediction by its id")
    assert by_id["predictions"][0]["row"] == rows[1]

    label = answer["predictions"][0]["prediction"]
    told = shop.bench.request("POST", "/v1/feedback", {"items": [{"prediction_id": first, "label": label}]})
    assert told["accepted"] == 1

    labelled = kept_by_id(shop, "feedback", first)[first]
    assert (labelled["label"], labelled["correct"]) == (label, True)
    eventually(lambda: found(shop, first)["predictions"][0]["label"], what="label by the prediction's id")

    (live,) = json.loads(loop.contender("live", "--pipeline", NAME, "--json"))
    assert (live["version"], live["variant"]) == (answer["model_version"], "champion")
    assert (live["requests"], live["rows"], live["errors"]) == (1, 2, 0)
    assert (live["labels"], live["accuracy"]) == (1, 1.0)
    assert live["p95_ms"] > 0


def test_an_asynchronous_request_is_answered_once_for_its_key(shop: LivePipeline) -> None:
    row, other = (shop.feature_row(visits(0), number) for number in (3, 4))
    body = {"rows": [row], "key": "order-17"}
    ids = {shop.bench.request("POST", "/v1/predict-async", body)["prediction_id"] for _ in range(3)}
    assert len(ids) == 1
    (request_id,) = ids

    def done() -> dict[str, Any] | None:
        said = found(shop, request_id)
        return said if said and said["status"] != "queued" else None

    answer = eventually(done, what="asynchronous answer")
    assert (answer["status"], len(answer["predictions"])) == ("done", 1)
    assert answer["predictions"][0]["prediction"] == shop.predict(row)["predictions"][0]["prediction"]
    with pytest.raises(ContenderError, match=r" 409 .*order-17"):
        shop.bench.request("POST", "/v1/predict-async", {"rows": [other], "key": "order-17"})

    assert kept_by_id(shop, "predictions", f"{request_id}-0")[f"{request_id}-0"]["source"] == "async"


def url_of(shop: LivePipeline, queue: str) -> str:
    return shop.bench._output(f"{NAME}-predictions", f"{queue}Url")


@pytest.fixture(scope="module")
def poisons(shop: LivePipeline) -> dict[str, str]:
    """A message in each queue that nobody can read. Each is tried until its queue gives it up, all at the same time."""
    sqs = shop.bench.cloud.client("sqs")
    sent = {queue: f"no message of ours: {queue}" for queue in QUEUES}
    for queue, poison in sent.items():
        ordered = {"MessageGroupId": "poison", "MessageDeduplicationId": poison} if queue == "Async" else {}
        sqs.send_message(QueueUrl=url_of(shop, f"{queue}Queue"), MessageBody=poison, **ordered)
    return sent


@pytest.mark.parametrize("queue", QUEUES)
def test_a_poisoned_message_ends_among_the_dead_letters_and_what_follows_is_handled(
    shop: LivePipeline, poisons: dict[str, str], queue: str
) -> None:
    sqs, dead = shop.bench.cloud.client("sqs"), url_of(shop, f"{queue}DeadLetters")
    answer = shop.predict(shop.feature_row(visits(0), 5))
    eventually(lambda: found(shop, answer["predictions"][0]["prediction_id"]), what="prediction after the poison")

    def letter() -> str | None:
        received = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=1).get("Messages")
        return received[0]["Body"] if received else None

    assert eventually(letter, what="dead letter") == poisons[queue]
