"""What is fuzzed: each target takes any bytes, and may refuse them with an error of ours and no other.

A target also checks what must hold of bytes that are taken: two readers agree, a number is finite, a file is either
accepted whole or refused with a reason and nothing written.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contender.adapters.files.inspection.columns import read_columns
from contender.adapters.files.inspection.propose import propose
from contender.adapters.serving.bulk_requests import QuickReader
from contender.adapters.serving.json import parse_json
from contender.data.encoding import FeatureEncoding
from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.config import PipelineConfig, overridden, parse_pipeline
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.async_requests import read_queued
from contender.predictions.feedback import read_feedback
from contender.predictions.ids import new_request_id, prediction_id
from contender.serving.requests import PredictRequest, RowReader, read_request
from tests.files_as_people_have_them.door import Door
from tests.files_as_people_have_them.workbook import write_workbook

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000.0

PIPELINE = """
name = "shop"
task = "binary"
target = "late"
numeric = ["amount", "weight"]
categorical = ["carrier"]
time = "at"
row_id = "id"
"""

ENCODINGS = (
    FeatureEncoding("amount", "numeric", ()),
    FeatureEncoding("weight", "numeric", ()),
    FeatureEncoding("carrier", "categorical", ("A", "B")),
)
MANIFEST = {"task": "binary", "classes": ["no", "yes"], "features": [each.to_dict() for each in ENCODINGS]}


@dataclass(frozen=True)
class Target:
    """A parser. `run` raises nothing for any bytes, unless there is something to mend; `seeds` are ordinary inputs."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


@cache
def config() -> PipelineConfig:
    return parse_pipeline(PIPELINE)


# --- requests


@cache
def reader() -> RowReader:
    return RowReader.of(MANIFEST)


@cache
def quick_reader() -> QuickReader:
    return QuickReader(ENCODINGS, reader())


def request(body: bytes) -> None:
    """The quick reader of many rows and the careful one agree, and a feature is a float32 or missing."""
    quick = quick_reader().read(body, max_rows=100)
    try:
        careful = read_request(parse_json(body), reader(), max_rows=100)
    except InvalidInputError:
        careful = None
    if careful is None:
        assert quick is None, "the quick reader takes what the careful one refuses"
        return
    assert not np.isinf(careful.matrix).any()
    if quick is not None:
        assert _same(quick, careful), "the quick and the careful reader differ"


def _same(quick: PredictRequest, careful: PredictRequest) -> bool:
    same = np.array_equal(quick.matrix, careful.matrix, equal_nan=True)
    return same and quick.key == careful.key and len(quick.rows) == len(careful.rows)


def rows_of_requests() -> list[bytes]:
    row = {"amount": 10, "weight": 0.5, "carrier": "A"}
    many = [{**row, "amount": place, "carrier": "BA"[place % 2]} for place in range(20)]
    missing = [row, {"amount": None, "weight": 1e300, "carrier": "new"}]
    asked = ({"rows": [row]}, {"rows": many, "key": "caller"}, {"rows": missing, "contributions": True})
    return [json.dumps(one).encode() for one in asked]


def feedback(body: bytes) -> None:
    """Every item is taken or refused with a reason."""
    try:
        asked = parse_json(body)
        taken, refused = read_feedback(asked, MANIFEST, ServingPolicy(), now=NOW)
    except InvalidInputError:
        return
    assert len(taken) + len(refused) == len(asked["items"])
    assert all(each.reason for each in refused)
    json.dumps([each.to_dict() for each in taken], allow_nan=False)


def feedback_requests() -> list[bytes]:
    made = prediction_id(new_request_id(int(NOW - 60) * 1000, bytes(10)), 0)
    items = [
        {"prediction_id": made, "label": "yes"},
        {"prediction_id": made, "label": "no", "observed_at": "2023-11-14T22:13:20Z"},
    ]
    return [json.dumps({"items": items}).encode()]


