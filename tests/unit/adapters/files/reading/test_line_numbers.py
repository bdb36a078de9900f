"""Lines of rows, as an editor counts them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.reading.line_numbers import number_lines, places_of
from contender.adapters.files.reading.open_file import open_file


def lines(tmp_path: Path, body: str, name: str = "file.csv") -> list[tuple[str, int]]:
    """Each row's place."""
    path = tmp_path / name
    path.write_bytes(body.encode())
    file = open_file(path, name, tmp_path)
    rows = sum(batch.num_rows for batch in file.batches())
    places = places_of(file, rows)
    return [(places.unit, places.number(row)) for row in range(rows)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a,b\n1,2\n3,4\n", [2, 3]),
        ("a,b\r\n1,2\r\n3,4\r\n", [2, 3]),
        ("a,b\r1,2\r3,4\r", [2, 3]),
        ("sep=;\na;b\n1;2\n3;4", [3, 4]),
        ("\n\na,b\n1,2\n\n\n3,4\n", [4, 7]),
        ('a,b\n"one\ntwo\nthree",2\n3,4\n', [2, 5]),
        ('a,b\n"say ""a\nb""",2\n3,4\n', [2, 4]),
        ("\ufeffa,b\n1,2\n3,4\n", [2, 3]),
    ],
)
def test_of_csv_count_the_header_blank_lines_and_line_ends_in_quotes(
    body: str, expected: list[int], tmp_path: Path
) -> None:
    assert lines(tmp_path, body) == [("line", line) for line in expected]


def test_of_json_lines_count_blank_lines(tmp_path: Path) -> None:
    assert lines(tmp_path, '{"a": 1, "b": 2}\n\n{"a": 3, "b": 4}\n', "file.jsonl") == [("line", 1), ("line", 3)]


QUOTING = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL]
CELL = st.text(st.sampled_from('ab,"\n '), max_size=6)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, st.just("x")), max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_are_those_that_pythons_reader_is_at_before_each_row(
    rows: list[tuple[str, str]], quoting: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([("a", "b"), *rows])
    path = tmp_path_factory.mktemp("lines") / "file.csv"
    path.write_text(text.getvalue(), newline="")
    reader = csv.reader(io.StringIO(text.getvalue(), newline=""))
    next(reader)
    starts = [reader.line_num + 1]
    starts += [reader.line_num + 1 for _ in reader]
    found = number_lines(path, skip=1, quote='"')
    assert [found.of(row) for row in range(found.rows)] == starts[: len(rows)]
    assert found.rows == len(rows)
