"""Broken rows of a CSV file: each costs one row, the others keep their numbers, and its line is that of an editor."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contender.adapters.files.reading.marked_faults import MOST_FAULTS, count_rows
from contender.adapters.files.reading.open_file import open_file
from contender.errors import BatchRejectedError

HEADER = b"a,b,c\n"


def read(body: bytes, name: str = "a.csv") -> tuple[dict[int, list[str | None]], dict[int, tuple[int, str]]]:
    """The rows by their numbers, and line and text of those that are none."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(body)
        counted = count_rows(open_file(path, name, Path(folder)), Path(folder))
        rows = [list(row) for batch in counted.file.batches() for row in zip(*batch.to_pydict().values(), strict=True)]
    assert len(rows) == counted.rows
    good = {number: row for number, row in enumerate(rows, start=1) if number not in counted.faults}
    return good, {number: (fault.line, fault.text) for number, fault in counted.faults.items()}


def reasons(body: bytes) -> list[str]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(body)
        return [
            fault.reason for fault in count_rows(open_file(path, "a.csv", Path(folder)), Path(folder)).faults.values()
        ]


def test_a_row_with_too_few_or_too_many_cells_is_a_fault_and_its_neighbours_are_not() -> None:
    good, faults = read(HEADER + b"1,2,3\n4,5\n6,7,8,9\n10,11,12\n")
    assert good == {1: ["1", "2", "3"], 4: ["10", "11", "12"]}
    assert faults == {2: (3, "4,5"), 3: (4, "6,7,8,9")}


def test_a_quote_that_is_not_closed_costs_one_row() -> None:
    good, faults = read(HEADER + b'1,2,"open\n4,5,6\n7,8,9\n')
    assert good == {2: ["4", "5", "6"], 3: ["7", "8", "9"]}
    assert faults == {1: (2, '1,2,"open')}
    assert reasons(HEADER + b'1,2,"open\n4,5,6\n')[0].startswith("line 2 opens a quote that is not closed")


def test_quotes_that_pair_up_over_lines_cost_a_row_each() -> None:
    rows = [b"%d,2,3" % number for number in range(20)]
    for number in (2, 3, 7, 11, 12):
        rows[number] = b'%d,"2,3' % number
    good, faults = read(HEADER + b"\n".join(rows))
    assert sorted(faults) == [3, 4, 8, 12, 13]
    assert [good[number][0] for number in sorted(good)] == [str(n) for n in range(20) if n not in (2, 3, 7, 11, 12)]


def test_a_quote_that_is_not_closed_costs_one_row_of_a_long_file() -> None:
    good, faults = read(HEADER + b'1,2,"open\n' + b"4,5,6\n" * 100_000)
    assert (list(faults), len(good)) == ([1], 100_000)


def test_a_row_that_is_too_long_costs_one_row_and_a_large_cell_none() -> None:
    large = b"y" * 200_000
    found = reasons(HEADER + b"1,2," + b"x" * (17 << 20) + b"\n4,5,6\n7," + large + b"\n8,9," + large + b"\n")
    assert len(found) == 2
    assert found[0] == "line 2 has more than 16 MiB"
    assert found[1].startswith("line 4 has 2 cells, but the header has 3")


def test_a_cell_over_several_lines_is_one_cell_and_counts_its_lines() -> None:
    good, faults = read(HEADER + b'1,"two\nlines, and ""more""",3\n1,2\n')
    assert good == {1: ["1", 'two\nlines, and "more"', "3"]}
    assert faults == {2: (4, "1,2")}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_blank_lines_are_lines_and_no_rows(end: bytes) -> None:
    good, faults = read(end.join([b"", b"a,b,c", b"", b"1,2,3", b"", b"", b"4,5", b"6,7,8", b"", b"9", b""]))
    assert good == {1: ["1", "2", "3"], 3: ["6", "7", "8"]}
    assert faults == {2: (7, "4,5"), 4: (10, "9")}


def test_files_of_other_formats_are_counted_too() -> None:
    good, faults = read(b'{"a": 1}\n{"a": 2}\n', "a.jsonl")
    assert (good, faults) == ({1: ["1"], 2: ["2"]}, {})


def test_a_file_of_nothing_but_broken_rows_is_refused_with_the_first_of_them() -> None:
    with pytest.raises(BatchRejectedError, match="more than 10,000 rows cannot be read, the first of them: line 2 has"):
        read(HEADER + b"1,2\n" * (MOST_FAULTS + 5))


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")), min_size=3, max_size=3), min_size=1
    ),
    broken=st.sets(st.integers(0, 12)),
)
def test_whatever_is_in_the_cells_the_good_rows_keep_their_numbers(rows: list[list[str]], broken: set[int]) -> None:
    lines = []
    for number, row in enumerate(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(row)
        lines.append("1,2\n" if number in broken else text.getvalue())
    good, faults = read(("a,b,c\n" + "".join(lines)).encode())
    assert good == {number: row for number, row in enumerate(rows, start=1) if number - 1 not in broken}
    assert faults == {number: (number + 1, "1,2") for number in range(1, len(rows) + 1) if number - 1 in broken}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["a", ",", '"', "\n", "x,y,z\n"])).map("".join))
@example('1,2,"\n3,4,5\n6,7,8"\n')
@example('1,2,"open\n3,4,5\n')
@example('"\n"\n"x",')
def test_whatever_the_text_every_line_is_in_a_row_or_a_fault_or_blank(text: str) -> None:
    good, faults = read(HEADER + text.encode())
    lines = [line for line in text.split("\n") if line]
    in_rows = sum(1 + sum(cell.count("\n") for cell in row if cell) for row in good.values())
    assert sorted([*good, *faults]) == list(range(1, len(good) + len(faults) + 1))
    # Blank lines within a cell are counted with the row.
    assert in_rows + len(faults) >= len(lines)
    assert all(re.split("\n", "a,b,c\n" + text)[line - 1] == found for line, found in faults.values())
