"""What is damaged in S3 or DynamoDB: serving keeps its last good model and says so, the loop names it and stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from contender.errors import DamagedChampionError, DamagedPointerError, LostRunsError, TrainingFailedError
from contender.registry.pointer import pointer_key
from contender.registry.versions import MODEL, REFERENCE
from contender.workflow.run_folder import RECORD
from tests.handlers.batches import Job, csv, put
from tests.handlers.conftest import Cloud, after, follow, orders, shop_without_data
from tests.handlers.serving import ROW, ask, crown, first_model, look_again, predict

Metrics = Callable[[], list[dict[str, Any]]]
POINTER = pointer_key("shop")


def overwrite(bucket: str, key: str, body: bytes) -> None:
    """As somebody with all rights would, past the bucket's policy."""
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


def remove(bucket: str, key: str) -> None:
    boto3.client("s3").delete_object(Bucket=bucket, Key=key)


def pointer(cloud: Cloud) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(cloud.models.get(POINTER).body)
    return content


def names_nothing(cloud: Cloud) -> bytes:
    return json.dumps(pointer(cloud) | {"champion": "v9", "manifest_sha256": "9" * 64}).encode()


def with_another_digest(cloud: Cloud) -> bytes:
    return json.dumps(pointer(cloud) | {"manifest_sha256": "0" * 64}).encode()


# Serving

GARBAGE = [
    (lambda cloud: b"not a pointer", "13 bytes that are not JSON", None),
    (lambda cloud: cloud.models.get(POINTER).body[:80], "80 bytes that are not JSON", None),
    (lambda cloud: b'{"champion": "v1"}', "JSON of another shape", None),
    (names_nothing, "v9 has no manifest.json: models/shop/v9/manifest.json is not in the model bucket", "v9"),
    (with_another_digest, "the manifest of v1 has sha256", "v1"),
]


@pytest.mark.parametrize(("broken", "said", "names"), GARBAGE)
def test_a_pointer_that_cannot_be_followed_leaves_the_last_good_model_which_says_so(
    serving: Cloud, emitted: Metrics, broken: Callable[[Cloud], bytes], said: str, names: str | None
) -> None:
    assert ask(serving, "GET", "/v1/model")[1]["stale"] is None
    overwrite("models", POINTER, broken(serving))
    look_again(serving)
    status, body = predict(serving, ROW)
    assert (status, body["model_version"]) == (200, "v1")
    (stale,) = [line for line in emitted() if "StaleAnswers" in line]
    assert (stale["StaleAnswers"], stale["pipeline"]) == ([1.0], "shop")
    told = ask(serving, "GET", "/v1/model")[1]
    assert told["model_version"] == "v1"
    assert said in told["stale"]["reason"]
    assert told["stale"]["names"] == names


@pytest.mark.parametrize("damage", ["gone", "cut off"])
def test_a_new_champion_with_a_broken_model_leaves_the_last_one_until_it_is_whole(serving: Cloud, damage: str) -> None:
    predict(serving, ROW)
    crown(serving, "v2", 0.02)
    key = f"models/shop/v2/{MODEL}"
    whole = serving.models.get(key).body
    if damage == "gone":
        remove("models", key)
    else:
        overwrite("models", key, whole[:100])
    look_again(serving)
    assert predict(serving, ROW)[1]["model_version"] == "v1"
    told = ask(serving, "GET", "/v1/model")[1]
    assert (told["model_version"], told["stale"]["names"]) == ("v1", "v2")
    assert MODEL in told["stale"]["reason"]
    overwrite("models", key, whole)
    serving.function("serve").service.follower._retries.clear()  # as if the pause were over
    look_again(serving)
    assert predict(serving, ROW)[1]["model_version"] == "v2"
    assert ask(serving, "GET", "/v1/model")[1]["stale"] is None


def test_a_function_that_starts_while_the_pointer_is_damaged_serves_what_this_instance_served(serving: Cloud) -> None:
    predict(serving, ROW)
    overwrite("models", POINTER, b"{}")
    del serving.modules["serve"]
    assert predict(serving, ROW)[1]["model_version"] == "v1"


def test_a_function_that_never_served_says_what_is_wrong_and_what_to_type(serving: Cloud) -> None:
    overwrite("models", POINTER, b"{}")
    status, body = predict(serving, ROW)
    assert status == 503
    assert "contender champion --restore --pipeline shop" in body["error"]


# Batch prediction


@pytest.mark.parametrize(("broken", "said", "names"), GARBAGE)
def test_batch_prediction_refuses_with_the_reason_and_tries_the_file_again_later(
    cloud: Cloud, broken: Callable[[Cloud], bytes], said: str, names: str | None
) -> None:
    after(shop_without_data, first_model)
    whole = cloud.models.get(POINTER).body
    overwrite("models", POINTER, broken(cloud))
    request = put(cloud, "a.csv", csv(3))
    refused = Job(cloud, request).plan
    assert (refused["status"], refused["for_good"]) == ("refused", False)
    assert said in refused["reason"]
    overwrite("models", POINTER, whole)
    assert Job(cloud, request).plan["status"] == "planned"


# The loop


