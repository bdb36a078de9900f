"""Which file is which job, and the parts that it is cut into."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import BatchRejectedError
from contender.predictions.batch_plan import MAX_PARTS, JobPlan, check_columns, row_ranges
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


@pytest.mark.parametrize(
    ("key", "kind"), [("a.parquet", "parquet"), ("a.PQ", "parquet"), ("a.csv", "csv"), ("a", "csv")]
)
def test_the_ending_says_what_a_file_is(key: str, kind: str) -> None:
    assert replace(SOURCE, key=key).kind == kind


@given(rows=st.integers(1, 10**9), part_rows=st.integers(1, 10**6))
def test_parts_cover_all_rows_once_and_are_never_too_many(rows: int, part_rows: int) -> None:
    if rows // part_rows > 10 * MAX_PARTS:
        rows = rows % (10 * MAX_PARTS * part_rows) + 1
    parts = row_ranges(rows, part_rows)
    assert len(parts) <= MAX_PARTS
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == rows
    assert all((part.stop - part.start, part.start + 1) == (part.rows, part.first_row) for part in parts)


def test_columns_beside_the_features_may_be_there_and_in_any_order() -> None:
    check_columns(["target", "b", "remark", "a"], ["a", "b"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["a"], "column b missing, which the model needs; the file has a"),
        (["x", ""], "columns a, b missing, which the model needs; the file has x, ''"),
        (["a;b"], "only one column was found, a;b; the file must be comma-separated with a header line"),
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


def test_the_ids_of_predictions_are_the_same_in_each_attempt_and_tell_when_the_file_came() -> None:
    later = replace(PLAN_MADE, run_id="r2", planned_at="later")
    assert later.request_id(3) == PLAN_MADE.request_id(3) != PLAN_MADE.request_id(4)
    assert parse_prediction_id(PLAN_MADE.request_id(3)).at == SOURCE.modified_at
