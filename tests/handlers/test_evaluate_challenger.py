"""EvaluateChallenger as Step Functions calls it, and with it the whole loop of functions."""

from __future__ import annotations

import json

import boto3
import pytest

from contender.errors import IntegrityError, TrainingFailedError
from contender.registry.pointer import read_pointer
from contender.registry.versions import MODEL
from contender.workflow.run_folder import COMPARISON, CURVES, TRAINING
from tests.handlers.conftest import (
    PIPELINE_FILE,
    PROVEN,
    Cloud,
    after,
    drifted,
    first_champion,
    follow,
    orders,
    shop_without_data,
    train,
    trained,
)
from tests.handlers.serving import call, event


def test_the_first_challenger_is_judged_against_the_baseline_and_becomes_champion(cloud: Cloud) -> None:
    state = after(shop_without_data, first_champion)
    comparison = state["comparison"]
    assert (comparison["verdict"], comparison["champion"], comparison["champion_etag"]) == ("wins", None, None)
    assert state["record"]["verdict"] == "promoted"
    assert state["record"]["champion_after"] == comparison["challenger"]
    assert cloud.folder().read(COMPARISON)["challenger_version"] == comparison["challenger"]
    assert cloud.ledger.promotions("shop")[0]["champion"] == comparison["challenger"]


def test_a_second_challenger_is_judged_against_the_champion_on_rows_that_neither_has_seen(cloud: Cloud) -> None:
    first = after(shop_without_data, first_champion)
    request = cloud.upload("february.csv", orders(first_day=25, seed=1, flip=True)) | {"trigger": "manual"}
    second = follow(cloud, request, "record", run_id="run-2")
    comparison = second["comparison"]
    assert comparison["champion"] == first["comparison"]["challenger"]
    pointer = read_pointer(cloud.models, "shop")
    assert pointer is not None
    assert comparison["low"] <= comparison["difference"] <= comparison["high"]
    assert (comparison["verdict"], pointer.pointer.champion) == ("wins", comparison["challenger"])
    assert cloud.folder("run-2").read(COMPARISON)["rows"] == 30
    drawn = cloud.folder("run-2").read(CURVES)
    assert drawn["challenger_version"] == comparison["challenger"]
    assert [drawn[side]["rows"] for side in ("champion", "challenger")] == [30, 30]
    assert cloud.folder().read(CURVES)["champion"] is None
    (run, *_) = cloud.ledger.runs("shop")
    assert (run["verdict"], run["champion_before"], run["champion_after"]) == (
        "promoted",
        comparison["champion"],
        comparison["challenger"],
    )


def test_the_champion_that_the_loop_made_answers_over_http(kept: Cloud) -> None:
    state = follow(kept, kept.upload("january.csv", orders()), "record")
    rows = [{"amount": 90, "carrier": "B"}, {"amount": 10, "carrier": "never seen"}]
    answer = call(kept, event("POST", "/v1/predict", json.dumps({"rows": rows})))
    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200
    assert body["model_version"] == state["comparison"]["challenger"]
    assert [row["prediction"] for row in body["predictions"]] == ["true", "false"]


def test_a_challenger_pays_for_those_that_were_judged_since_the_last_promotion(cloud: Cloud) -> None:
    boto3.client("s3").put_object(Bucket="assets", Key="pipeline.toml", Body=PROVEN.encode())
    follow(cloud, cloud.upload("january.csv", orders()), "record")
    for number, day in enumerate((25, 49), start=2):
        body = orders(first_day=day, seed=number, flip=True)
        request = cloud.upload(f"{number}.csv", body) | {"trigger": "manual"}
        follow(cloud, request, "record", run_id=f"run-{number}")
    spent = [cloud.folder(f"run-{number}").read(COMPARISON)["spending"] for number in (1, 2, 3)]
    assert [(each["comparison"], each["reused"]) for each in spent] == [(1, 0), (1, 0), (2, 0)]
    assert [each["level"] for each in spent] == pytest.approx([0.025, 0.025, 0.05 / 6])
    assert "Second comparison since the last promotion" in cloud.folder("run-3").read(COMPARISON)["reason"]


