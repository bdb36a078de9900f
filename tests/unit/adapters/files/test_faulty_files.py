"""A file that cannot be read right is refused once, with what to do; the rows that came before stay as they are."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from contender.adapters.files.reading.open_file import open_file
from contender.errors import BatchRejectedError
from contender.table import BLOCK
from tests.files_as_people_have_them.door import Door
from tests.files_as_people_have_them.orders import ORDERS, orders
from tests.files_as_people_have_them.workbook import MAIN, write_workbook

NEXT = orders(first=100)


def text(rows: pd.DataFrame = NEXT, **options: Any) -> str:
    return str(rows.to_csv(index=False, lineterminator="\n", **options))


def parquet(rows: pd.DataFrame = NEXT) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()


def change(line: int, old: str, new: str, **options: Any) -> bytes:
    """The plain file with another text in one of its lines; line 1 is the header. No cell has a line end."""
    lines = text(NEXT.assign(city="Rom"), **options).splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    return "".join(lines).encode()


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in members.items():
            file.writestr(name, body)
    return buffer.getvalue()


def workbook_bomb() -> bytes:
    """Some kilobytes that hold nine gigabytes of blanks: the sizes in the archive's list are enough to know."""
    body = archive({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b" " * 1_000_000})
    at = body.rfind(b"PK\x01\x02")  # the last entry of the list
    return body[: at + 24] + (0xF0000000).to_bytes(4, "little") + body[at + 28 :]


def stray_cell(place: str) -> bytes:
    """A workbook with a cell at its beginning and one far away, as a slip of the hand leaves it."""
    cells = "".join(f'<c r="{at}"><v>1</v></c>' for at in ("A1", place))
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData><row r="1">{cells}</row></sheetData></worksheet>'
    return with_sheet(write_workbook([["a"], [1]]), sheet.encode())


def with_sheet(workbook: bytes, sheet: bytes) -> bytes:
    """The workbook with another first sheet."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    return archive(members | {"xl/worksheets/sheet1.xml": sheet})


def of_a_later_version(workbook: bytes) -> bytes:
    """The archive's directory asks for a version of the format that there is not."""
    at = workbook.rfind(b"PK\x01\x02")
    return workbook[: at + 6] + (148).to_bytes(2, "little") + workbook[at + 8 :]


def other_types() -> pd.DataFrame:
    return NEXT.assign(items=[f"{number} pieces" for number in NEXT["items"]])


