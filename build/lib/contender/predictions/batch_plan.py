"""The plan of a batch job: its identity, and the parts of its file.

A job is one version of one file below `batch/<pipeline>/in/`, predicted with one model version.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Self

from contender.errors import BatchRejectedError
from contender.predictions.ids import RANDOM_BYTES, new_request_id

FORMAT = 2
PART_ROWS = 100_000
"""Rows of a part: at some 100,000 rows a second, what a function loads and starts for is still small beside it."""

PART_BYTES = 32 << 20
"""A part has fewer rows where these have more bytes, unless the file has more than MAX_PARTS such parts."""

MAX_PARTS = 1_000
"""A larger file has larger parts: what the state machine gathers of the parts has to stay below 256 KiB."""

ANOTHER_FORMAT = (
    "the job was planned by another version of Contender, which cut files differently; upload the file again, "
    "or delete the job's folder and start it again"
)


@dataclass(frozen=True)
class Part:
    """A share of the file's rows.

    Attributes
    ----------
    first_row, rows : its first row, counted from 1 without the header, and how many there are, broken ones included.
    content : the object in the job's folder with its rows.
    broken : the one with the rows that could not be split into cells; empty without such rows.
    """

    part: int
    first_row: int
    rows: int
    content: str = ""
    broken: str = ""

    @classmethod
    def from_dict(cls, item: Mapping[str, Any]) -> Self:
        """Read an item of the list of parts, also one of an earlier format, whose plan is refused."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in item.items() if name in known})


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
    read_as : what the file was taken for.
    cells : how its cells are written: texts that count as missing, decimal signs, units.
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
    read_as: str = ""
    cells: Mapping[str, Any] = field(default_factory=dict)

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


def make_plan(
    source: Source,
    parts: Sequence[Part],
    *,
    columns: Sequence[str],
    read_as: str,
    cells: Mapping[str, Any],
    pipeline: str,
    run_id: str,
    planned_at: str,
    version: str,
    manifest_sha256: str,
    row_id: str,
    parts_key: str,
) -> JobPlan:
    """The plan of a job."""
    return JobPlan(
        format=FORMAT,
        job=source.job,
        pipeline=pipeline,
        run_id=run_id,
        planned_at=planned_at,
        source=source,
        version=version,
        manifest_sha256=manifest_sha256,
        columns=tuple(columns),
        row_id=row_id,
        parts_key=parts_key,
        parts=len(parts),
        rows=sum(part.rows for part in parts),
        read_as=read_as,
        cells=cells,
    )


def wanted_columns(features: Sequence[str], row_id: str) -> tuple[str, ...]:
    """The columns that a job needs: the features, then the one that names a row, if there is one.

    Examples
    --------
    >>> wanted_columns(["amount", "kind"], "order"), wanted_columns(["amount", "order"], "order")
    (('amount', 'kind', 'order'), ('amount', 'order'))
    """
    return (*features, *([row_id] if row_id and row_id not in features else []))


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
            f"only one column was found, {_shown(columns[0])}; the first line must be a header, with cells separated "
            "by commas, semicolons, tabs or vertical bars"
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


def row_ranges(rows: int, part_rows: int, row_bytes: float = 0.0) -> list[range]:
    """The rows of each part, from 1; a row has `row_bytes` on average.

    Examples
    --------
    >>> row_ranges(5, 2)
    [range(1, 3), range(3, 5), range(5, 6)]
    >>> len(row_ranges(100, 50, row_bytes=4 << 20))
    13
    """
    fitting = int(min(part_rows, PART_BYTES / row_bytes)) if row_bytes else part_rows
    step = max(1, fitting, -(-rows // MAX_PARTS))
    return [range(start, min(start + step, rows + 1)) for start in range(1, rows + 1, step)]