def test_a_damaged_pointer_fails_the_run_before_it_takes_anything_and_the_run_is_recorded(crowned: Cloud) -> None:
    overwrite("models", POINTER, b"{}")
    state = crowned.upload("february.csv", orders(48, first_day=25))
    with pytest.raises(DamagedPointerError, match="the champion pointer of shop is damaged") as error:
        crowned.call("claim", state, run_id="run-2")
    (waiting,) = crowned.ledger.pending_batches("shop")
    assert waiting.attempts == 0
    failure = {"Error": "DamagedPointerError", "Cause": json.dumps({"errorMessage": str(error.value)})}
    recorded = crowned.call("record", state | {"failure": failure}, run_id="run-2")
    assert (recorded["verdict"], recorded["champion_after"]) == ("failed", None)
    assert "contender champion --restore --pipeline shop" in recorded["reason"]
    assert crowned.ledger.lease("shop") is None
    assert crowned.ledger.runs("shop")[0]["run_id"] == "run-2"


@pytest.mark.parametrize(
    ("broken", "said"),
    [(names_nothing, "v9 has no manifest.json"), (with_another_digest, r"has sha256 \w+, but 0000")],
)
def test_a_champion_that_is_not_there_fails_the_drift_check_in_words(
    crowned: Cloud, broken: Callable[[Cloud], bytes], said: str
) -> None:
    overwrite("models", POINTER, broken(crowned))
    request = crowned.upload("february.csv", orders(48, first_day=25))
    with pytest.raises(DamagedChampionError, match=f"the champion of shop is damaged: .*{said}.*contender doctor"):
        follow(crowned, request, "detect_drift", run_id="run-2")
    with pytest.raises(DamagedChampionError):
        crowned.call("evaluate_challenger", trained(crowned), run_id="run-2")


def trained(cloud: Cloud) -> dict[str, Any]:
    """The state of a run that has a challenger: the champion's own version stands for it."""
    version = cloud.models.keys("models/shop/2")[0].split("/")[2]
    cloud.folder("run-2").write("training.json", {"status": "trained", "model_version": version})
    return {"trigger": "upload", "pipeline": "shop"}


@pytest.mark.parametrize("name", [REFERENCE, MODEL])
def test_a_champion_that_lost_a_file_fails_the_drift_check_and_names_it(crowned: Cloud, name: str) -> None:
    champion = pointer(crowned)["champion"]
    remove("models", f"models/shop/{champion}/{name}")
    request = crowned.upload("february.csv", orders(48, first_day=25))
    with pytest.raises(Exception, match=f"{champion} has no {name}: .* is not in the model bucket"):
        follow(crowned, request, "detect_drift", run_id="run-2")
    assert pointer(crowned)["champion"] == champion


def test_a_lost_dataset_part_fails_the_run_and_names_it(crowned: Cloud) -> None:
    (part,) = [key for key in crowned.data.keys("datasets/shop/") if key.endswith(".parquet")]
    remove("data", part)
    request = crowned.upload("february.csv", orders(480, first_day=25, flip=True))
    with pytest.raises(TrainingFailedError, match=r"training failed: dataset \w+ has no part-\S+; restore it in S3"):
        follow(crowned, request, "evaluate_challenger", run_id="run-2")
    assert len(crowned.ledger.promotions("shop")) == 1


def test_a_runs_table_that_was_emptied_is_told_from_a_lost_race(crowned: Cloud) -> None:
    """Without the check its tokens would begin at 1 again, and each promotion fail as one of an old run."""
    overwrite("models", POINTER, json.dumps(pointer(crowned) | {"fencing_token": 7}).encode())
    table = boto3.resource("dynamodb").Table("runs")
    for item in table.scan()["Items"]:
        table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    state = crowned.upload("february.csv", orders(48, first_day=25))
    with pytest.raises(
        LostRunsError, match=r"got fencing token 1, and the champion \S+ was promoted with 7.*contender doctor --fix"
    ):
        crowned.call("claim", state, run_id="run-2")
    crowned.ledger.release_lease("shop", "run-2")
    crowned.ledger.raise_fencing_token("shop", 7)
    claim = crowned.call("claim", state | {"trigger": "manual"}, run_id="run-3")
    assert (claim["status"], claim["fencing_token"], claim["batches"]) == ("claimed", 8, 1)


def test_a_lease_from_a_clock_a_year_ahead_is_taken_over_when_its_run_is_over(crowned: Cloud) -> None:
    crowned.ledger.acquire_lease("shop", "gone", now=4e9, seconds=60)
    claim = crowned.call("claim", crowned.upload("a.csv", orders(48, first_day=25)), run_id="run-2")
    assert (claim["status"], claim["batches"]) == ("claimed", 1)


def test_a_rollback_of_a_damaged_pointer_is_refused_in_words(crowned: Cloud) -> None:
    overwrite("models", POINTER, b"[]")
    refused = crowned.call("roll_back", {"pipeline": "shop", "trigger": "alarm"}, run_id="run-2")
    assert refused["status"] == "refused"
    assert "the champion pointer of shop is damaged" in refused["reason"]


def test_each_run_leaves_its_record_in_its_folder_as_the_table_has_it(crowned: Cloud) -> None:
    (record,) = crowned.ledger.runs("shop")
    assert crowned.folder("run-1").read(RECORD) == record