FAULTY: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "nothing": (lambda: b"", "a.csv", r"empty \(0 bytes\)"),
    "blank lines": (lambda: b"\r\n \r\n\r\n", "a.csv", "empty"),
    "a header alone": (lambda: text(NEXT.head(0)).encode(), "a.csv", "no rows"),
    "no header": (lambda: text(header=False).encode(), "a.csv", "header|missing"),
    "a title above the header": (
        lambda: b"Orders of January\n" + text().encode(),
        "a.csv",
        "only one column|header|line 2",
    ),
    "a quote that is not closed": (lambda: change(9, "Rom", '"Rom'), "a.csv", "line 9.*quote"),
    "a quote within a cell": (lambda: change(9, "Rom", '"Ro"m"'), "a.csv", "line 9.*quote"),
    "a row with a cell too many": (lambda: change(9, "Rom", "Rom,Italy"), "a.csv", "line 9 has 8 cells.*header has 7"),
    "a row with a cell too few": (lambda: change(9, "Rom,", ""), "a.csv", "line 9 has 6 cells.*header has 7"),
    "a file cut off in a row": (lambda: text(NEXT.assign(city="Rom")).encode()[:-12], "a.csv", "line 61 has . cells"),
    "a total below the rows": (lambda: text().encode() + b"Total: 60\n", "a.csv", "has 1 cells?"),
    "decimal commas between commas": (
        lambda: text().replace(".", ",").encode(),
        "a.csv",
        "line 2 has .* cells.*header has 7",
    ),
    "zero bytes": (lambda: change(9, "Rom", "R\0m"), "a.csv", "zero bytes"),
    "only zero bytes": (lambda: bytes(4096), "a.csv", "zero bytes|empty|UTF"),
    "two encodings": (
        lambda: text().encode() + text(orders(first=300).assign(city="Köln"), header=False).encode("cp1252"),
        "a.csv",
        "mixed encodings",
    ),
    "two encodings, and letters of UTF-8 that cp1252 does not have": (
        lambda: (
            (text(orders(first=300, cities=("ƍ",))) + text(NEXT.assign(city=""), header=False)).encode() + b"\xe9\n"
        ),
        "a.csv",
        "mixed encodings: line 2 is UTF-8",
    ),
    "UTF-16 cut off in a letter": (lambda: text().encode("utf-16")[:-1], "a.csv", "UTF-16"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "a.csv", "not .*(text|CSV)"),
    "a web page": (lambda: b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "a.csv", "column"),
    "a list of JSON objects": (lambda: NEXT.to_json(orient="records").encode(), "a.json", "on a line of its own"),
    "a list of JSON objects on many lines": (
        lambda: NEXT.to_json(orient="records", indent=2).encode(),
        "a.json",
        "on a line of its own",
    ),
    "a cell of twenty megabytes": (lambda: change(9, "Rom", "x" * 20_000_000), "a.csv", "line 9 has more than 16 MiB"),
    "a name that stands twice": (
        lambda: change(1, "items", "amount"),
        "a.csv",
        "amount.*(more than once|twice)|items missing",
    ),
    "a name with a slip": (lambda: change(1, "amount", "amuont"), "a.csv", "amount missing.*amuont.*amount"),
    "a column too many": (lambda: text(NEXT.assign(colour="red")).encode(), "a.csv", "colour not in the data contract"),
    "a delimiter at the end of each line": (
        lambda: text().replace("\n", ",\n").encode(),
        "a.csv",
        "column|cells|header",
    ),
    "five thousand columns too many": (
        lambda: text(pd.concat([NEXT, pd.DataFrame(0, NEXT.index, [f"x{n}" for n in range(4990)])], axis=1)).encode(),
        "a.csv",
        r"4,?990|and 49\d\d more",
    ),
    "more columns than are read": (
        lambda: text(pd.DataFrame(0, [0], [f"x{number}" for number in range(5001)])).encode(),
        "a.csv",
        "at most 5,000",
    ),
    "numbers that became texts": (lambda: text(other_types()).encode(), "a.csv", "items.*'2 pieces'.*not a number"),
    "numbers that became texts in Parquet": (lambda: parquet(other_types()), "a.parquet", "items.*'2 pieces'.*number"),
    "a label in another case": (lambda: text(NEXT.replace({"late": {"no": "NO"}})).encode(), "a.csv", "'NO'.*'no'"),
    "a label with a blank": (lambda: text(NEXT.replace({"late": {"no": "n o"}})).encode(), "a.csv", "'n o'.*'no'"),
    "labels that nobody gave": (lambda: text(NEXT.assign(late="")).encode(), "a.csv", "late has no value.*late_labels"),
    "no label column": (
        lambda: text(NEXT.drop(columns="late")).encode(),
        "a.csv",
        "late missing|without late|no labels",
    ),
    "the same id in all rows": (lambda: text(NEXT.assign(order="A-1")).encode(), "a.csv", "A-1 repeats line 2"),
    "an id twice with different labels": (
        lambda: text(pd.concat([NEXT, NEXT.assign(late=NEXT["late"].map({"no": "yes", "yes": "no"}))])).encode(),
        "a.csv",
        "A-00100 has .no. and .yes.",
    ),
    "a year of 2204": (
        lambda: text(NEXT.assign(at=NEXT["at"].str.replace("2026", "2204"))).encode(),
        "a.csv",
        "future",
    ),
    "no dates at all": (lambda: text(NEXT.assign(at="soon")).encode(), "a.csv", "at .*(time stamp|date)"),
    "an infinite number": (lambda: text(NEXT.assign(amount=float("inf"))).encode(), "a.csv", "amount.*'inf'"),
    "a column without any value": (
        lambda: text(NEXT.assign(amount=None)).encode(),
        "a.csv",
        "amount is missing in all",
    ),
    "one label in all rows": (
        lambda: text(orders(first=100, rows=200).assign(late="no")).encode(),
        "a.csv",
        "late is no in all",
    ),
    "CSV named Parquet": (lambda: text().encode(), "a.parquet", "not a Parquet file"),
    "Parquet cut off": (lambda: parquet()[:-100], "a.parquet", "not a Parquet file, or cut off"),
    "Parquet with lists": (lambda: parquet(NEXT.assign(city=[["a"]] * 60)), "a.parquet", "city.*(list|nested|neither)"),
    "Parquet with records": (
        lambda: parquet(NEXT.assign(city=[{"a": 1}] * 60)),
        "a.parquet",
        "city.*(struct|dict|nested|neither)",
    ),
    "Parquet with bytes": (lambda: parquet(NEXT.assign(city=[b"\xff"] * 60)), "a.parquet", "city.*(bytes|binary)"),
    "gzip that is cut off": (lambda: gzip.compress(text().encode())[:-30], "a.csv.gz", r"cut off \(gzip\)"),
    "an archive": (lambda: archive({"a.csv": text().encode()}), "a.zip", "zip archive of 1 file.*unpack"),
    "an archive in an archive": (lambda: gzip.compress(gzip.compress(text().encode())), "a.csv.gz", "packed|zip|text"),
    "a workbook that unpacks to gigabytes": (workbook_bomb, "a.xlsx", "MiB|damaged|not an .xlsx"),
    "a workbook with a stray cell in its last corner": (
        lambda: stray_cell("XFD1048576"),
        "a.xlsx",
        "spans 16,384 columns and 1,048,576 rows.*delete stray cells",
    ),
    "an archive of a version that there is not": (
        lambda: of_a_later_version(write_workbook([["a"], [1]])),
        "a.xlsx",
        "a damaged archive or workbook",
    ),
    "JSON Lines with a list": (lambda: b'{"order": "1", "city": ["a"]}\n', "a.jsonl", "city holds a list"),
    "JSON Lines that break off": (lambda: b'{"order": "1"}\n{"order": "2', "a.jsonl", "not JSON Lines.*|line 2"),
    "JSON Lines with other things": (lambda: b'{"order": "1"}\n[1, 2]\n"x"\n', "a.jsonl", "line 2 .*no object"),
}


