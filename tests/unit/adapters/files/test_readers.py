"""Any bytes under any name end as a typed table or as a reason that says what to fix."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.parquet_rows import read_parquet, write_parquet
from contender.adapters.files.readers import read_batch
from contender.data.contract.batch import ParsedBatch
from contender.data.contract.rows import Checked, check_rows
from contender.errors import BatchRejectedError
from contender.pipeline.cell_defaults import MISSING_TEXTS
from contender.pipeline.config import PipelineConfig
from contender.table import Table, as_category

CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    time="at",
    row_id="order",
    numeric=("amount",),
    categorical=("carrier",),
    ignored=("note",),
)
GOOD = """order,at,amount,carrier,late
1,2026-01-01T00:00:00Z,10.5,UA,yes
2,2026-01-01T01:00:00Z,20,AA,no
3,2026-01-02T00:00:00Z,,,yes
"""


def parse(text: str | bytes, config: PipelineConfig = CONFIG, name: str = "incoming/shop/a b ü.csv") -> ParsedBatch:
    return read_batch(text.encode() if isinstance(text, str) else text, name, config)


def accept(text: str | bytes, config: PipelineConfig = CONFIG, name: str = "a.csv") -> tuple[ParsedBatch, Checked]:
    batch = parse(text, config, name)
    return batch, check_rows(batch, config)


def refusal(text: str | bytes, name: str = "a.csv") -> str:
    """Why a file is refused; empty when it is accepted. Whatever else is raised is a bug."""
    try:
        accept(text, name=name)
    except BatchRejectedError as refused:
        return str(refused) or "no reason at all" * 1000
    return ""


def parquet(frame: pd.DataFrame, **options: Any) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, **options)
    return buffer.getvalue()


def frame(**changes: Any) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "order": [1, 2, 3],
        "at": pd.to_datetime(["2026-01-01T00:00Z", "2026-01-01T01:00Z", "2026-01-02T00:00Z"]),
        "amount": [10.5, 20.0, None],
        "carrier": ["UA", "AA", None],
        "late": ["yes", "no", "yes"],
    }
    return pd.DataFrame(columns | changes)


def archive(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return buffer.getvalue()


def same(one: Table, other: Table) -> bool:
    return set(one.columns) == set(other.columns) and all(
        np.array_equal(one[name], other[name], equal_nan=one[name].dtype != object) for name in one.columns
    )


def test_a_good_file_is_read_with_missing_values_as_missing() -> None:
    batch, checked = accept(GOOD)
    assert checked.accepted.all()
    np.testing.assert_array_equal(batch.table["amount"], [10.5, 20.0, np.nan])
    assert batch.table["carrier"].tolist() == ["UA", "AA", None]
    assert batch.time_is_timestamp
    assert batch.time is not None
    assert batch.time.tolist() == [1767225600.0, 1767229200.0, 1767312000.0]


def test_parquet_and_csv_of_the_same_rows_read_the_same() -> None:
    from_csv, from_parquet = parse(GOOD), parse(parquet(frame()), name="a.parquet")
    assert same(from_csv.table, from_parquet.table)
    np.testing.assert_array_equal(from_csv.time, from_parquet.time)


@pytest.mark.parametrize("missing", ["", " ", *MISSING_TEXTS])
def test_every_way_of_writing_nothing_is_missing(missing: str) -> None:
    batch = parse(f"order,at,amount,carrier,late\n1,2026-01-01,{missing},{missing},yes\n")
    assert np.isnan(batch.table["amount"][0])
    assert batch.table["carrier"][0] is None
    assert batch.unreadable == {}


ACCEPTED_TEXTS = {
    "a byte order mark": "\ufeff" + GOOD,
    "Windows line ends": GOOD.replace("\n", "\r\n"),
    "old Macintosh line ends": GOOD.replace("\n", "\r"),
    "no last line end": GOOD.rstrip(),
    "blank lines": GOOD.replace("\n", "\n\n"),
    "spaces around the column names": GOOD.replace("order,at", " order , at"),
    "spaces around the values": GOOD.replace(",UA,", ", UA ,").replace(",20,", ", 20 ,"),
    "quoted values": GOOD.replace("UA", '"UA"').replace("10.5", '"10.5"'),
    "columns in another order": pd.read_csv(io.StringIO(GOOD))[["late", "amount", "at", "carrier", "order"]].to_csv(
        index=False
    ),
    "an ignored column": pd.read_csv(io.StringIO(GOOD)).assign(note="a, b\nc").to_csv(index=False),
    "scientific notation": GOOD.replace("10.5", "1.05e1").replace(",20,", ",2E+1,"),
}


@pytest.mark.parametrize("text", ACCEPTED_TEXTS.values(), ids=list(ACCEPTED_TEXTS))
def test_a_file_that_only_looks_different_reads_the_same(text: str) -> None:
    batch, checked = accept(text)
    assert checked.accepted.all()
    assert same(batch.table, parse(GOOD).table)


HEADER = "order,at,amount,carrier,late\n"

REFUSED_FILES: dict[str, tuple[bytes, str, str]] = {
    "0 bytes": (b"", "a.csv", "the file is empty (0 bytes)"),
    "0 bytes of Parquet": (b"", "a.parquet", "the file is empty (0 bytes)"),
    "only blank lines": (b"\n \n\n", "a.csv", "the file is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "a.csv", "the file is empty"),
    "only a header": (HEADER.encode(), "a.csv", "the file has a header but no rows"),
    "a missing column": (GOOD.replace("amount", "price").encode(), "a.csv", "column amount missing"),
    "no header": (GOOD.split("\n", 1)[1].encode(), "a.csv", "columns amount, carrier, order, late, at missing"),
    "an unknown column": (
        pd.read_csv(io.StringIO(GOOD)).assign(color=1).to_csv(index=False).encode(),
        "a.csv",
        "column color not in the data contract; add to numeric, categorical or ignored in pipelines/shop.toml",
    ),
    "an unnamed index column": (
        pd.read_csv(io.StringIO(GOOD)).to_csv().encode(),
        "a.csv",
        "column '' not in the data contract",
    ),
    "a column that stands twice": (
        "".join(f"{line},{line.split(',')[2]}\n" for line in GOOD.splitlines()).encode(),
        "a.csv",
        "column amount appears more than once",
    ),
    "binary junk": (bytes(range(256)) * 20, "a.csv", "not UTF-8 text"),
    "CSV named .parquet": (GOOD.encode(), "a.parquet", "not a Parquet file, or cut off"),
    "Parquet cut off": (parquet(frame())[:-20], "a.parquet", "not a Parquet file, or cut off"),
    "Parquet cut off in the middle": (parquet(frame())[:200], "a.parquet", "not a Parquet file, or cut off"),
    "a row with a cell too many": ((GOOD + "4,2026-01-03,1,UA,no,9\n").encode(), "a.csv", "line 5"),
    "all rows with a cell too many": (GOOD.replace("Z,", "Z,9,").encode(), "a.csv", "line 2"),
    "a quote that never closes": (
        GOOD.replace("UA", '"UA').encode(),
        "a.csv",
        "line 2 opens a quote that is not closed",
    ),
    "two encodings": (
        GOOD.encode().replace(b"UA", "é".encode()).replace(b"AA", "é".encode("cp1252")),
        "a.csv",
        "mixed encodings: line 2 is UTF-8, others are not",
    ),
    "half of UTF-16": (GOOD.encode("utf-16")[:-1], "a.csv", "not UTF-16-LE text: truncated data at byte"),
    "a damaged archive": (b"PK\x03\x04\x14\x00\x00\x00" + bytes(50), "a.csv", "a damaged archive or workbook"),
    "an archive": (archive({"a.csv": GOOD}), "a.zip", "a zip archive of 1 files; unpack it"),
    "gzip that is cut off": (gzip.compress(GOOD.encode())[:-9], "a.csv.gz", "damaged or cut off (gzip)"),
    "zstd that is damaged": (pa.compress(GOOD.encode(), codec="zstd", asbytes=True)[:-4] + b"abcd", "a.csv", "(zstd)"),
    "a list in JSON Lines": (b'{"order": 1, "at": "2026-01-01"}\n{"order": [1]}\n', "a.jsonl", "order holds a list"),
    "a line that is no JSON": (b'{"order": 1}\n{"order": \n', "a.jsonl", "not JSON Lines"),
}


@pytest.mark.parametrize(("body", "name", "reason"), REFUSED_FILES.values(), ids=list(REFUSED_FILES))
def test_a_file_that_cannot_be_used_is_refused_with_what_to_fix(body: bytes, name: str, reason: str) -> None:
    with pytest.raises(BatchRejectedError) as refused:
        accept(body, name=name)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_row_that_ends_early_is_refused_with_its_line() -> None:
    with pytest.raises(BatchRejectedError, match=r"line 3 has 3 cells, but the header has 5"):
        accept(GOOD.replace(",AA,no", ""))


def test_a_value_over_several_lines_stays_one_value() -> None:
    batch, _ = accept(GOOD.replace("UA", '"U\nA, really"'))
    assert batch.table["carrier"][0] == "U\nA, really"


@pytest.mark.parametrize("name", ["a.parquet", "a.PARQUET", "a.pq"])
def test_parquet_is_known_by_its_name(name: str) -> None:
    assert len(parse(parquet(frame()), name=name).table) == 3


@pytest.mark.parametrize("text", ["abc", "1,50,", "12 km", "inf", "-Infinity", "1e999", "0x1F", "1_000", "True", "--1"])
def test_what_is_no_finite_number_is_noted_with_its_row(text: str) -> None:
    batch = parse(HEADER + f'1,2026-01-01,"{text}",UA,yes\n2,2026-01-02,5,UA,no\n')
    assert batch.unreadable == {"amount": {0: text}}
    assert np.isnan(batch.table["amount"][0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("123456789012345678901234567890", 1.2345678901234568e29),
        ("-0", 0.0),
        ("+1.5", 1.5),
        ("1e308", 1e308),
        (".5", 0.5),
    ],
)
def test_a_large_or_odd_number_is_a_number(text: str, value: float) -> None:
    batch = parse(HEADER + f"1,2026-01-01,{text},UA,yes\n")
    assert batch.table["amount"][0] == value


@pytest.mark.parametrize("body", ["True", "true", "1", "1.0", " 1"])
def test_a_category_is_written_in_one_way(body: str) -> None:
    batch = parse(HEADER + f"1,2026-01-01,1,{body},yes\n")
    assert batch.table["carrier"][0] == as_category(body.strip())


FRAMES: dict[str, tuple[pd.DataFrame, dict[str, list[Any]]]] = {
    "whole numbers with a hole, as pandas makes them floats": (
        frame(carrier=[1.0, 2.0, None]),
        {"carrier": ["1", "2", None]},
    ),
    "whole numbers with a hole, as pandas' own integers": (
        frame(carrier=pd.array([1, 2, None], dtype="Int64")),
        {"carrier": ["1", "2", None]},
    ),
    "booleans": (frame(carrier=[True, False, None], late=[True, False, True]), {"carrier": ["true", "false", None]}),
    "pandas categories": (frame(carrier=pd.Categorical(["UA", "AA", None])), {"carrier": ["UA", "AA", None]}),
    "small floats": (frame(amount=np.array([10.5, 20, np.nan], dtype="float32")), {"amount": [10.5, 20.0, None]}),
    "whole numbers": (frame(amount=[1, 2, 3]), {"amount": [1.0, 2.0, 3.0]}),
    "numbers as text": (frame(amount=["10.5", "20", None]), {"amount": [10.5, 20.0, None]}),
    "unsigned numbers": (frame(amount=np.array([1, 2, 2**63], dtype="uint64")), {"amount": [1.0, 2.0, 2.0**63]}),
}


@pytest.mark.parametrize(("content", "expected"), FRAMES.values(), ids=list(FRAMES))
def test_a_parquet_column_of_any_type_is_read_as_the_contract_says(
    content: pd.DataFrame, expected: dict[str, list[Any]]
) -> None:
    batch, checked = accept(parquet(content), name="a.parquet")
    assert checked.accepted.all()
    for name, values in expected.items():
        found = [None if pd.isna(value) else value for value in batch.table[name]]
        assert found == values


@pytest.mark.parametrize("numbers", [[True, False, True], pd.Categorical(["a", "b", "a"])])
def test_a_parquet_column_that_is_no_number_is_refused_as_the_same_csv_is(numbers: Any) -> None:
    content = frame(amount=numbers)
    for body, name in ((parquet(content), "a.parquet"), (content.to_csv(index=False).encode(), "a.csv")):
        with pytest.raises(BatchRejectedError, match=r"amount is '(True|a)', which is not a number"):
            accept(body, name=name)


@pytest.mark.parametrize("value", [["a", "b"], {"a": 1}, b"bytes"])
def test_a_parquet_column_of_nested_values_is_refused(value: Any) -> None:
    with pytest.raises(BatchRejectedError, match=r"carrier holds .* values, which are neither text nor numbers"):
        accept(parquet(frame(carrier=[value, value, value])), name="a.parquet")


def test_a_parquet_file_with_an_index_of_its_own_reads_by_position() -> None:
    content = frame(amount=["x", "20", "30"]).set_index(pd.Index([7, 8, 9], name="whatever"))
    assert parse(parquet(content), name="a.parquet").unreadable == {"amount": {0: "x"}}


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (["2026-01-01", "2026-01-02"], [1767225600.0, 1767312000.0]),
        (["2026-01-01 00:00", "2026-01-01T00:00:00.5+00:00"], [1767225600.0, 1767225600.5]),
        (["2026-01-01T01:00+01:00", "2026-01-01T00:00Z"], [1767225600.0, 1767225600.0]),
        (["20260101", "20260102"], [1767225600.0, 1767312000.0]),
        (["31/12/2025", "01/01/2026"], [1767139200.0, 1767225600.0]),
        (["1767225600500"], [1767225600.5]),
        (["1.5", "-2"], [1.5, -2.0]),
    ],
)
def test_a_time_is_a_time_stamp_or_a_number(times: list[str], seconds: list[float]) -> None:
    batch = parse(HEADER + "".join(f"{row},{time},1,UA,yes\n" for row, time in enumerate(times)))
    assert batch.time is not None
    assert batch.time.tolist() == seconds
    assert batch.time_is_timestamp == (seconds[0] > 1e8)


@pytest.mark.parametrize("time", ["yesterday", "31/13/2025", "", "2026-13-01", "nan"])
def test_a_time_that_cannot_be_read_rejects_its_row(time: str) -> None:
    batch = parse(GOOD.replace("2026-01-01T00:00:00Z", time))
    lenient = replace(CONFIG, validation=replace(CONFIG.validation, max_rejected_fraction=1.0))
    checked = check_rows(batch, lenient)
    assert checked.rejected == {0: "at is not a date, a time stamp or a number"}


def test_parquet_dates_are_time_stamps() -> None:
    dates = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]).date
    batch = parse(parquet(frame(at=dates)), name="a.parquet")
    assert batch.time_is_timestamp
    assert batch.time is not None
    assert batch.time[0] == 1767225600.0


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8).map(as_category)
READABLE = TEXTS.filter(lambda text: text is None or text not in MISSING_TEXTS)
NUMBERS = st.floats(allow_infinity=False, width=64)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(1, 12))
    numbers = draw(st.lists(NUMBERS, min_size=rows, max_size=rows))
    texts = [draw(st.lists(READABLE, min_size=rows, max_size=rows)) for _ in range(2)]
    order = np.arange(rows).astype(str).astype(object)
    carrier, late = (np.array([*values, None], dtype=object)[:-1] for values in texts)
    return Table({"amount": np.array(numbers, dtype=np.float64), "carrier": carrier, "late": late, "order": order})


PLAIN = replace(CONFIG, time="")


@given(table=tables())
def test_a_table_written_as_parquet_reads_back_the_same(table: Table) -> None:
    assert same(read_parquet(write_parquet(table)), table)
    assert same(parse(write_parquet(table), PLAIN, "a.parquet").table, table)


@given(table=tables())
def test_a_table_written_as_csv_reads_back_the_same(table: Table) -> None:
    content = pd.DataFrame(dict(table.columns)).to_csv(index=False)
    assert same(parse(content, PLAIN).table, table)


def test_the_same_table_gives_the_same_bytes() -> None:
    table = parse(GOOD).table
    assert write_parquet(table) == write_parquet(table)


def test_a_dataset_can_be_read_in_part() -> None:
    assert list(read_parquet(write_parquet(parse(GOOD).table), ["amount"]).columns) == ["amount"]


@settings(max_examples=100)
@given(body=st.binary(max_size=300), name=st.sampled_from(["a.csv", "a.parquet"]))
def test_no_bytes_end_in_anything_but_a_table_or_a_reason(body: bytes, name: str) -> None:
    reason = refusal(body, name=name)
    assert len(reason) < 2_000


@settings(max_examples=100)
@given(data=st.data())
def test_no_damaged_parquet_file_ends_in_anything_but_a_table_or_a_reason(data: st.DataObject) -> None:
    body = bytearray(parquet(frame()))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    reason = refusal(bytes(body), name="a.parquet")
    assert len(reason) < 2_000


TEXT_CELLS = st.one_of(st.sampled_from(["1", "x", "", '"', "a,b", "\n", "2026-01-01", "é", " "]), st.text(max_size=5))


@settings(max_examples=150)
@given(rows=st.lists(st.lists(TEXT_CELLS, min_size=1, max_size=7), max_size=6))
def test_no_rows_under_a_good_header_end_in_anything_but_a_table_or_a_reason(rows: list[list[str]]) -> None:
    reason = refusal(HEADER + "\n".join(",".join(row) for row in rows))
    assert len(reason) < 2_000


def test_a_reason_stays_short_whatever_the_file_says() -> None:
    long = "x" * 500_000
    for body in (long, f"{long},b\n1,2\n", GOOD.replace("10.5", long), GOOD.replace("1,2026", f"{long},2026")):
        with pytest.raises(BatchRejectedError) as refused:
            accept(body.replace("\n2,", f"\n{long},") if long in body and "order" in body else body)
        assert len(str(refused.value)) < 2_000


def test_nothing_of_pyarrow_is_needed_to_know_the_schema_of_a_dataset() -> None:
    schema = pq.read_schema(io.BytesIO(write_parquet(parse(GOOD).table)))
    assert {field.name: str(field.type) for field in schema} == {
        "amount": "double",
        "carrier": "string",
        "order": "string",
        "late": "string",
    }
    assert isinstance(schema, pa.Schema)
