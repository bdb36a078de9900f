"""The same rows in any form are the same dataset version: nothing is lost between a file and its rows."""

from __future__ import annotations

import csv
import decimal
import gzip
import io
import json
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files_as_people_have_them.door import Door
from tests.files_as_people_have_them.orders import ORDERS, WESTERN_CITIES, orders
from tests.files_as_people_have_them.workbook import write_workbook

ROWS = orders()
WESTERN = orders(cities=WESTERN_CITIES)


def text(rows: pd.DataFrame = ROWS, **options: Any) -> str:
    return str(rows.to_csv(index=False, **options))


def parquet(rows: pd.DataFrame = ROWS, *, schema: pa.Schema | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, schema=schema, preserve_index=None), buffer, **options)
    return buffer.getvalue()


def cast(**types: pa.DataType) -> bytes:
    """Parquet in which some columns have other types."""
    table = pa.Table.from_pandas(ROWS.assign(at=pd.to_datetime(ROWS["at"])), preserve_index=False)
    for name, kind in types.items():
        if isinstance(kind, pa.Decimal128Type):
            column = pa.array([decimal.Decimal(cell) for cell in table[name].to_pylist()], kind)
        else:
            column = table[name].cast(kind)
        table = table.set_column(table.column_names.index(name), name, column)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def json_lines(rows: pd.DataFrame = ROWS, *, end: str = "\n", leave_out_nulls: bool = False) -> bytes:
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    for record, (_, row) in zip(records, rows.iterrows(), strict=True):
        record["amount"] = None if pd.isna(row["amount"]) else row["amount"]
    if leave_out_nulls:
        records = [{key: value for key, value in record.items() if value is not None} for record in records]
    return end.join(json.dumps(record, ensure_ascii=False) for record in records).encode()


def workbook(*, first_sheet_is_empty: bool = False, with_dates: bool = False) -> bytes:
    rows = ROWS.assign(at=pd.to_datetime(ROWS["at"])) if with_dates else ROWS
    cells = [list(rows.columns), *rows.astype(object).where(rows.notna(), None).to_numpy().tolist()]
    return write_workbook(*([[]] if first_sheet_is_empty else []), cells)


def decomposed() -> bytes:
    return unicodedata.normalize("NFD", text()).encode()


def mixed_line_ends() -> bytes:
    lines = text(orders(cities=WESTERN_CITIES)).splitlines()
    ends = ["\r\n", "\n", "\r"]
    return "".join(line + ends[number % 3] for number, line in enumerate(lines)).encode()


def in_tokyo() -> pd.DataFrame:
    """The same moments as clocks in Tokyo show them."""
    return ROWS.assign(at=pd.to_datetime(ROWS["at"]).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))


def folders() -> pd.DataFrame:
    return ROWS.assign(note="C:\\temp\\")


def with_backslashes() -> bytes:
    return text(escapechar="\\", doublequote=False, quoting=csv.QUOTE_NONNUMERIC).encode()


zstd: Callable[[bytes], bytes] = partial(pa.compress, codec="zstd", asbytes=True)

