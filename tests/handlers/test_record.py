"""Record as Step Functions calls it, on every way that leads to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from contender.comparison.judgements import Judgement, Judgements, is_due, last_of
from contender.ports import ApprovalRequest
from tests.handlers.conftest import PIPELINE, STARTED_AT, Cloud, after, first_champion, orders, shop_without_data

Metrics = Callable[[], list[dict[str, Any]]]
FAILURE = {"failure": {"Error": "ValueError", "Cause": '{"errorMessage": "it broke"}'}}
ACCEPTED = {"validation": {"status": "accepted", "reason": "ok", "dataset_versions": ["d1"], "rows": 3}}
SKIPPED = ACCEPTED | {"drift": {"retrain": False, "drifted": False, "reason": "nothing drifted"}}


def test_a_run_is_written_down_its_upload_settled_and_the_lease_released(cloud: Cloud, emitted: Metrics) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders())) | SKIPPED
    record = cloud.call("record", state)
    assert record == {
        "verdict": "skipped",
        "reason": "nothing drifted",
        "pending": 0,
        "champion_after": None,
        "report": "runs/shop/run-1/report.html",
        "error": "",
    }
    (run,) = cloud.ledger.runs("shop")
    assert set(run) >= {
        "run_id",
        "pipeline",
        "trigger",
        "verdict",
        "reason",
        "dataset_version",
        "champion_before",
        "champion_after",
        "started_at",
        "seconds",
    }
    assert (run["run_id"], run["trigger"], run["dataset_version"], run["started_at"]) == (
        "run-1",
        "upload",
        "d1",
        STARTED_AT,
    )
    assert list(cloud.ledger.pending_batches("shop")) == []
    assert cloud.ledger.lease("shop") is None
    (finished,) = [line for line in emitted() if "RunsFinished" in line]
    assert (finished["RunsFinished"], finished["verdict"], finished["pipeline"]) == ([1.0], "skipped", "shop")


def test_a_run_that_failed_before_reading_its_upload_leaves_it_waiting(cloud: Cloud) -> None:
    record = cloud.call("record", cloud.claimed(cloud.upload("a.csv", orders())) | FAILURE)
    assert (record["verdict"], record["reason"], record["pending"]) == ("failed", "it broke", 0)
    (waiting,) = cloud.ledger.pending_batches("shop")
    assert waiting.attempts == 1
    assert cloud.ledger.lease("shop") is None


def test_a_run_that_failed_after_reading_its_upload_has_dealt_with_it(cloud: Cloud) -> None:
    record = cloud.call("record", cloud.claimed(cloud.upload("a.csv", orders())) | ACCEPTED | FAILURE)
    assert record["verdict"] == "failed"
    assert list(cloud.ledger.pending_batches("shop")) == []


def test_uploads_that_came_meanwhile_are_counted(cloud: Cloud) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders())) | SKIPPED
    for name in ("b.csv", "c.csv"):
        cloud.function("claim").ledger.add_batch("shop", cloud_batch(cloud.upload(name, orders())), remember_until=2e9)
    assert cloud.call("record", state)["pending"] == 2


def cloud_batch(request: dict[str, Any]) -> Any:
    from contender.workflow.claims import batch_of
    from contender.workflow.messages import Request

    return batch_of(Request.from_dict(request))


def test_a_duplicate_leaves_the_lease_of_the_run_at_work(cloud: Cloud) -> None:
    cloud.call("claim", cloud.upload("a.csv", orders()), run_id="run-1")
    held = cloud.ledger.lease("shop")
    claim = {
        "status": "duplicate",
        "run_id": "run-2",
        "pipeline": "shop",
        "trigger": "upload",
        "started_at": STARTED_AT,
        "reason": "Queued: run run-1 is in progress",
    }
    record = cloud.call("record", {"trigger": "upload", "pipeline": "shop", "claim": claim}, run_id="run-2")
    assert (record["verdict"], record["pending"]) == ("duplicate", 0)
    assert cloud.ledger.lease("shop") == held


def test_a_run_whose_claim_failed_is_written_down_too(cloud: Cloud) -> None:
    record = cloud.call("record", {"trigger": "upload", "pipeline": "shop"} | FAILURE)
    assert record["verdict"] == "failed"
    assert cloud.ledger.runs("shop")[0]["champion_before"] is None


def test_recording_again_gives_the_same_answer(cloud: Cloud) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders())) | SKIPPED
    assert cloud.call("record", state) == cloud.call("record", state)
    assert len(cloud.ledger.runs("shop")) == 1


@pytest.mark.parametrize("verdict", ["quarantined", "duplicate"])
def test_an_upload_that_is_not_taken_is_settled(cloud: Cloud, verdict: str) -> None:
    state = cloud.claimed(cloud.upload("a.csv", orders()))
    record = cloud.call("record", state | {"validation": {"status": verdict, "reason": "why"}})
    assert (record["verdict"], record["reason"]) == (verdict, "why")
    assert list(cloud.ledger.pending_batches("shop")) == []


ASKED = ApprovalRequest("run-1", "v2", "token", "2026-01-01T10:00:00Z", "2026-01-01T12:00:00Z")
COMPARED = {"verdict": "inconclusive", "reason": "few rows", "challenger": "v2", "challenger_manifest_sha256": "sha"}
PASSED, STOPPED = ({"status": status, "reason": "why"} for status in ("passed", "failed"))
TIMEOUT = {"Error": "States.Timeout", "Cause": ""}


@pytest.mark.parametrize(
    ("sections", "answer", "by"),
    [
        ({"approval": {"approved": True, "by": "Ada", "reason": "fine"}}, "approved", "Ada"),
        ({"approval": {"approved": False, "by": "Ada", "reason": "a strike"}}, "rejected", "Ada"),
        ({"approval_timeout": TIMEOUT}, "not answered", ""),
        (FAILURE, "not answered", ""),
    ],
)
def test_a_run_that_has_ended_waits_for_nobody(cloud: Cloud, sections: Any, answer: str, by: str) -> None:
    cloud.ledger.put_approval("shop", ASKED)
    state = cloud.claimed(cloud.upload("a.csv", orders())) | ACCEPTED | {"comparison": COMPARED} | sections
    cloud.call("record", state)
    found = cloud.ledger.approval("shop", "run-1")
    assert found is not None
    assert (found.answer, found.by, found.task_token) == (answer, by, "")


def test_the_answer_that_the_command_wrote_down_is_kept(cloud: Cloud) -> None:
    cloud.ledger.put_approval("shop", ASKED)
    cloud.ledger.settle_approval("shop", "run-1", answer="rejected", by="Ada", reason="a strike")
    said = {"approved": False, "by": "somebody else", "reason": ""}
    cloud.call("record", cloud.claimed(cloud.upload("a.csv", orders())) | {"comparison": COMPARED, "approval": said})
    found = cloud.ledger.approval("shop", "run-1")
    assert found is not None
    assert (found.answer, found.by) == ("rejected", "Ada")


@pytest.mark.parametrize(
    ("sections", "verdict", "waits"),
    [
        ({"rehearsal": STOPPED}, "stopped", False),
        ({"rehearsal": PASSED, "approval": {"approved": False, "by": "Ada", "reason": ""}}, "rejected", False),
        ({"rehearsal": PASSED, "approval_timeout": TIMEOUT}, "inconclusive", True),
        ({}, "inconclusive", True),
    ],
)
def test_a_challenger_that_was_stopped_or_rejected_waits_for_no_more_rows(
    cloud: Cloud, sections: Any, verdict: str, waits: bool
) -> None:
    judgements = Judgements(cloud.data, "shop")
    for run in ("run-0", "run-1"):
        judgements.write(Judgement("v2", run, "inconclusive", rows=100, through_order=float(run[-1])))
    state = cloud.claimed(cloud.upload("a.csv", orders())) | ACCEPTED | {"comparison": COMPARED} | sections
    cloud.call("record", state)
    assert [each.verdict for each in judgements.read("v2")] == ["inconclusive", verdict]
    assert is_due(last_of(judgements.read("v2")), newer_rows=1000, proof=True) is waits


def report_of(cloud: Cloud, run_id: str = "run-1") -> str:
    return cloud.data.get(f"runs/{PIPELINE}/{run_id}/report.html").body.decode()


def test_the_report_of_a_run_tells_what_its_steps_have_left(cloud: Cloud) -> None:
    state = after(shop_without_data, first_champion)
    text = report_of(cloud)
    assert state["record"]["verdict"] == "promoted"
    for part in (
        "First model promoted",
        "january.csv",
        "240 rows in 1 file.",
        "All guards with reasons",
        state["comparison"]["challenger"],
    ):
        assert part in text


@pytest.mark.parametrize("sections", [FAILURE, ACCEPTED | FAILURE, {"claim": None}])
def test_a_run_that_came_nowhere_has_a_report_too(cloud: Cloud, sections: dict[str, Any]) -> None:
    record = cloud.call("record", {"trigger": "manual", "pipeline": PIPELINE} | sections)
    assert record["report"] == f"runs/{PIPELINE}/run-1/report.html"
    assert record["reason"] in report_of(cloud).lower()


def test_what_a_person_answered_is_in_the_report(cloud: Cloud) -> None:
    cloud.ledger.put_approval(PIPELINE, ASKED)
    said = {"approved": False, "by": "Ada", "reason": "a strike"}
    cloud.call("record", cloud.claimed(cloud.upload("a.csv", orders())) | {"comparison": COMPARED, "approval": said})
    text = report_of(cloud)
    assert "Champion kept: Ada rejected the challenger." in text
    assert "a strike" in text


def test_reports_that_nobody_can_read_are_left_out_of_the_page(cloud: Cloud) -> None:
    for name, content in (("validation", b"[1]"), ("drift", b"no json"), ("comparison", b'{"verdict": "sure"}')):
        cloud.data.put(f"runs/{PIPELINE}/run-1/{name}.json", content)
    cloud.call("record", cloud.claimed(cloud.upload("a.csv", orders())) | SKIPPED)
    text = report_of(cloud)
    assert "Nothing drifted." in text
    assert "This section cannot be shown (KeyError:" in text


def test_a_report_that_cannot_be_kept_fails_no_run(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("s3").delete_bucket(Bucket="data")
    record = cloud.call("record", {"trigger": "manual", "pipeline": PIPELINE} | FAILURE)
    assert (record["verdict"], record["reason"], record["report"]) == ("failed", "it broke", "")
    assert "the run's report could not be made" in capsys.readouterr().out
    assert len(cloud.ledger.runs(PIPELINE)) == 1
