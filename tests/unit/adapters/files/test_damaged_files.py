"""However a file is damaged, it is read or refused with a reason; nothing else is raised."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.adapters.files.readers import read_batch
from contender.adapters.files.reading.marked_faults import count_rows
from contender.adapters.files.reading.open_file import open_file
from contender.errors import BatchRejectedError
from tests.files_as_people_have_them.orders import ORDERS, orders
from tests.files_as_people_have_them.workbook import write_workbook

ROWS = orders(rows=9)
TEXT = ROWS.to_csv(index=False)
MARKS = [
    b"",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\0",
    b"\\",
    b"\xff",
    b"\xef\xbb\xbf",
    b"PAR1",
    b"\xc3",
    b"{",
]
zstd = partial(pa.compress, codec="zstd", asbytes=True)


def parquet() -> bytes:
    buffer = io.BytesIO()
    ROWS.to_parquet(buffer, index=False)
    return buffer.getvalue()


WHOLE: dict[str, bytes] = {
    "CSV": TEXT.encode(),
    "semicolons": ROWS.to_csv(index=False, sep=";").encode("utf-16"),
    "gzip": gzip.compress(TEXT.encode(), mtime=0),
    "zstd": bytes(zstd(TEXT.encode())),
    "JSON Lines": ROWS.to_json(orient="records", lines=True).encode(),
    "Parquet": parquet(),
    "workbook": write_workbook([list(ROWS.columns), *ROWS.astype(str).to_numpy().tolist()]),
}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The file with bytes replaced, put in, repeated or cut off."""
    body = whole
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.sampled_from([0, 1, 2, 40, len(body)])))
        put = draw(st.sampled_from([*MARKS, body[start:end] * 2]) | st.binary(max_size=4))
        body = body[:start] + put + body[end:]
    return body


def refusal(read: Callable[[], object]) -> str:
    """Why a file is refused; empty where it is read. Whatever else is raised is a mistake of ours."""
    try:
        read()
    except BatchRejectedError as refused:
        return str(refused) or "\n"
    return ""


@pytest.mark.parametrize("whole", WHOLE.values(), ids=list(WHOLE))
@settings(max_examples=25)
@given(data=st.data())
def test_no_damage_ends_in_anything_but_rows_or_a_reason(whole: bytes, data: st.DataObject) -> None:
    body, name = data.draw(damaged(whole)), "file.parquet" if whole.startswith(b"PAR1") else "file.csv"
    reason = refusal(lambda: read_batch(body, name, ORDERS))
    assert len(reason) < 2_000
    assert "\n" not in reason


@pytest.mark.parametrize("whole", [WHOLE["CSV"], WHOLE["semicolons"]], ids=["CSV", "semicolons"])
@settings(max_examples=25)
@given(data=st.data())
def test_every_row_of_a_damaged_file_is_either_read_or_told(whole: bytes, data: st.DataObject) -> None:
    body = data.draw(damaged(whole))

    def read() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_bytes(body)
            counted = count_rows(open_file(path, "file.csv", Path(folder)), Path(folder))
            rows = sum(batch.num_rows for batch in counted.file.batches())
            assert rows == counted.rows

    assert len(refusal(read)) < 2_000
