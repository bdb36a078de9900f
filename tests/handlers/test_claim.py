"""Claim as Step Functions calls it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from contender.errors import ContenderError, LostPointerError, NotFoundError
from contender.registry.pointer import pointer_key, read_pointer
from contender.registry.versions import ModelVersion
from contender.rollout.swap_history import history_entry
from contender.workflow.claims import MAX_ATTEMPTS
from tests.handlers.conftest import MACHINE, PIPELINE_FILE, Cloud, orders, set_pipeline
from tests.models import crown


def execution(status: str, name: str) -> None:
    client = boto3.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=MACHINE, name=name, input="{}")["executionArn"]
    if status == "ABORTED":
        client.stop_execution(executionArn=arn)


def test_an_upload_is_claimed_with_the_pipeline_file_fixed_for_the_run(cloud: Cloud) -> None:
    request = cloud.upload("orders – März 1.csv", orders())
    claim = cloud.call("claim", request)
    assert (claim["status"], claim["fencing_token"], claim["batches"]) == ("claimed", 1, 1)
    assert claim["champion_before"] is None
    assert cloud.folder().pipeline_file() == PIPELINE_FILE
    assert [(batch["key"], batch["version_id"]) for batch in cloud.batches()] == [
        (request["key"], request["version_id"])
    ]


def test_the_champion_that_the_run_begins_with_is_noted(cloud: Cloud) -> None:
    crown(cloud.models, ModelVersion({"version": "v1"}, "sha"))
    assert cloud.call("claim", cloud.upload("a.csv", orders()))["champion_before"] == "v1"


def test_a_lost_pointer_fails_the_run_and_the_upload_waits_without_losing_an_attempt(cloud: Cloud) -> None:
    crown(cloud.models, ModelVersion({"version": "v1"}, "sha"))
    found = read_pointer(cloud.models, "shop")
    assert found is not None
    entry = history_entry(found.pointer, kind="promotion", now="2026-01-01T00:00:00+00:00", reason="r", run_id="r0")
    cloud.ledger.append_promotion("shop", entry)
    boto3.client("s3").delete_object(Bucket="models", Key=pointer_key("shop"))
    with pytest.raises(LostPointerError, match="v1 was champion"):
        cloud.call("claim", cloud.upload("a.csv", orders()))
    (waiting,) = cloud.ledger.pending_batches("shop")
    assert (waiting.attempts, cloud.data.keys("runs/shop/")) == (0, [])


def test_a_budget_that_is_used_up_is_told_to_the_run(cloud: Cloud) -> None:
    now = datetime.now(UTC).isoformat()
    spent = {"pipeline": "shop", "run_id": "r0", "started_at": now, "verdict": "retained", "usd": 0.75}
    cloud.ledger.put_run(spent)
    assert cloud.call("claim", cloud.upload("a.csv", orders()), run_id="run-1")["over_budget"] == ""
    cloud.ledger.release_lease("shop", "run-1")
    set_pipeline(PIPELINE_FILE + "[budget]\nmonth_usd = 0.75\n")
    claim = cloud.call("claim", cloud.upload("b.csv", orders()), run_id="run-2")
    assert claim["over_budget"].startswith("Budget used up: $0.75 of $0.75 this month. Nothing is trained before ")
    assert claim["over_budget"].endswith("contender retrain --over-budget --pipeline shop --env prod")


def test_a_run_at_work_is_left_alone_and_the_upload_waits(cloud: Cloud) -> None:
    execution("RUNNING", "run-1")
    cloud.call("claim", cloud.upload("a.csv", orders()), run_id="run-1")
    claim = cloud.call("claim", cloud.upload("b.csv", orders()), run_id="run-2")
    assert claim["status"] == "duplicate"
    assert claim["reason"] == "Queued: run run-1 is in progress; b.csv will be processed in the next run."
    assert len(cloud.ledger.pending_batches("shop")) == 2


@pytest.mark.parametrize("status", ["ABORTED", "unknown"])
def test_a_run_that_is_no_more_loses_its_lease(cloud: Cloud, status: str) -> None:
    if status != "unknown":
        execution(status, "run-1")
    cloud.call("claim", cloud.upload("a.csv", orders()), run_id="run-1")
    claim = cloud.call("claim", cloud.upload("b.csv", orders()), run_id="run-2")
    assert (claim["status"], claim["fencing_token"], claim["batches"]) == ("claimed", 2, 2)


def test_claiming_again_gives_the_same_answer(cloud: Cloud) -> None:
    request = cloud.upload("a.csv", orders())
    assert cloud.call("claim", request) == cloud.call("claim", request)


@pytest.mark.parametrize("version_id", ["", None])
def test_an_event_without_a_version_is_taken_by_its_key(cloud: Cloud, version_id: str | None) -> None:
    request = cloud.upload("a.csv", orders()) | {"version_id": version_id}
    assert cloud.call("claim", request)["status"] == "claimed"
    assert cloud.batches()[0]["version_id"] is None


def test_a_schedule_claims_without_uploads(cloud: Cloud) -> None:
    assert cloud.call("claim", {"trigger": "schedule", "pipeline": "shop"})["batches"] == 0


def test_an_upload_given_up_is_logged_as_an_error_and_named_in_the_claim(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    request = cloud.upload("poison.csv", orders())
    cloud.call("claim", request)
    for number in range(MAX_ATTEMPTS):
        cloud.ledger.return_batch("shop", cloud.batches()[0]["batch_id"], run_id=f"failed-{number}")
    cloud.ledger.release_lease("shop", "run-1")
    capsys.readouterr()
    claim = cloud.call("claim", request, run_id="run-2")
    assert (claim["status"], claim["given_up"]) == ("duplicate", [request["key"]])
    assert "upload quarantined after repeated failures" in capsys.readouterr().out
    assert cloud.ledger.pending_batches("shop") == []
    reason, kept = sorted(cloud.data.keys("quarantine/shop/run-2/"), reverse=True)
    assert cloud.data.get(kept).body == orders()
    assert "3 runs failed before they could read it" in json.loads(cloud.data.get(reason).body)["reason"]


def test_without_a_pipeline_file_the_claim_fails_and_says_which(cloud: Cloud, monkeypatch: Any) -> None:
    monkeypatch.setenv("PIPELINE_FILE", "s3://assets/gone.toml")
    with pytest.raises(NotFoundError, match=r"s3://assets/gone\.toml does not exist"):
        cloud.call("claim", {"trigger": "schedule", "pipeline": "shop"})


def test_a_function_without_its_environment_does_not_start(cloud: Cloud, monkeypatch: Any) -> None:
    monkeypatch.delenv("RUNS_TABLE")
    monkeypatch.setenv("PIPELINE_FILE", "")
    with pytest.raises(ContenderError, match="environment variables RUNS_TABLE, PIPELINE_FILE are not set"):
        cloud.function("claim")
