"""PlanBatch as Step Functions calls it."""

from __future__ import annotations

import gzip
import io
import json
from datetime import datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contender.adapters.aws.batch_source import SourceReader
from contender.predictions import batch_plan
from contender.predictions.batch_folder import PLAN, UNDER_WAY_SECONDS
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


def kept(made: Job) -> list[pd.DataFrame]:
    """The rows of each part, as they are kept for the job."""
    return [pq.read_table(io.BytesIO(made.read(part["content"]))).to_pandas() for part in made.parts]


def test_a_file_is_cut_by_rows_and_what_the_model_needs_of_it_is_kept(crowned: Cloud) -> None:
    made = job(crowned, csv(5), part_rows=2)
    assert (made.plan["status"], made.plan["rows"], made.plan["parts"]) == ("planned", 5, 3)
    assert ranges(made.parts) == [(1, 2), (3, 2), (5, 1)]
    together = pd.concat(kept(made))
    assert together.to_dict("list") == {
        "": [1, 2, 3, 4, 5],
        "amount": ["0", "1", "2", "3", "4"],
        "carrier": ["A", "B", "A", "B", "A"],
    }


@pytest.mark.parametrize(
    ("body", "read_as"),
    [
        (b"amount;order;carrier\n1;a;A\n", "CSV with semicolons, utf-8"),
        (gzip.compress(b"amount\torder\tcarrier\n1\ta\tA\n", mtime=0), "CSV with tabs, utf-8, gzip"),
        (b'{"amount": 1, "order": "a", "carrier": "A"}\n', "JSON Lines, utf-8"),
        (parquet(pd.DataFrame({"amount": ["1"], "carrier": ["A"]})), "Parquet"),
    ],
)
def test_any_format_that_uploads_have_is_read_and_the_plan_says_as_what(
    crowned: Cloud, body: bytes, read_as: str
) -> None:
    made = job(crowned, body, name="a.dat")
    assert json.loads(made.read(PLAN))["read_as"] == read_as
    assert kept(made)[0][["amount", "carrier"]].values.tolist() == [["1", "A"]]


def test_parquet_keeps_its_types_and_is_cut_across_its_row_groups(crowned: Cloud) -> None:
    ids = pd.array([9007199254740993, None, 5], dtype="Int64")
    frame = pd.DataFrame({"amount": [1.0, 2.0, 3.0], "carrier": ids})
    made = job(crowned, parquet(frame, row_group_size=1), name="a.parquet", part_rows=2)
    assert ranges(made.parts) == [(1, 2), (3, 1)]
    table = pq.read_table(io.BytesIO(made.read(made.parts[0]["content"])))
    assert table["carrier"].to_pylist() == [9007199254740993, None]
    assert table["amount"].to_pylist() == [1.0, 2.0]


def test_planning_twice_keeps_one_copy(crowned: Cloud) -> None:
    request = put(crowned, "a.csv", csv(3))
    names = [name for name in Job(crowned, request).objects() if name != PLAN]
    boto3.client("s3").delete_object(Bucket="data", Key=Job(crowned, request).folder.key(PLAN))
    assert [name for name in Job(crowned, request).objects() if name != PLAN] == names


def test_a_large_file_has_larger_parts_not_more(crowned: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 20  # tests/unit/predictions/test_batch_plan.py holds files of any size to the real one
    monkeypatch.setattr(batch_plan, "MAX_PARTS", most)
    rows = 3 * most + 1
    frame = pd.DataFrame({"amount": np.arange(rows, dtype=float), "carrier": ["A"] * rows})
    made = job(crowned, parquet(frame), name="a.parquet", part_rows=1)
    assert made.plan["parts"] == 16
    assert sum(part["rows"] for part in made.parts) == rows
    text = job(crowned, csv(rows), part_rows=1)
    assert text.plan["parts"] == 16
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
        ("a.csv", b"amount\n1\n", "column carrier missing"),
        ("a.csv", b"amount:carrier\n1:A\n", "only one column was found, amount:carrier"),
        ("a.csv", b"amount,carrier,amount\n1,A,2\n", "column amount appears more than once; keep one"),
        ("a.csv", b"PAR1\0\0", "not a Parquet file, or cut off"),
        ("a.csv", b"amount,carrier\n1,\0\n", "not a CSV file: it contains zero bytes"),
        ("a.parquet", parquet(pd.DataFrame({"amount": [[1.0]], "carrier": ["A"]})), "amount holds list"),
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


def test_of_parquet_only_the_columns_that_the_model_needs_are_fetched(
    crowned: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = io.BytesIO()
    rows = 200_000
    random = np.random.default_rng(1)
    table = pa.table({"remark": random.random(rows), "amount": random.integers(0, 2, rows), "carrier": ["A"] * rows})
    pq.write_table(table, body, compression="none", use_dictionary=["amount", "carrier"])
    read = 0
    original = SourceReader.read

    def counted(reader: Any, start: int, stop: int) -> bytes:
        nonlocal read
        read += stop - start
        return bytes(original(reader, start, stop))

    with monkeypatch.context() as counting:
        counting.setattr(SourceReader, "read", counted)
        assert job(crowned, body.getvalue(), name="a.parquet").plan["rows"] == rows
    assert 0 < read < len(body.getvalue()) / 4
