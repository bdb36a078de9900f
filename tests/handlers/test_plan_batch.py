"""PlanBatch as Step Functions calls it."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contender.adapters.aws.batch_source import SourceReader
from contender.predictions.batch_folder import PLAN, UNDER_WAY_SECONDS
from contender.predictions.batch_plan import MAX_PARTS
from tests.handlers.batches import Job, csv, job, parquet, put
from tests.handlers.conftest import PIPELINE, STARTED_AT, Cloud, after, shop_without_data
from tests.handlers.serving import crown, first_model

SCHEDULE = {"trigger": "schedule", "pipeline": PIPELINE}


@pytest.fixture
def crowned(cloud: Cloud) -> Cloud:
    after(shop_without_data, first_model)
    return cloud


def ranges(parts: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(part["first_row"], part["rows"]) for part in parts]


def test_a_csv_file_is_cut_at_its_rows_and_nothing_of_it_is_copied(crowned: Cloud) -> None:
    body = csv(5)
    made = job(crowned, body, part_rows=2)
    assert (made.plan["status"], made.plan["rows"], made.plan["parts"]) == ("planned", 5, 3)
    assert ranges(made.parts) == [(1, 2), (3, 2), (5, 1)]
    pieces = [body[part["start"] : part["stop"]] for part in made.parts]
    assert b"".join([b"amount,order,carrier\n", *pieces]) == body
    assert [piece.count(b"o") for piece in pieces] == [2, 2, 1]


def test_a_parquet_file_is_cut_by_rows(crowned: Cloud) -> None:
    frame = pd.DataFrame({"amount": [1.0, 2.0, 3.0], "carrier": ["A", "B", None]})
    made = job(crowned, parquet(frame), name="a.parquet", part_rows=2)
    assert [(part["start"], part["stop"]) for part in made.parts] == [(0, 2), (2, 3)]


def test_a_large_file_has_larger_parts_not_more(crowned: Cloud) -> None:
    rows = 3 * MAX_PARTS + 1
    frame = pd.DataFrame({"amount": np.arange(rows, dtype=float), "carrier": ["A"] * rows})
    made = job(crowned, parquet(frame), name="a.parquet", part_rows=1)
    assert made.plan["parts"] <= MAX_PARTS
    assert sum(part["rows"] for part in made.parts) == rows
    text = job(crowned, csv(rows), part_rows=1)
    assert text.plan["parts"] <= MAX_PARTS
    assert sum(part["rows"] for part in text.parts) == rows


def test_the_plan_names_the_champion_and_a_later_one_changes_nothing(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    first = Job(crowned, request)
    crown(crowned, "v2", 0.02)
    second = Job(crowned, request, run_id="batch-2")
    assert second.plan == first.plan
    assert json.loads(second.read(PLAN))["version"] == "v1"


def test_the_same_event_is_the_same_job_and_another_version_of_the_file_is_another(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    assert Job(crowned, request).plan["job"] == Job(crowned, request).plan["job"]
    assert Job(crowned, put(crowned, "a.csv", csv(3))).plan["job"] != Job(crowned, request).plan["job"]


def test_an_event_without_a_version_means_the_newest(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    assert Job(crowned, request | {"version_id": ""}).plan["job"] == Job(crowned, request).plan["job"]


def test_the_very_version_of_the_event_is_read_not_what_came_after_it(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    put(crowned, "a.csv", csv(7))
    assert Job(crowned, request).plan["rows"] == 3


def test_columns_that_no_model_asks_for_may_be_there(crowned: Cloud) -> None:
    made = job(crowned, b"late,amount,remark,carrier\ntrue,1,x,A\n")
    assert made.plan["status"] == "planned"


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.csv", b"", "the file is empty (0 bytes)"),
        ("a.csv", b"amount,carrier\n", "the file has a header but no rows"),
        ("a.csv", b"order,amount\n1,2\n", "column carrier missing, which the model needs; the file has order, amount"),
        ("a.csv", b"amount;carrier\n1;A\n", "only one column was found, amount;carrier"),
        ("a.csv", b"amount,carrier,amount\n1,A,2\n", "column amount appears more than once; keep one"),
        ("a.csv", b"PAR1\0\0", "it contains zero bytes; is it Parquet? then name it .parquet"),
        ("a.parquet", b"amount,carrier\n1,A\n", "not a Parquet file, or cut off"),
        ("a.parquet", parquet(pd.DataFrame({"amount": [1.0]})), "column carrier missing"),
        ("a.parquet", parquet(pd.DataFrame({"amount": [1.0], "carrier": ["A"]})[:0]), "a header but no rows"),
        ("a.parquet", parquet(pd.DataFrame({"amount": [1.0], "carrier": ["A"]}))[:-40], "not a Parquet file"),
    ],
)
def test_a_file_that_cannot_be_predicted_is_refused_for_good(crowned: Cloud, name: str, body: bytes, said: str) -> None:
    plan = job(crowned, body, name=name).plan
    assert (plan["status"], plan["for_good"]) == ("refused", True)
    assert said in plan["reason"]


def test_before_the_first_champion_a_file_is_refused_for_now(cloud: Cloud) -> None:
    plan = job(cloud, csv(3)).plan
    assert (plan["status"], plan["for_good"]) == ("refused", False)
    assert plan["reason"] == "shop has no champion yet; upload data to train the first one"


def test_a_file_that_is_gone_is_refused(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    plan = Job(crowned, request | {"key": f"batch/{PIPELINE}/in/b.csv", "version_id": ""}).plan
    assert (plan["status"], plan["job"]) == ("refused", "")
    assert "was deleted before it was read" in plan["reason"]


@pytest.mark.parametrize("name", ["folder/", "_SUCCESS", "x/.part-0.crc"])
def test_folders_and_hidden_files_are_left_alone(crowned: Cloud, name: str) -> None:
    assert Job(crowned, put(crowned, name, b"")).plan["status"] == "ignored"


def test_a_finished_job_is_done(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    Job(crowned, request).run()
    assert Job(crowned, request, run_id="batch-2").plan["status"] == "done"


def waiting(cloud: Cloud, *, started_at: str = STARTED_AT) -> list[str]:
    """The files that the schedule would start a job for."""
    found = Job(cloud, SCHEDULE, started_at=started_at).plan
    if not found["files"]:
        return []
    listed = json.loads(cloud.data.get(found["key"]).body)
    assert len(listed) == found["files"]
    return [one["key"].rpartition("/")[2] for one in listed]


def test_the_schedule_finds_what_has_no_finished_job(crowned: Cloud) -> None:
    Job(crowned, put(crowned, "done.csv", csv(3))).run()
    for name in ("new.csv", "sub/newer.parquet", "_hidden", "folder/"):
        put(crowned, name, b"")
    assert sorted(waiting(crowned)) == ["new.csv", "newer.parquet"]


def test_the_schedule_finds_nothing_when_there_is_nothing(cloud: Cloud) -> None:
    assert waiting(cloud) == []


def test_the_schedule_takes_a_job_up_that_has_not_ended_in_its_time(crowned: Cloud) -> None:
    Job(crowned, put(crowned, "a.csv", csv(3)))
    assert waiting(crowned) == []
    later = datetime.fromisoformat(STARTED_AT) + timedelta(seconds=UNDER_WAY_SECONDS)
    assert waiting(crowned, started_at=later.isoformat()) == ["a.csv"]


def test_the_schedule_leaves_a_file_alone_that_was_refused_for_good(crowned: Cloud) -> None:
    Job(crowned, put(crowned, "bad.csv", b"")).finish()
    assert waiting(crowned) == []


def test_the_schedule_tries_a_job_again_that_failed_for_another_reason(cloud: Cloud) -> None:
    Job(cloud, put(cloud, "early.csv", csv(3))).finish()
    assert waiting(cloud) == ["early.csv"]


def test_the_schedule_names_versions_that_make_the_same_jobs_as_events_do(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    found = Job(crowned, SCHEDULE).plan
    (listed,) = json.loads(crowned.data.get(found["key"]).body)
    assert listed == {"key": request["key"], "version_id": request["version_id"]}


def test_only_the_end_of_a_parquet_file_is_read(crowned: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan costs no more for a large file than for a small one."""
    body = io.BytesIO()
    rows = 200_000
    table = pa.table({"amount": np.random.default_rng(1).random(rows), "carrier": ["A"] * rows})
    pq.write_table(table, body, compression="none", use_dictionary=False)
    read = 0
    original = SourceReader.read

    def counted(reader: Any, start: int, stop: int) -> bytes:
        nonlocal read
        read += stop - start
        return bytes(original(reader, start, stop))

    with monkeypatch.context() as counting:
        counting.setattr(SourceReader, "read", counted)
        assert job(crowned, body.getvalue(), name="a.parquet").plan["rows"] == rows
    assert 0 < read < len(body.getvalue()) / 10