FORMS: dict[str, tuple[Callable[[], bytes], str]] = {
    "tabs": (lambda: text(sep="\t").encode(), "a.tsv"),
    "semicolons": (lambda: text(sep=";").encode(), "a.csv"),
    "vertical bars": (lambda: text(sep="|").encode(), "a.txt"),
    "a line that names the delimiter": (lambda: b"sep=;\r\n" + text(sep=";").encode(), "a.csv"),
    "every cell in quotes": (lambda: text(quoting=csv.QUOTE_ALL).encode(), "a.csv"),
    "texts in quotes": (lambda: text(quoting=csv.QUOTE_NONNUMERIC).encode(), "a.csv"),
    "quotes behind backslashes": (with_backslashes, "a.csv"),
    "backslashes before quotes that close": (lambda: text(folders(), quoting=csv.QUOTE_ALL).encode(), "a.csv"),
    "a UTF-8 mark": (lambda: text().encode("utf-8-sig"), "a.csv"),
    "UTF-16 with a mark": (lambda: text().encode("utf-16"), "a.csv"),
    "UTF-16, large end first, with a mark": (lambda: b"\xfe\xff" + text().encode("utf-16-be"), "a.csv"),
    "UTF-16 without a mark": (lambda: text().encode("utf-16-le"), "a.csv"),
    "UTF-16, large end first, without a mark": (lambda: text().encode("utf-16-be"), "a.csv"),
    "decomposed accents": (decomposed, "a.csv"),
    "Windows line ends": (lambda: text(lineterminator="\r\n").encode(), "a.csv"),
    "no line end at the end": (lambda: text().rstrip("\n").encode(), "a.csv"),
    "blank lines before and after": (lambda: b"\n\n" + text().encode() + b"\n\n\n", "a.csv"),
    "blanks around names": (lambda: text().replace("order,at", " order , at", 1).encode(), "a.csv"),
    "columns in another order": (lambda: text(ROWS[ROWS.columns[::-1]]).encode(), "a.csv"),
    "a column that is ignored": (lambda: text(ROWS.assign(note="x, y\n\nz")).encode(), "a.csv"),
    "a cell of ten megabytes": (lambda: text(ROWS.assign(note=["x" * 10_000_000, *["y"] * 59])).encode(), "a.csv"),
    "times with a T and a zone": (
        lambda: text(ROWS.assign(at=ROWS["at"].str.replace(" ", "T") + "Z")).encode(),
        "a.csv",
    ),
    "times of another zone": (
        lambda: text(in_tokyo()).encode(),
        "a.csv",
    ),
    "gzip": (lambda: gzip.compress(text().encode()), "a.csv.gz"),
    "gzip in two parts": (lambda: gzip.compress(text()[:999].encode()) + gzip.compress(text()[999:].encode()), "a.csv"),
    "zstd": (lambda: zstd(text().encode()), "a.csv.zst"),
    "gzip of UTF-16 with tabs": (lambda: gzip.compress(text(sep="\t").encode("utf-16")), "a.csv"),
    "Parquet": (parquet, "a.parquet"),
    "Parquet without its ending": (parquet, "a"),
    "Parquet in small row groups": (lambda: parquet(row_group_size=7), "a.parquet"),
    "Parquet with an index that repeats": (lambda: parquet(ROWS.set_axis([*range(30)] * 2)), "a.parquet"),
    "Parquet whose index is the id": (lambda: parquet(ROWS.set_index("order")), "a.parquet"),
    "Parquet with categories": (lambda: parquet(ROWS.astype({"city": "category", "late": "category"})), "a.parquet"),
    "Parquet with nullable integers": (lambda: parquet(ROWS.astype({"items": "Int64"})), "a.parquet"),
    "Parquet with large strings": (lambda: cast(city=pa.large_string(), zip=pa.large_string()), "a.parquet"),
    "Parquet with dictionaries": (lambda: cast(city=pa.dictionary(pa.int8(), pa.string())), "a.parquet"),
    "Parquet with decimals": (lambda: cast(items=pa.decimal128(20, 3)), "a.parquet"),
    "Parquet with small unsigned integers": (lambda: cast(items=pa.uint8()), "a.parquet"),
    "Parquet with moments in a zone": (lambda: cast(at=pa.timestamp("us", "UTC")), "a.parquet"),
    "Parquet with seconds": (lambda: cast(at=pa.timestamp("s")), "a.parquet"),
    "JSON Lines": (json_lines, "a.jsonl"),
    "JSON Lines without nulls": (lambda: json_lines(leave_out_nulls=True), "a.jsonl"),
    "JSON Lines with Windows line ends": (lambda: json_lines(end="\r\n"), "a.ndjson"),
    "JSON Lines packed": (lambda: gzip.compress(json_lines()), "a.jsonl.gz"),
    "a workbook": (workbook, "a.xlsx"),
    "a workbook whose first sheet is empty": (lambda: workbook(first_sheet_is_empty=True), "a.xlsx"),
    "a workbook with its own dates": (lambda: workbook(with_dates=True), "a.xlsx"),
}

WESTERN_FORMS: dict[str, Callable[[], bytes]] = {
    "cp1252": lambda: text(WESTERN).encode("cp1252"),
    "cp1252 with semicolons": lambda: text(WESTERN, sep=";").encode("cp1252"),
    "line ends of old Macintoshes": lambda: text(WESTERN, lineterminator="\r").encode(),
    "line ends of several kinds": mixed_line_ends,
    "blank lines between the rows": lambda: text(WESTERN).replace("\n", "\n\n").encode(),
    "single quotes": lambda: text(WESTERN, quotechar="'", quoting=csv.QUOTE_ALL).encode(),
}
"""Forms that cannot have, or need not keep, a line end within a cell."""


@pytest.fixture(scope="module")
def plain() -> tuple[Door, str]:
    """A door, and the dataset version that the plain file became."""
    door = Door(ORDERS)
    report = door.receive(text().encode(), "plain.csv")
    assert (report.status, report.rows, report.rejected_rows) == ("accepted", len(ROWS), 0), report.reason
    return door, str(report.dataset_version)


@pytest.fixture(scope="module")
def western() -> tuple[Door, str]:
    """The same of a file that cp1252 can write."""
    door = Door(ORDERS)
    return door, str(door.receive(text(WESTERN).encode()).dataset_version)


@pytest.mark.parametrize(("make", "name"), FORMS.values(), ids=list(FORMS))
def test_any_form_of_a_file_holds_the_same_rows(make: Callable[[], bytes], name: str, plain: tuple[Door, str]) -> None:
    door, version = plain
    before = door.datasets
    report = door.receive(make(), name)
    assert (report.status, report.dataset_version) == ("duplicate", version), report.reason
    assert door.datasets == before


@pytest.mark.parametrize("make", WESTERN_FORMS.values(), ids=list(WESTERN_FORMS))
def test_any_form_of_a_file_without_foreign_letters_holds_the_same_rows(
    make: Callable[[], bytes], western: tuple[Door, str]
) -> None:
    door, version = western
    report = door.receive(make())
    assert (report.status, report.dataset_version) == ("duplicate", version), report.reason


def test_the_values_are_those_that_were_written() -> None:
    door = Door(ORDERS)
    rows = door.rows(door.receive(text().encode()))
    assert rows["amount"].equals(ROWS["amount"])
    for name in ("order", "city", "zip", "late"):
        assert [None if pd.isna(cell) else cell for cell in rows[name]] == [
            None if pd.isna(cell) else cell for cell in ROWS[name]
        ]
