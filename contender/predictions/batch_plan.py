"""The plan of a batch job: its identity, and the parts of its file.

A job is one version of one file below `batch/<pipeline>/in/`, predicted with one model version.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Literal

from contender.errors import BatchRejectedError
from contender.predictions.ids import RANDOM_BYTES, new_request_id

FORMAT = 1
PART_ROWS = 100_000
"""Rows of a part: at some 100,000 rows a second, what a function loads and starts for is still small beside it."""

PART_BYTES = 32 << 20
"""A part of a CSV file has no more bytes, however few rows these are, unless the file has more than MAX_PARTS such."""

MAX_PARTS = 1_000
"""A larger file has larger parts: what the state machine gathers of the parts has to stay below 256 KiB."""

PARQUET_ENDINGS = (".parquet", ".pq")
Kind = Literal["csv", "parquet"]


@dataclass(frozen=True)
class Part:
    """A share of the file: bytes of a CSV file or rows of a Parquet file, from `start` up to `stop`.

    `first_row` counts the file's rows from 1, without the header.
    """

    part: int
    start: int
    stop: int
    first_row: int
    rows: int


@dataclass(frozen=True)
class Source:
    """The version of the file that a job predicts; `modified_at` is in epoch seconds."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    modified_at: float

    @property
    def kind(self) -> Kind:
        """The format, by the ending of the name: Parquet, or else CSV."""
        return "parquet" if PurePosixPath(self.key).suffix.lower() in PARQUET_ENDINGS else "csv"

    @property
    def job(self) -> str:
        """The job's id: the same version of the same file is the same job, however often it is told of.

        Examples
        --------
        >>> Source("data", "batch/flights/in/May 2013.csv", "v1", "e", 9, 0.0).job
        'may-2013-b7ea9bb06cba'
        """
        identity = "\n".join((self.bucket, self.key, self.version_id or self.etag))
        name = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(self.key).stem.lower()).strip("-")[:40].strip("-")
        return f"{name or 'file'}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class JobPlan:
    """What all parts of a job go by. It is written once: whoever comes later finds it and follows it.

    Attributes
    ----------
    version, manifest_sha256 : the champion at the time; the whole job is predicted with it.
    columns : of the file, in its order.
    row_id : the column that names a row; empty when the pipeline or the file has none.
    parts_key, parts : where the parts are listed, and how many there are.
    """

    format: int
    job: str
    pipeline: str
    run_id: str
    planned_at: str
    source: Source
    version: str
    manifest_sha256: str
    columns: tuple[str, ...]
    row_id: str
    parts_key: str
    parts: int
    rows: int

    def to_json(self) -> bytes:
        """The plan as its file."""
        return json.dumps(asdict(self), indent=2).encode()

    @classmethod
    def from_json(cls, body: bytes) -> JobPlan:
        """The inverse of `to_json`."""
        content = json.loads(body)
        return cls(**{**content, "source": Source(**content["source"]), "columns": tuple(content["columns"])})

    def request_id(self, part: int) -> str:
        """The id under which a part's predictions are kept, made of the file's own time: the same in each attempt."""
        chance = hashlib.sha256(f"{self.job}/{part}".encode()).digest()[:RANDOM_BYTES]
        return new_request_id(int(self.source.modified_at * 1000), chance)


@dataclass(frozen=True)
class Layout:
    """What a file looks like, without its rows: its columns, and the parts to predict it in."""

    columns: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """The number of rows of all parts."""
        return sum(part.rows for part in self.parts)


def make_plan(
    source: Source,
    layout: Layout,
    *,
    pipeline: str,
    run_id: str,
    planned_at: str,
    version: str,
    manifest_sha256: str,
    row_id: str,
    parts_key: str,
) -> JobPlan:
    """The plan of a job; `row_id` is used where the file has one such column."""
    return JobPlan(
        format=FORMAT,
        job=source.job,
        pipeline=pipeline,
        run_id=run_id,
        planned_at=planned_at,
        source=source,
        version=version,
        manifest_sha256=manifest_sha256,
        columns=layout.columns,
        row_id=row_id if layout.columns.count(row_id) == 1 else "",
        parts_key=parts_key,
        parts=len(layout.parts),
        rows=layout.rows,
    )


def check_columns(columns: Sequence[str], features: Sequence[str]) -> None:
    """Refuse a file without the columns that the model needs; others may be there.

    Raises
    ------
    BatchRejectedError
        When a feature is missing, or its column stands twice.
    """
    missing = [name for name in features if name not in columns]
    if missing == list(features) and len(columns) == 1:
        raise BatchRejectedError(
            f"only one column was found, {_shown(columns[0])}; the file must be comma-separated with a header line"
        )
    if missing:
        raise BatchRejectedError(
            f"column{'s' * (len(missing) > 1)} {_names(missing)} missing, which the model needs; "
            f"the file has {_names(columns)}"
        )
    twice = [name for name in features if list(columns).count(name) > 1]
    if twice:
        raise BatchRejectedError(f"column {_names(twice)} appears more than once; keep one")


def _names(names: Sequence[str]) -> str:
    return ", ".join(_shown(name) for name in names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _shown(name: str) -> str:
    return name if 0 < len(name) <= 60 else repr(name[:60])


def row_ranges(rows: int, part_rows: int) -> list[Part]:
    """The parts of a Parquet file.

    Examples
    --------
    >>> [(part.start, part.stop, part.first_row) for part in row_ranges(5, 2)]
    [(0, 2, 1), (2, 4, 3), (4, 5, 5)]
    """
    step = max(part_rows, -(-rows // MAX_PARTS))
    starts = range(0, rows, step)
    return [
        Part(number, start, min(start + step, rows), start + 1, min(step, rows - start))
        for number, start in enumerate(starts)
    ]
