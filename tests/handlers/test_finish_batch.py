"""FinishBatch as Step Functions calls it."""

from __future__ import annotations

import json

import pytest

from contender.errors import IntegrityError, NotFoundError
from contender.storage import sha256
from tests.handlers.batches import Job, csv, job, put
from tests.handlers.conftest import STARTED_AT, Cloud, after, shop_without_data
from tests.handlers.serving import crown, first_model

BROKEN = {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "The threshold was exceeded"}
BAD = csv(5) + b"\nlots,o5,B\n7,o6\nmore,o7,A\n"


@pytest.fixture
def crowned(cloud: Cloud) -> Cloud:
    after(shop_without_data, first_model)
    return cloud


def test_the_manifest_names_every_object_with_its_rows_and_its_digest(crowned: Cloud) -> None:
    made = job(crowned, BAD, part_rows=4)
    manifest = made.run()
    assert [part["name"] for part in manifest["parts"]] == ["part-00000.parquet", "part-00001.parquet"]
    for listed in (*manifest["parts"], *manifest["rejected"]["parts"]):
        assert listed["sha256"] == sha256(made.read(listed["name"]))
        assert listed["bytes"] == len(made.read(listed["name"]))
    assert [part["rows"] for part in manifest["parts"]] == [4, 1]
    assert (manifest["rows"], manifest["predicted"], manifest["rejected"]["rows"]) == (8, 5, 3)
    assert manifest["rejected"]["reasons"] == [
        {"column": "amount", "rows": 2, "first_row": 6, "reason": "amount is 'lots', which is not a number"},
        {"column": "", "rows": 1, "first_row": 7, "reason": manifest["rejected"]["reasons"][1]["reason"]},
    ]
    assert manifest["rejected"]["reasons"][1]["reason"].startswith("line 8 has 2 cells, but the header has 3")
    assert manifest["source"]["read_as"] == "CSV with commas, utf-8"
    assert (manifest["model_version"], manifest["positive"]) == ("v1", "true")
    assert manifest["source"]["key"] == made.request["key"]
    assert manifest["source"]["version_id"] == made.request["version_id"]
    assert manifest["planned_at"] == STARTED_AT


def test_a_job_without_rejected_rows_is_worth_no_mail(crowned: Cloud) -> None:
    made = job(crowned, csv(3))
    made.predict(0)
    finish = made.finish()
    assert (finish["status"], finish["mail"], finish["rejected"]) == ("finished", False, 0)
    assert finish["reason"] == "3 of 3 rows predicted with v1"


def test_rejected_rows_are_told_with_their_reasons_and_where_they_are(crowned: Cloud) -> None:
    made = job(crowned, BAD)
    made.predict(0)
    finish = made.finish()
    assert finish["mail"]
    assert finish["subject"] == "[ticket] prod shop: 3 of 8 rows of May ü 1.csv rejected"
    assert "5 of 8 rows predicted with v1, 3 rejected: 2 × amount (row 6: amount is 'lots'" in finish["body"]
    assert f"s3://data/{made.folder.prefix}" in finish["body"]
    assert made.finish() == finish, "a repeated call has the same mail: the first one's answer may have been lost"


def test_another_execution_of_a_finished_job_says_nothing_again(crowned: Cloud) -> None:
    made = job(crowned, BAD)
    made.predict(0)
    made.finish()
    written = made.read("manifest.json")
    other = Job(crowned, made.request, run_id="batch-2")
    assert other.plan["status"] == "done"
    other.plan = made.plan  # it was planned before the first one finished
    assert other.finish()["mail"] is False
    assert made.read("manifest.json") == written


def test_without_all_parts_there_is_no_manifest(crowned: Cloud) -> None:
    made = job(crowned, csv(4), part_rows=2)
    made.predict(0)
    with pytest.raises(NotFoundError):
        made.finish()
    assert "manifest.json" not in made.objects()


def test_a_part_that_was_changed_since_is_not_put_into_a_manifest(crowned: Cloud) -> None:
    made = job(crowned, csv(4))
    made.predict(0)
    crowned.data.put(made.folder.key("part-00000.parquet"), b"other")
    with pytest.raises(IntegrityError, match=r"part-00000\.parquet of may-1-.* has changed; start the job again"):
        made.finish()


def test_a_refused_file_is_told_once(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", b"")
    made = Job(crowned, request)
    first, again = made.finish(), made.finish()
    assert (first["status"], first["mail"]) == ("failed", True)
    assert first["subject"] == "[ticket] prod shop: batch prediction of a.csv failed"
    assert "the file is empty (0 bytes)" in first["body"]
    assert "Correct the file" in first["body"]
    assert again == first
    later = Job(crowned, request, run_id="batch-2").finish()
    assert (later["status"], later["mail"]) == ("failed", False)
    assert json.loads(made.read("_job/failure.json"))["for_good"] is True


def test_a_file_that_came_too_early_can_be_started_again(cloud: Cloud) -> None:
    request = put(cloud, "a.csv", csv(3))
    early = Job(cloud, request).finish()
    assert "shop has no champion yet" in early["body"]
    assert "start the job again" in early["body"]
    crown(cloud)
    assert Job(cloud, request, run_id="batch-2").run()["predicted"] == 3


def test_a_failed_part_is_told_with_its_own_reason(crowned: Cloud) -> None:
    made = job(crowned, csv(4), part_rows=1)
    crowned.data.put(made.folder.key("_job/plan.json"), b"{}")
    for number in (2, 1):
        with pytest.raises(IntegrityError):
            made.predict(number)
    finish = made.finish(failure=BROKEN)
    assert finish["reason"].startswith("part 1: IntegrityError: the plan of may-1-")
    assert finish["reason"].endswith("(and 1 more part)")
    assert (finish["status"], finish["mail"]) == ("failed", True)


def test_what_an_earlier_attempt_failed_of_is_not_told_of_this_one(crowned: Cloud) -> None:
    made = job(crowned, csv(4))
    crowned.data.put(made.folder.key("_job/plan.json"), b"{}")
    with pytest.raises(IntegrityError):
        made.predict(0)
    made.run_id = "batch-2"
    assert made.finish(failure=BROKEN)["reason"] == f"{BROKEN['Error']}: {BROKEN['Cause']}"


def test_a_failure_before_there_was_a_plan_is_told(cloud: Cloud) -> None:
    made = Job(cloud, {"trigger": "schedule", "pipeline": "shop"})
    event = {"run_id": "r", "started_at": STARTED_AT, "state": made.request | {"failure": BROKEN}}
    from tests.handlers.conftest import Context

    finish = cloud.function("finish_batch").handler(event, Context())
    assert (finish["status"], finish["mail"]) == ("failed", True)
    assert "The threshold was exceeded" in finish["body"]
