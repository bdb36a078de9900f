"""Names, parts and words of batch jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import BatchRejectedError, IntegrityError
from contender.predictions.batch_jobs import (
    MAX_PARTS,
    PLAN,
    BatchRequest,
    BatchState,
    JobFolder,
    JobPlan,
    PartReport,
    Rejected,
    Source,
    Written,
    check_columns,
    is_to_predict,
    report_name,
    row_ranges,
)
from contender.predictions.batch_outcome import (
    build_manifest,
    describe,
    failure_mail,
    merge_reasons,
    part_failures,
    rejection_mail,
    summarise,
)
from contender.predictions.ids import parse_prediction_id
from contender.storage import sha256
from contender.workflow.messages import Failure
from tests.fakes import MemoryObjects

SOURCE = Source("data", "batch/flights/in/2013/May ü.csv", "v1", "e1", 100, 1_760_000_000.5)
PLAN_MADE = JobPlan(
    1, SOURCE.job, "flights", "r1", "2026-01-01T00:00:00Z", SOURCE, "m1", "sha", ("a", "b"), "", "key", 2, 8
)


def report(part: int, *, rows: int = 4, rejected: tuple[Rejected, ...] = ()) -> PartReport:
    put_aside = Written(f"rejected-{part}", len(rejected), 9, "sha", "etag") if rejected else None
    written = Written(f"part-{part}", rows - len(rejected), 9, "sha", "etag")
    return PartReport(part, rows, written, put_aside, summarise(rejected))


def manifest(*reports: PartReport) -> dict[str, Any]:
    model = {"task": "binary", "classes": ["no", "yes"], "positive": "yes"}
    return build_manifest(PLAN_MADE, model, reports, run_id="r1", finished_at="later", seconds=1.23456)


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


@pytest.mark.parametrize(
    ("key", "size", "expected"),
    [
        ("batch/f/in/a.csv", 1, True),
        ("batch/f/in/empty.csv", 0, True),
        ("batch/f/in/folder/", 0, False),
        ("batch/f/in/_SUCCESS", 0, False),
        ("batch/f/in/.hidden.csv", 5, False),
        ("batch/f/in/_temporary/a.csv", 5, True),
    ],
)
def test_folders_and_hidden_files_are_not_predicted(key: str, size: int, expected: bool) -> None:
    assert is_to_predict(key, size) is expected


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
        (["a", "b", "b"], "column b stands more than once; keep one"),
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


def test_a_report_is_read_as_it_was_written() -> None:
    for made in (report(0), report(1, rejected=(Rejected(2, "a", "bad", "x"),))):
        assert PartReport.from_json(made.to_json()) == made


def test_a_plan_is_written_once_and_whoever_comes_later_gets_that_one() -> None:
    folder = JobFolder(MemoryObjects(), "flights", "j")
    assert folder.settle(PLAN, b"first") == b"first"
    assert folder.settle(PLAN, b"second") == b"first"
    with pytest.raises(IntegrityError, match="was replaced"):
        folder.plan(sha256(b"second"))


def test_a_report_counts_only_while_its_objects_are_whole() -> None:
    objects = MemoryObjects()
    folder = JobFolder(objects, "flights", "j")
    assert folder.report(0) is None
    made = PartReport(0, 1, folder.write("part-00000.parquet", b"rows", rows=1))
    folder.write(report_name(0), made.to_json(), rows=0)
    assert folder.report(0) == made
    objects.put(folder.key("part-00000.parquet"), b"other")
    assert folder.report(0) is None
    objects.remove(folder.key("part-00000.parquet"))
    assert folder.report(0) is None


def test_reasons_are_counted_by_column_over_all_parts() -> None:
    first = report(0, rejected=(Rejected(2, "a", "a is 'x'", ""), Rejected(3, "", "has 1 cell", "")))
    second = report(1, rejected=(Rejected(5, "a", "a is 'y'", ""),))
    assert merge_reasons([second, first]) == [
        {"column": "a", "rows": 2, "first_row": 2, "reason": "a is 'x'"},
        {"column": "", "rows": 1, "first_row": 3, "reason": "has 1 cell"},
    ]


def test_a_manifest_adds_its_parts_up() -> None:
    found = manifest(report(0, rejected=(Rejected(2, "a", "bad", ""),)), report(1))
    assert (found["predicted"], found["rejected"]["rows"], found["seconds"]) == (7, 1, 1.235)
    assert found["parts"][1] == {"name": "part-1", "rows": 4, "bytes": 9, "sha256": "sha"}


def test_a_job_is_described_in_a_sentence() -> None:
    assert describe(manifest(report(0), report(1))) == "8 of 8 rows predicted with m1"
    many = tuple(Rejected(number + 1, f"c{number}", "bad", "") for number in range(4))
    assert describe(manifest(report(0, rejected=many), report(1))) == (
        "4 of 8 rows predicted with m1, 4 rejected: 1 × c0 (row 1: bad); 1 × c1 (row 2: bad); 1 × c2 (row 3: bad); "
        "and 1 more column"
    )


def test_mails_name_the_file_and_what_to_do() -> None:
    rejected = rejection_mail(manifest(report(0, rejected=(Rejected(2, "a", "bad", ""),))), where="s3://data/out/")
    assert rejected.subject == "[contender] flights: 1 row of a batch rejected"
    for told in (SOURCE.key, "s3://data/out/", "rejected-*.jsonl", "r1"):
        assert told in rejected.body
    request = BatchRequest("a" * 30, key="k" * 1000)
    for for_good, advice in ((True, "Correct the file"), (False, "start the job again")):
        failed = failure_mail(request, job="j", run_id="r", reason="because", for_good=for_good)
        assert len(failed.subject) <= 100
        assert advice in failed.body
        assert "because" in failed.body


def test_the_first_failed_part_speaks_for_the_others() -> None:
    assert part_failures([]) == ""
    assert (
        part_failures([b'{"part": 3, "reason": "c"}', b'{"part": 1, "reason": "a"}']) == "part 1: a (and 1 more part)"
    )


def test_a_state_is_read_with_the_sections_that_it_has() -> None:
    state = {
        "pipeline": "flights",
        "trigger": "upload",
        "key": "k",
        "size": 7,
        "plan": {"status": "done", "reason": "r"},
    }
    read = BatchState.from_dict({"run_id": "r", "started_at": "s", "state": state})
    assert (read.request.key, read.plan and read.plan.status, read.part, read.failure) == ("k", "done", None, None)
    part = {"part": 1, "start": 2, "stop": 3, "first_row": 4, "rows": 5}
    failed = {**state, "part": part, "failure": {"Error": "E", "Cause": "c"}}
    read = BatchState.from_dict({"run_id": "r", "started_at": "s", "state": failed})
    assert read.part is not None
    assert read.part.rows == 5
    assert read.failure == Failure("E", "c")