def queued_request() -> bytes:
    asked = {"request_id": new_request_id(int(NOW) * 1000, bytes(10)), "key": "k", "received_at": NOW}
    return json.dumps({"pipeline": "shop", "body": {"rows": [{"amount": 1}]}, **asked}).encode()


def queued(body: bytes) -> None:
    """A message of the queue of asynchronous requests."""
    try:
        text = body.decode()
        read_queued(text, "shop")
    except (UnicodeDecodeError, ContenderError):
        return


# --- the pipeline file


def pipeline_file(body: bytes) -> None:
    try:
        parse_pipeline(body.decode())
    except (UnicodeDecodeError, ContenderError):
        return


def pipeline_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "pipelines").glob("*.toml"))]


def setting(body: bytes) -> None:
    """A `--set KEY=VALUE` of the command line."""
    try:
        overridden(config(), [body.decode()])
    except (UnicodeDecodeError, ContenderError):
        return


# --- files


def upload(name: str) -> Callable[[bytes], None]:
    """A file is accepted, or refused with a reason and nothing written of it."""

    def run(body: bytes) -> None:
        door = Door(config())
        report = door.receive(body, name)
        if report.status == "accepted":
            assert len(door.rows(report)) == report.rows - report.rejected_rows
        else:
            assert report.status == "quarantined", report.status
            assert report.reason
            assert door.datasets == {}

    return run


def proposal(body: bytes) -> None:
    """`contender init FILE`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        path.write_bytes(body)
        try:
            columns, _ = read_columns(path)
            propose(columns, source=path.name, target="late")
        except ContenderError:
            return


def table(rows: int = 6) -> dict[str, list[object]]:
    return {
        "id": [f"r{place}" for place in range(rows)],
        "at": [f"2024-01-{place + 1:02d} 10:00:00" for place in range(rows)],
        "amount": [place + 0.5 for place in range(rows)],
        "weight": [None if place == 1 else place for place in range(rows)],
        "carrier": ["ABC"[place % 3] for place in range(rows)],
        "late": ["yes" if place % 2 else "no" for place in range(rows)],
    }


def csv_text(delimiter: str = ",") -> str:
    columns = table()
    cells = [["" if value is None else str(value) for value in row] for row in zip(*columns.values(), strict=True)]
    return "".join(delimiter.join(row) + "\n" for row in [list(columns), *cells])


def csv_files() -> list[bytes]:
    german = csv_text(";").replace(".5", ",5")
    piped = "sep=|\n" + csv_text("|")
    return [csv_text().encode(), german.encode("cp1252"), csv_text("\t").encode("utf-16"), piped.encode()]


def packed_files() -> list[bytes]:
    return [gzip.compress(csv_text().encode(), mtime=0)]


def json_lines() -> list[bytes]:
    columns = table()
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return ["\n".join(json.dumps(row) for row in rows).encode()]


def parquet_files() -> list[bytes]:
    buffer = io.BytesIO()
    pq.write_table(pa.table(table()), buffer)
    return [buffer.getvalue()]


def workbooks() -> list[bytes]:
    columns = table()
    return [write_workbook([list(columns), *map(list, zip(*columns.values(), strict=True))])]


TARGETS: dict[str, Target] = {
    "request": Target(request, rows_of_requests),
    "feedback": Target(feedback, feedback_requests),
    "queued": Target(queued, lambda: [queued_request()]),
    "pipeline-file": Target(pipeline_file, pipeline_files),
    "setting": Target(setting, lambda: [b"training.seed=3", b'promotion.rule="ahead"', b"contract.amount.min=0"]),
    "csv": Target(upload("file.csv"), csv_files),
    "packed": Target(upload("file.csv.gz"), packed_files),
    "json-lines": Target(upload("file.jsonl"), json_lines),
    "parquet": Target(upload("file.parquet"), parquet_files),
    "workbook": Target(upload("file.xlsx"), workbooks),
    "proposal": Target(proposal, csv_files),
}
