"""How a batch job ends: its manifest, its reasons and its mails."""

from __future__ import annotations

from contender.predictions.batch_outcome import (
    Rejected,
    describe,
    merge_reasons,
    part_failures,
)
from tests.unit.predictions.jobs import manifest, report


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


def test_the_first_failed_part_speaks_for_the_others() -> None:
    assert part_failures([]) == ""
    assert (
        part_failures([b'{"part": 3, "reason": "c"}', b'{"part": 1, "reason": "a"}']) == "part 1: a (and 1 more part)"
    )
