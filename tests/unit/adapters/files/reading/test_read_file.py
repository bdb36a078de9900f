"""A file as people have it is read as the same rows, and what it was taken for is said."""

from __future__ import annotations

import csv
import gzip
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.reading.unpacked import unpack
from contender.errors import BatchRejectedError
from tests.unit.adapters.files.reading.whole_file import WholeFile, read_bytes

ROWS = [["day", "amount", "city"], ["2026-01-01", "1.50", "Łódź"], ["2026-01-02", "", 'a "b", c'], ["", "-3", "x\ny"]]
WESTERN = [["day", "amount", "city"], ["2026-01-01", "1.50", "Köln"], ["2026-01-02", "", "São €"]]


def written(rows: list[list[str]], **dialect: Any) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, **dialect).writerows(rows)
    return buffer.getvalue()


def cells(content: WholeFile) -> list[list[str]]:
    frame = content.frame
    return [list(frame.columns), *frame.astype(object).where(frame.notna(), "").to_numpy().tolist()]


DIALECTS: dict[str, dict[str, Any]] = {
    "commas": {},
    "semicolons": {"delimiter": ";"},
    "tabs": {"delimiter": "\t"},
    "bars": {"delimiter": "|"},
    "every cell in quotes": {"quoting": csv.QUOTE_ALL},
    "one kind of line end": {"lineterminator": "\n"},
}
ENCODINGS: dict[str, str] = {"UTF-8": "utf-8", "UTF-8 with a mark": "utf-8-sig", "UTF-16": "utf-16"}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=list(ENCODINGS))
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_any_dialect_and_encoding_gives_the_same_cells(dialect: dict[str, Any], encoding: str) -> None:
    assert cells(read_bytes(written(ROWS, **dialect).encode(encoding), "a.csv")) == ROWS


def test_what_windows_writes_in_western_europe_is_read() -> None:
    content = read_bytes(written(WESTERN, delimiter=";").encode("cp1252"), "a.csv")
    assert cells(content) == WESTERN
    assert content.understood.sentence == "CSV with semicolons, cp1252"


@pytest.mark.parametrize("pack", [gzip.compress, partial(pa.compress, codec="zstd", asbytes=True)])
def test_a_packed_file_is_read_whatever_its_name_says(pack: Any) -> None:
    assert cells(read_bytes(pack(written(ROWS).encode()), "a.csv")) == ROWS


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_the_line_that_names_the_delimiter_for_spreadsheets_is_no_row(delimiter: str) -> None:
    assert cells(read_bytes(f"sep={delimiter}\r\n{written(ROWS, delimiter=delimiter)}".encode(), "a.csv")) == ROWS


def test_line_ends_of_several_kinds_are_read_and_said() -> None:
    content = read_bytes(b"a,b\r\n1,2\n3,4\r5,6\n", "a.csv")
    assert cells(content) == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]
    assert "line ends of several kinds" in content.understood.sentence


@pytest.mark.parametrize("text", ["\n\na,b\n1,2\n", 'a,"b"\n1,2', "'a','b'\n'1','2'\n", "a,b\n\n1,2\n\n"])
def test_blank_lines_and_quotes_do_not_matter(text: str) -> None:
    assert cells(read_bytes(text.encode(), "a.csv")) == [["a", "b"], ["1", "2"]]


def test_a_name_has_composed_accents_whatever_the_file_has() -> None:
    assert cells(read_bytes("gro\u0308\u00dfe,b\n1,2\n".encode(), "a.csv"))[0] == ["gr\u00f6\u00dfe", "b"]


def test_a_header_over_two_lines_is_a_header() -> None:
    assert cells(read_bytes(b'\n"a\nx",b\n1,2\n', "a.csv")) == [["a\nx", "b"], ["1", "2"]]


def test_text_with_commas_in_a_file_of_semicolons_stays_whole() -> None:
    assert cells(read_bytes(b"id;text\n1;hello, you\n2;a, b, c\n", "a.csv"))[2] == ["2", "a, b, c"]


def test_whole_numbers_of_json_lines_keep_all_their_digits() -> None:
    body = b'{"id": 12345678901234567890, "x": 1.10}\n\n{"id": 2, "x": null, "wei\\"rd.key": true}\n'
    content = read_bytes(body, "events.jsonl")
    assert cells(content) == [
        ["id", "x", 'wei"rd.key'],
        ["12345678901234567890", "1.1", ""],
        ["2", "", "true"],
    ]
    assert content.understood.sentence == "JSON Lines, utf-8"


@given(rows=st.lists(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), min_size=1), min_size=1))
@settings(max_examples=40)
def test_any_keys_and_texts_of_json_lines_are_read_back(rows: list[dict[str, str]]) -> None:
    body = "\n".join(json.dumps(row) for row in rows).encode()
    try:
        frame = read_bytes(body, "a.jsonl").frame
    except BatchRejectedError:
        assert any(
            "\0" in text or "\ud800" <= text[:1] <= "\udfff" for row in rows for pair in row.items() for text in pair
        )
        return
    for row, (_, found) in zip(rows, frame.iterrows(), strict=True):
        assert {key: value for key, value in found.items() if not pd.isna(value)} == row


def test_a_small_file_that_holds_a_very_large_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(8 << 20)))
    with pytest.raises(BatchRejectedError, match=r"unpacked it has more than 4 MiB \(the limit\)"):
        unpack(path, "gzip", tmp_path / "plain", most_bytes=4 << 20)


@pytest.mark.parametrize(("index", "expected"), [([7, 7, 8], ()), ([7, 8, 9], ("whatever",))])
def test_a_parquet_index_that_repeats_is_no_column_and_one_with_a_name_is(
    index: list[int], expected: tuple[str, ...]
) -> None:
    buffer = io.BytesIO()
    pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(index, name="whatever")).to_parquet(buffer)
    content = read_bytes(buffer.getvalue(), "a.parquet")
    assert content.index == expected
    assert content.frame["a"].tolist() == [1, 2, 3]