@pytest.fixture(scope="module")
def door() -> Door:
    """Open for all faulty files in turn, after a good one."""
    opened = Door(ORDERS)
    assert opened.receive(text(orders()).encode()).status == "accepted"
    return opened


@pytest.mark.parametrize(("make", "name", "reason"), FAULTY.values(), ids=list(FAULTY))
def test_a_faulty_file_is_refused_once_with_what_to_do(
    make: Callable[[], bytes], name: str, reason: str, door: Door
) -> None:
    before = door.datasets
    report = door.receive(make(), name)
    assert report.status == "quarantined", report
    assert re.search(reason, report.reason), report.reason
    assert "\n" not in report.reason
    assert len(report.reason) < 2000
    assert door.datasets == before


def test_after_all_of_them_the_next_good_file_is_accepted(door: Door) -> None:
    assert door.receive(text(orders(first=60)).encode()).status == "accepted"


FEW: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a number that is none": (
        lambda rows: rows.assign(amount=rows["amount"].astype(object).where(rows.index != 7, "n/k")),
        "'n/k'",
    ),
    "a label that is missing": (lambda rows: rows.assign(late=rows["late"].where(rows.index != 7)), "late is missing"),
    "a label that nobody knows": (
        lambda rows: rows.assign(late=rows["late"].where(rows.index != 7, "Yes")),
        "'Yes'.*'yes'",
    ),
    "a time that is none": (lambda rows: rows.assign(at=rows["at"].where(rows.index != 7, "soon")), "at "),
    "a time to come": (lambda rows: rows.assign(at=rows["at"].where(rows.index != 7, "2204-01-01 00:00")), "future"),
    "an id that repeats": (
        lambda rows: rows.assign(order=rows["order"].where(rows.index != 7, rows["order"][6])),
        "A-00106 repeats line 9",
    ),
    "an id that is missing": (lambda rows: rows.assign(order=rows["order"].where(rows.index != 7)), "order is missing"),
}


