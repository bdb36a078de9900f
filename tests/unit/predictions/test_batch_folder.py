"""A batch job's folder: what is in it, and what of it counts."""

from __future__ import annotations

import pytest

from contender.errors import IntegrityError
from contender.predictions.batch_folder import PLAN, JobFolder, PartReport, is_to_predict, report_name
from contender.predictions.batch_outcome import (
    Rejected,
)
from contender.storage import sha256
from tests.fakes import MemoryObjects
from tests.unit.predictions.jobs import report


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
