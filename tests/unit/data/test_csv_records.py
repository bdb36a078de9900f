"""CSV files with broken rows: who cuts and who reads count the same rows, and a broken row costs no other."""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contender.data.csv_records import Fault, Lines, Piece, cut, read_header, read_rows
from contender.errors import BatchRejectedError

WIDTH = 3


def chunked(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def pieces_of(body: bytes, *, rows: int = 1, width: int = WIDTH, size: int = 7) -> list[Piece]:
    return list(cut(Lines(chunked(body, size)), width=width, start=0, rows=rows, most_bytes=1 << 30))


def shown(body: bytes, width: int = WIDTH) -> list[list[str] | str]:
    return [row.reason if isinstance(row, Fault) else row for row in read_rows(body, width=width)]


@given(
    rows=st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=3, max_size=3)),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 40),
    every=st.integers(1, 4),
)
def test_pieces_of_a_good_file_hold_its_rows_whatever_is_in_the_cells(
    rows: list[list[str]], end: str, size: int, every: int
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    body = text.getvalue().encode()
    pieces = pieces_of(body, rows=every, size=size)
    assert [row for piece in pieces for row in read_rows(body[piece.start : piece.stop], width=WIDTH)] == rows
    assert [piece.rows for piece in pieces[:-1]] == [every] * (len(pieces) - 1)
    assert [piece.first_row for piece in pieces] == [1 + every * number for number in range(len(pieces))]


@given(
    body=st.lists(st.sampled_from([b"a", b",", b'"', b"\n", b"\r", b"\xc3", b"\xa4", b"\0", b"x,y,z\n"])).map(b"".join),
    every=st.integers(1, 3),
    size=st.integers(1, 9),
)
@example(body=b'1,2,"\n3,4,5\n6,7,8"\n', every=1, size=3)
@example(body=b'1,2,"open\n3,4,5\n', every=1, size=3)
@example(body=b'a,b,"x\ry,z\r"', every=2, size=1)
def test_whatever_the_bytes_the_pieces_have_the_rows_that_the_whole_has(body: bytes, every: int, size: int) -> None:
    pieces = pieces_of(body, rows=every, size=size)
    read = [list(read_rows(body[piece.start : piece.stop], width=WIDTH)) for piece in pieces]
    assert [len(rows) for rows in read] == [piece.rows for piece in pieces]
    assert [row for rows in read for row in rows] == list(read_rows(body, width=WIDTH))
    assert all(before.stop == after.start for before, after in pairwise(pieces))


def test_a_row_with_too_few_or_too_many_cells_is_a_fault_and_its_neighbours_are_not() -> None:
    assert shown(b"1,2,3\n4,5\n6,7,8,9\n10,11,12\n") == [
        ["1", "2", "3"],
        "has 2 cells, but the header has 3",
        "has 4 cells, but the header has 3",
        ["10", "11", "12"],
    ]


def test_a_quote_that_is_not_closed_costs_one_row() -> None:
    assert shown(b'1,2,"open\n4,5,6\n7,8,9\n') == ["opens a quote that is not closed", ["4", "5", "6"], ["7", "8", "9"]]


def test_a_quote_that_is_not_closed_costs_one_row_of_a_long_file() -> None:
    body = b'1,2,"open\n' + b"4,5,6\n" * 100_000
    rows = list(read_rows(body, width=WIDTH))
    assert len(rows) == 100_001
    assert [number for number, row in enumerate(rows) if isinstance(row, Fault)] == [0]


def test_a_quote_within_a_cell_is_part_of_it() -> None:
    assert shown(b'1,5" pipe,3\n') == [["1", '5" pipe', "3"]]


def test_a_cell_over_several_lines_is_one_cell() -> None:
    assert shown(b'1,"two\nlines, and ""more""",3\n') == [["1", 'two\nlines, and "more"', "3"]]


def test_text_that_is_not_utf8_or_holds_zero_bytes_is_a_fault() -> None:
    reasons = shown(b'1,\xff,3\n1,\0,3\n1,"\xff",3\n1,2,3')
    assert reasons[0] == "is not UTF-8 text: invalid start byte at byte 2"
    assert reasons[1] == "holds zero bytes"
    assert "is not UTF-8" in reasons[2]
    assert reasons[3] == ["1", "2", "3"]


def test_blank_lines_are_no_rows() -> None:
    assert shown(b"\n1,2,3\r\n\r\n\n4,5,6") == [["1", "2", "3"], ["4", "5", "6"]]


def test_a_fault_keeps_the_text_of_its_row() -> None:
    (fault,) = read_rows(b"4,5\n", width=WIDTH)
    assert isinstance(fault, Fault)
    assert fault.text == "4,5\n"


def test_a_piece_ends_when_it_has_enough_bytes_and_not_before_it_has_some() -> None:
    body = b"1,2,3\n" * 10
    large = list(cut(Lines([body]), width=WIDTH, start=0, rows=100, most_bytes=12))
    assert [piece.rows for piece in large] == [2] * 5
    small = list(cut(Lines([body]), width=WIDTH, start=0, rows=1, most_bytes=12, least_bytes=24))
    assert [piece.rows for piece in small] == [4, 4, 2]


@pytest.mark.parametrize(
    ("body", "names", "taken"),
    [
        (b"a,b\n1,2\n", ["a", "b"], 4),
        (b"\xef\xbb\xbfa, b \r\n1,2\n", ["a", "b"], 10),
        (b"\n\na,b\n", ["a", "b"], 6),
        (b'"a\nb",c\n1,2\n', ["a\nb", "c"], 8),
        (b"a,b", ["a", "b"], 3),
    ],
)
def test_the_header_is_what_comes_first(body: bytes, names: list[str], taken: int) -> None:
    assert read_header(Lines(chunked(body, 2))) == (names, taken)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the file is empty: it has no header line"),
        (b"\n\r\n", "the file is empty: it has no header line"),
        (b"PK\0\0", "not a CSV file: it contains zero bytes; is it Parquet? then name it .parquet"),
        (b"\xff\xfea\n", "not a CSV file: the header line is not UTF-8 text"),
        (b'"a,b\n1,2\n', "not a CSV file: the header line opens a quote that is not closed"),
    ],
)
def test_a_file_without_a_header_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BatchRejectedError, match=re.escape(said)):
        read_header(Lines([body]))


def test_a_line_without_an_end_is_no_csv_file() -> None:
    with pytest.raises(BatchRejectedError, match="a line has more than 16 MiB"):
        read_header(Lines(b"x" * (1 << 20) for _ in range(100)))
