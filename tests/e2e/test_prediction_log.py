"""What a backend asked is kept: as files, by id, with the truth that came later; a poisoned message stands aside."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from contender.errors import ContenderError
from tests.e2e.early import early
from tests.e2e.loop import LivePipeline, LocalLoop, eventually
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator

NAME = "shop-log"
QUEUES = ("Log", "Feedback", "Async")


@dataclass(frozen=True)
class Asked:
    """Two requests, and between them a message in each queue that nobody can read. All are tried until their queues
    give them up, at the same time.
    """

    pipeline: LivePipeline
    rows: list[dict[str, Any]]
    answer: dict[str, Any]
    poisons: dict[str, str]
    answer_after: dict[str, Any]


@pytest.fixture(scope="module")
@early
def asked(loop: LocalLoop) -> Asked:
    pipeline = loop.pipeline(NAME)
    assert pipeline.run("first", visits(0))["verdict"] == "promoted"
    first, second, third = (pipeline.feature_row(visits(0), number) for number in (0, 1, 5))
    answer = pipeline.predict(first, second)
    sqs = pipeline.bench.cloud.client("sqs")
    sent = {queue: f"no message of ours: {queue}" for queue in QUEUES}
    for queue, poison in sent.items():
        ordered = {"MessageGroupId": "poison", "MessageDeduplicationId": poison} if queue == "Async" else {}
        sqs.send_message(QueueUrl=url_of(pipeline, f"{queue}Queue"), MessageBody=poison, **ordered)
    return Asked(pipeline, [first, second], answer, sent, pipeline.predict(third))


@pytest.fixture(scope="module")
def shop(asked: Asked) -> LivePipeline:
    return asked.pipeline


def url_of(shop: LivePipeline, queue: str) -> str:
    return shop.bench._output(f"{NAME}-predictions", f"{queue}Url")


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


def test_a_prediction_is_kept_and_the_truth_joins_it(asked: Asked, loop: LocalLoop, tmp_path: Path) -> None:
    shop, rows, answer = asked.pipeline, asked.rows, asked.answer
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

    after = asked.answer_after["predictions"][0]["prediction_id"]
    eventually(lambda: found(shop, after), what="the other request's prediction")
    (live,) = json.loads(loop.contender("live", "--pipeline", NAME, "--json"))
    assert (live["version"], live["variant"]) == (answer["model_version"], "champion")
    assert (live["requests"], live["rows"], live["errors"]) == (2, 3, 0)
    assert (live["labels"], live["accuracy"]) == (1, 1.0)
    assert live["p95_ms"] > 0
    check_what_commands_say_of(first, answer, loop, tmp_path)


def check_what_commands_say_of(prediction: str, answer: dict[str, Any], loop: LocalLoop, folder: Path) -> None:
    """It is explained and computed again, found with SQL, and its version is pulled for machines elsewhere."""
    said = json.loads(loop.contender("explain", prediction, "--json"))
    assert (said["pipeline"], said["label"]["correct"], said["reproduction"]["same"]) == (NAME, True, True)
    assert said["datasets"][0]["source_key"].startswith(f"incoming/{NAME}/")
    (day,) = json.loads(
        loop.contender("sql", "--pipeline", NAME, "--saved", "quality-by-day-and-version", "--json")
    )  # fmt: skip
    assert (day["version"], day["labels"], day["accuracy"]) == (answer["model_version"], 1, 1.0)
    runs = loop.contender("sql", "--pipeline", NAME, "--csv", "select verdict, champion_after from runs")
    assert runs.split() == ["verdict,champion_after", f"promoted,{answer['model_version']}"]
    pulled = json.loads(loop.contender("pull", "champion", "--pipeline", NAME, "--into", str(folder), "--json"))
    assert (pulled["champion"], pulled["changed"]) == (answer["model_version"], True)
    assert (folder / "models" / NAME / answer["model_version"] / "manifest.sig").is_file()


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


@pytest.mark.parametrize("queue", QUEUES)
def test_a_poisoned_message_ends_among_the_dead_letters_and_what_follows_is_handled(asked: Asked, queue: str) -> None:
    sqs, dead = asked.pipeline.bench.cloud.client("sqs"), url_of(asked.pipeline, f"{queue}DeadLetters")
    after = asked.answer_after["predictions"][0]["prediction_id"]
    eventually(lambda: found(asked.pipeline, after), what="prediction after the poison")

    def letter() -> str | None:
        received = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=1).get("Messages")
        return received[0]["Body"] if received else None

    assert eventually(letter, what="dead letter") == asked.poisons[queue]