@pytest.mark.parametrize(("spoil", "reason"), FEW.values(), ids=list(FEW))
def test_one_faulty_row_is_set_aside_and_the_others_are_used(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    door = Door(ORDERS)
    door.receive(text(orders()).encode())
    report = door.receive(text(spoil(orders(first=100))).encode())
    assert (report.status, report.rows, report.rejected_rows) == ("accepted", 59, 1), report.reason
    assert re.search(rf"\(line 10; .*{reason}", report.reason), report.reason  # a cell above has two lines


def test_a_header_in_the_middle_of_files_put_together_is_no_row() -> None:
    door = Door(ORDERS)
    report = door.receive(text(orders()).encode() + text(orders(first=60)).encode())
    assert (report.status, report.rows, report.rejected_rows) == ("accepted", 120, 1), report.reason
    assert "(line 68; amount is 'amount'" in report.reason  # seven cells above have two lines


def test_a_cumulative_export_adds_what_is_new_and_says_what_is_known() -> None:
    door = Door(ORDERS)
    door.receive(text(orders(rows=40)).encode())
    report = door.receive(text(orders(rows=60)).encode())
    assert (report.status, report.rows) == ("accepted", 20)
    assert "20 new, 40 known" in report.reason


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_correction_replaces_the_row_of_its_id(quoting: int) -> None:
    door = Door(ORDERS)
    door.receive(text(orders()).encode())
    corrected = orders().assign(late=lambda rows: rows["late"].where(rows.index >= 5, "maybe").replace("maybe", "yes"))
    changed = int((corrected["late"] != orders()["late"]).sum())
    report = door.receive(text(corrected, quoting=quoting).encode())
    assert report.rows == changed
    assert f"0 new, {60 - changed} known, {changed} corrected" in report.reason


SAME_ROWS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "another order of the rows": lambda rows: rows[::-1],
    "numbers with a point": lambda rows: rows.assign(items=rows["items"].astype(float)),
    "more digits than there are": lambda rows: rows.assign(items=[f"{number}.00" for number in rows["items"]]),
    "blanks around the labels": lambda rows: rows.assign(late=" " + rows["late"] + " "),
    "seconds in the times": lambda rows: rows.assign(at=rows["at"] + ":00"),
}


@pytest.mark.parametrize("write", SAME_ROWS.values(), ids=list(SAME_ROWS))
@pytest.mark.parametrize("row_id", ["order", ""], ids=["with an id", "without one"])
def test_a_file_of_known_rows_in_other_words_is_a_duplicate(
    write: Callable[[pd.DataFrame], pd.DataFrame], row_id: str
) -> None:
    ignored = ("note",) if row_id else ("note", "order")
    door = Door(replace(ORDERS, row_id=row_id, ignored=ignored))
    door.receive(text(orders()).encode())
    before = door.datasets
    report = door.receive(text(write(orders())).encode())
    assert report.status == "duplicate", report.reason
    assert door.datasets == before


def test_a_date_column_with_three_formats_has_the_same_days() -> None:
    door = Door(ORDERS)
    report = door.receive(text(NEXT.assign(at=["2026-01-05", "05.01.2026", "Jan 5, 2026"] * 20)).encode())
    assert set(door.rows(report)[BLOCK]) == {"2026-01-05"}


@pytest.mark.slow  # reads and writes many bytes
def test_five_thousand_columns_are_read_when_the_contract_has_them() -> None:
    rows = pd.concat([NEXT, pd.DataFrame(1.5, NEXT.index, [f"x{number}" for number in range(4990)])], axis=1)
    config = replace(ORDERS, ignored=("note", *(f"x{number}" for number in range(4990))))
    assert Door(config).receive(text(rows).encode()).rows == 60


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(bytes(8 << 20)),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(bytes(8 << 20)) * 100),
    "zstd": lambda: bytes(pa.compress(bytes(8 << 20), codec="zstd", asbytes=True)),
    "a workbook": lambda: archive({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": bytes(8 << 20)}),
    "Parquet that repeats a value": lambda: parquet(pd.DataFrame({"a": [1.0] * 600_000})),
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=list(BOMBS))
def test_a_small_file_that_holds_a_large_one_is_not_unpacked(make: Callable[[], bytes], tmp_path: Path) -> None:
    body = make()
    assert len(body) < 1 << 20
    (tmp_path / "file").write_bytes(body)
    with pytest.raises(BatchRejectedError, match=r"MiB|not a CSV file|UTF"):
        list(open_file(tmp_path / "file", "file", tmp_path, most_bytes=4 << 20).batches())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 16 << 20