def test_a_challenger_trained_again_on_the_same_rows_pays_for_the_verdict_on_its_holdout(cloud: Cloud) -> None:
    boto3.client("s3").put_object(Bucket="assets", Key="pipeline.toml", Body=PROVEN.encode())
    state = drifted()
    assert train(cloud)
    cloud.call("evaluate_challenger", state)
    other_seed = PROVEN.replace("holdout_blocks = 3", "holdout_blocks = 3\nseed = 8")
    boto3.client("s3").put_object(Bucket="assets", Key="pipeline.toml", Body=other_seed.encode())
    claimed = cloud.claimed(cloud.upload("february.csv", orders(20, first_day=25)), run_id="run-2")
    assert train(cloud, "run-2")
    cloud.call("evaluate_challenger", claimed, run_id="run-2")
    spending = cloud.folder("run-2").read(COMPARISON)["spending"]
    assert (spending["comparison"], spending["reused"]) == (2, 1)
    assert spending["level"] == pytest.approx(0.05 / 6 / 3)


def test_the_report_has_the_size_the_latency_and_the_training_metric(cloud: Cloud) -> None:
    after(shop_without_data, first_champion)
    report = cloud.folder().read(COMPARISON)
    assert [report[name]["status"] for name in ("overfit_gap", "model_size", "latency")] == ["passed"] * 3
    assert 0.0 < report["model_size"]["challenger_mib"] < 1.0
    assert report["latency"]["challenger_ms"] > 0.0
    assert 0.5 < report["overfit_gap"]["training"] < 1.0


@pytest.mark.parametrize(("approval", "asks"), [("never", False), ("inconclusive", False), ("always", True)])
def test_a_winner_is_asked_about_where_the_pipeline_file_says_so(cloud: Cloud, approval: str, asks: bool) -> None:
    text = PIPELINE_FILE + f'\n[rollout]\napproval = "{approval}"\napproval_minutes = 10\n'
    boto3.client("s3").put_object(Bucket="assets", Key="pipeline.toml", Body=text.encode())
    comparison = follow(cloud, cloud.upload("january.csv", orders()), "evaluate_challenger")["comparison"]
    assert (comparison["verdict"], comparison["needs_approval"]) == ("wins", asks)
    assert comparison["approval_seconds"] == 600


def test_a_training_that_left_nothing_is_an_error_with_the_tasks_reason(cloud: Cloud) -> None:
    cause = json.dumps({"StoppedReason": "Essential container in task exited", "Containers": [{"ExitCode": 3}]})
    state = after(shop_without_data, drifted) | {"training_failure": {"Error": "States.TaskFailed", "Cause": cause}}
    with pytest.raises(TrainingFailedError, match="left no result: the training task ended with exit code 3"):
        cloud.call("evaluate_challenger", state)


def test_a_training_that_failed_is_an_error_with_its_own_reason(cloud: Cloud) -> None:
    state = after(shop_without_data, drifted)
    cloud.folder().write(TRAINING, {"status": "failed", "reason": "the target is constant"})
    with pytest.raises(TrainingFailedError, match="training failed: the target is constant"):
        cloud.call("evaluate_challenger", state)


def test_a_model_that_was_changed_after_its_training_is_not_judged(cloud: Cloud) -> None:
    state = after(shop_without_data, drifted)
    after(shop_without_data, drifted, trained)
    version = cloud.folder().read(TRAINING)["model_version"]
    cloud.models.put(f"models/shop/{version}/{MODEL}", b"something else")
    with pytest.raises(IntegrityError, match=f"model.onnx of {version}"):
        cloud.call("evaluate_challenger", state)


def test_judging_again_gives_the_same_answer(cloud: Cloud) -> None:
    state = after(shop_without_data, drifted)
    after(shop_without_data, drifted, trained)
    assert cloud.call("evaluate_challenger", state) == cloud.call("evaluate_challenger", state)
