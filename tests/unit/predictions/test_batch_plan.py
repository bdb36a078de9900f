"""Which file is which job, and the parts that it is cut into."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import BatchRejectedError
from contender.predictions.batch_plan import MAX_PARTS, PART_BYTES, JobPlan, Part, check_columns, row_ranges
from contender.predictions.ids import parse_prediction_id
from tests.unit.predictions.jobs import PLAN_MADE, SOURCE


def test_a_job_is_named_by_its_file_and_the_very_version_of_it() -> None:
    assert SOURCE.job.startswith("may-")
    assert replace(SOURCE, etag="other", size=1, modified_at=0.0).job == SOURCE.job
    others = [
        replace(SOURCE, version_id="v2"),
        replace(SOURCE, bucket="b"),
        replace(SOURCE, key="batch/x/in/May ü.csv"),
    ]
    assert len({SOURCE.job, *(other.job for other in others)}) == 4


def test_without_versions_the_etag_tells_two_files_apart() -> None:
    bare = replace(SOURCE, version_id="")
    assert bare.job != replace(bare, etag="e2").job


@given(st.text(max_size=200))
def test_a_job_is_a_folder_whatever_the_file_is_called(name: str) -> None:
    assert set(replace(SOURCE, key="batch/flights/in/" + name).job) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(rows=st.integers(1, 10**9), part_rows=st.integers(1, 10**6), row_bytes=st.floats(0, 1e9))
def test_parts_cover_all_rows_once_and_are_never_too_many(rows: int, part_rows: int, row_bytes: float) -> None:
    parts = row_ranges(rows, part_rows, row_bytes)
    assert len(parts) <= MAX_PARTS
    assert [part.start for part in parts] == [1, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == rows + 1
    assert all(parts)
    if len(parts) < MAX_PARTS // 2:
        assert len(parts[0]) <= part_rows
        assert len(parts[0]) * row_bytes <= PART_BYTES or len(parts[0]) == 1


def test_a_part_of_an_earlier_format_is_read_so_that_its_plan_can_be_refused() -> None:
    assert Part.from_dict({"part": 1, "start": 5, "stop": 9, "first_row": 3, "rows": 2}) == Part(1, 3, 2)


def test_columns_beside_the_features_may_be_there_and_in_any_order() -> None:
    check_columns(["target", "b", "remark", "a"], ["a", "b"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["a"], "column b missing, which the model needs; the file has a"),
        (["x", ""], "columns a, b missing, which the model needs; the file has x, ''"),
        (["a;b"], "only one column was found, a;b; the first line must be a header, with cells separated by commas"),
        (["a", "b", "b"], "column b appears more than once; keep one"),
        ([f"c{number}" for number in range(20)], "the file has c0, c1, c2"),
    ],
)
def test_a_file_without_a_feature_is_refused(columns: list[str], said: str) -> None:
    with pytest.raises(BatchRejectedError) as refused:
        check_columns(columns, ["a", "b"])
    assert said in str(refused.value)


def test_a_plan_is_read_as_it_was_written() -> None:
    assert JobPlan.from_json(PLAN_MADE.to_json()) == PLAN_MADE


def test_a_plan_of_an_earlier_format_is_read_so_that_a_job_that_is_done_can_end() -> None:
    content = json.loads(PLAN_MADE.to_json())
    del content["read_as"]
    assert JobPlan.from_json(json.dumps(content | {"format": 1}).encode()) == replace(PLAN_MADE, format=1, read_as="")


def test_the_ids_of_predictions_are_the_same_in_each_attempt_and_tell_when_the_file_came() -> None:
    later = replace(PLAN_MADE, run_id="r2", planned_at="later")
    assert later.request_id(3) == PLAN_MADE.request_id(3) != PLAN_MADE.request_id(4)
    assert parse_prediction_id(PLAN_MADE.request_id(3)).at == SOURCE.modified_at
