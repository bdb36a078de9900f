from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.files.reading import sheet_size
from contender.adapters.files.reading.sheet_size import check_cells, column_number, spanned
from contender.errors import BatchRejectedError
from tests.files_as_people_have_them.workbook import write_workbook


def sheet(xml: bytes) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", xml)
    return zipfile.ZipFile(buffer)


def size(xml: bytes) -> tuple[int, int]:
    archive = sheet(xml)
    return spanned(archive, archive.infolist()[0])


@given(st.integers(1, 16_384))
def test_letters_of_a_column_are_a_number_to_the_base_26_without_zero(number: int) -> None:
    letters, rest = "", number
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(ord("A") + digit) + letters
    assert column_number(letters.encode()) == number


@pytest.mark.parametrize(
    ("xml", "spans"),
    [
        (b'<row r="3"><c r="B3"/></row>', (2, 3)),
        (b"<row r='3'><c s='1' r='b3' t='s'/></row>", (2, 3)),
        (b'<x:row spans="1:2" r="7"><x:c r="B7"/></x:row>', (2, 7)),
        (b'<row r="7" spans="1:2"><c r="B7"/></row>', (2, 7)),
        (b'<row r="1"><c r="XFD1"/><c s="1" r="A1048576"/></row>', (16_384, 1_048_576)),
        (b'<row><c><v>r="XFD1048576"</v></c></row>', (1, 1)),  # the text of a cell is no place
        (b'<row r="1"><c r="C1"/><c/></row>' + b"<row><c/></row>" * 9, (4, 10)),
        (b"<row><c/><c/></row>" * 9, (2, 9)),
        (b'<row r="5"/><row><c/></row>', (1, 6)),
        (b'<col r="XFD9"/><rows r="9"/>', (0, 0)),
        (b"", (0, 0)),
    ],
)
def test_the_places_of_cells_and_rows_say_what_a_sheet_spans(xml: bytes, spans: tuple[int, int]) -> None:
    assert size(xml) == spans


@pytest.mark.parametrize("chunk", [1, 7, 30])
def test_a_place_on_the_border_of_two_chunks_is_seen(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_size, "CHUNK", chunk)
    assert size(b'<row r="1"><c r="A1"/></row><row r="2"><c r="XFD2"/></row>') == (16_384, 2)


def test_the_sheets_of_a_workbook_count_together() -> None:
    body = write_workbook([["a", "b"], [1, 2]], [["a"], [1], [2]])
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        check_cells(archive, most=7)
        with pytest.raises(BatchRejectedError, match=r"spans 1 columns and 3 rows; at most 6 cells of a workbook"):
            check_cells(archive, most=6)
