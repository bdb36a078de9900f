"""Frames of any numbers and texts come back through twelve dialects of CSV, digit for digit and letter for letter."""

from __future__ import annotations

import gzip
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.reading.open_file import open_file

NAMES = ("number", "text", "digits", "other")
Row = tuple[float | None, str | None, str, str | None]


def plain(body: bytes) -> bytes:
    return body


zstd = partial(pa.compress, codec="zstd", asbytes=True)

LATIN = st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from("éüñßÅ")
ANY = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
BREAKS = st.sampled_from("\n\t")
NO_DOUBLE_QUOTE = (ANY | BREAKS).filter(lambda letter: letter != '"')


@dataclass(frozen=True)
class Dialect:
    """How a frame is written.

    Attributes
    ----------
    always : whether every cell is in quotes, or only those that have to be.
    escape : what stands before a quote in a quoted cell.
    first : what stands before the header.
    letters : what texts are made of.
    """

    delimiter: str = ","
    always: bool = False
    end: str = "\n"
    encoding: str = "utf-8"
    pack: Callable[[bytes], bytes] = plain
    quote: str = '"'
    escape: str = ""
    first: str = ""
    letters: st.SearchStrategy[str] = ANY | BREAKS

    def write(self, rows: Sequence[Sequence[object]]) -> bytes:
        """None is a cell without anything, an empty text a pair of quotes."""
        lines = [self.delimiter.join(map(self._cell, row)) + self.end for row in (NAMES, *rows)]
        return self.pack((self.first + "".join(lines)).encode(self.encoding))

    def _cell(self, value: object) -> str:
        if value is None:
            return ""
        text = str(value)
        special = (self.delimiter, self.quote, "\n", "\r", *filter(None, [self.escape]))
        if not self.always and text and not any(mark in text for mark in special):
            return text
        escape = self.escape or self.quote
        if self.escape:
            text = text.replace(escape, escape * 2)
        return f"{self.quote}{text.replace(self.quote, escape + self.quote)}{self.quote}"


DIALECTS = {
    "commas": Dialect(),
    "commas, all quoted, Windows, with a mark": Dialect(always=True, end="\r\n", encoding="utf-8-sig"),
    "commas, gzip": Dialect(pack=gzip.compress),
    "commas, old Macintosh": Dialect(end="\r", letters=ANY),
    "semicolons, Windows, cp1252": Dialect(";", end="\r\n", encoding="cp1252", letters=LATIN),
    "semicolons, all quoted, UTF-16, gzip": Dialect(";", always=True, encoding="utf-16", pack=gzip.compress),
    "semicolons that a first line names": Dialect(";", end="\r\n", encoding="utf-16", first="sep=;\r\n"),
    "tabs, UTF-16 without a mark": Dialect("\t", encoding="utf-16-le", letters=LATIN | BREAKS),
    "tabs, UTF-16 with the large end first": Dialect("\t", encoding="utf-16-be", letters=LATIN),
    "tabs, all quoted, zstd": Dialect("\t", always=True, end="\r\n", pack=zstd, letters=ANY | BREAKS),
    "vertical bars": Dialect("|", letters=ANY | BREAKS),
    "single quotes around all": Dialect(always=True, quote="'", letters=NO_DOUBLE_QUOTE),
}


@st.composite
def frames(draw: st.DrawFn, letters: st.SearchStrategy[str]) -> list[Row]:
    texts = st.text(letters, max_size=8)
    row = st.tuples(
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | texts,
        st.integers(0, 10**30).map(str),
        st.none() | texts | st.sampled_from(["NA", "007", "1.50", "sep=;", "a,b;c|d"]),
    )
    return draw(st.lists(row, min_size=1, max_size=6))


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
@settings(max_examples=25)
@given(data=st.data())
def test_a_frame_comes_back_through_every_dialect(dialect: Dialect, data: st.DataObject) -> None:
    rows = data.draw(frames(dialect.letters))
    written = [(None if number is None else repr(number), *others) for number, *others in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(dialect.write(written))
        file = open_file(path, "file.csv", Path(folder))
        table = pa.Table.from_batches(list(file.batches()))
    assert file.names == NAMES
    assert [tuple(row.values()) for row in table.to_pylist()] == written
    numbers = read_numbers(table["c0"], CellStyle()).values
    assert [None if math.isnan(number) else number for number in numbers.tolist()] == [number for number, *_ in rows]
