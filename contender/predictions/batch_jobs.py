"""Batch predictions: which file is which job, and what the job's folder holds.

A job is one version of one file below `batch/<pipeline>/in/`, predicted with one model version. Its folder is
`batch/<pipeline>/out/<job>/`; it is finished once `manifest.json` is there. Everything in it can be written again
with the same bytes, so a job that was cut short is resumed by starting it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from contender.errors import BatchRejectedError, IntegrityError, NotFoundError, PreconditionFailedError
from contender.ports import Objects
from contender.predictions.ids import RANDOM_BYTES, new_request_id
from contender.storage import sha256
from contender.workflow.messages import Failure, Message

FORMAT = 1

PART_ROWS = 100_000
"""Rows of a part: at some 100,000 rows a second, what a function loads and starts for is still small beside it."""

PART_BYTES = 32 << 20
"""A part of a CSV file has no more bytes, however few rows these are, unless the file has more than MAX_PARTS such."""

MAX_PARTS = 1_000
"""A larger file has larger parts: what the state machine gathers of the parts has to stay below 256 KiB."""

UNDER_WAY_SECONDS = 4 * 3600
"""How long after it was planned a job without an end counts as under way: the state machine's own timeout."""

PLAN = "_job/plan.json"
FAILURE = "_job/failure.json"
FAILED_PARTS = "_job/failed-"
MANIFEST = "manifest.json"
PARQUET_ENDINGS = (".parquet", ".pq")

Kind = Literal["csv", "parquet"]


@dataclass(frozen=True)
class BatchRequest(Message):
    """What started the execution: a file, or (`schedule`) the question which files wait.

    `part_rows` may be set by whoever starts a job by hand; 0 is the usual size.
    """

    pipeline: str
    trigger: str = "manual"
    bucket: str = ""
    key: str = ""
    version_id: str = ""
    part_rows: int = 0


@dataclass(frozen=True)
class Plan(Message):
    """`$.plan`. `done`: finished before. `ignored`: not a file to predict. `refused`: it cannot be, for the reason;
    `for_good` when nothing but another file will change that."""

    status: Literal["planned", "done", "ignored", "refused"]
    reason: str
    job: str = ""
    bucket: str = ""
    parts_key: str = ""
    plan_sha256: str = ""
    parts: int = 0
    rows: int = 0
    for_good: bool = False


@dataclass(frozen=True)
class Found(Message):
    """`$.found`: how many files wait, and the object that lists them."""

    files: int
    bucket: str = ""
    key: str = ""


@dataclass(frozen=True)
class PartDone(Message):
    """What PredictPart answers. Small, because a thousand of them are one state's result."""

    part: int
    rows: int
    rejected: int


@dataclass(frozen=True)
class Finish(Message):
    """`$.finish`: how the job ended, and the mail that is worth sending; an empty subject is none."""

    status: Literal["finished", "failed"]
    reason: str
    rows: int = 0
    rejected: int = 0
    mail: bool = False
    subject: str = ""
    body: str = ""


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
class BatchState:
    """The execution's state, as far as it has got; `part` is there in a part's own execution only."""

    request: BatchRequest
    run_id: str
    started_at: str
    plan: Plan | None = None
    part: Part | None = None
    failure: Failure | None = None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the state that a function is called with: `{"run_id", "started_at", "state": {…}}`."""
        state = content["state"]
        return cls(
            request=BatchRequest.from_dict(state),
            run_id=content["run_id"],
            started_at=content["started_at"],
            plan=Plan.from_dict(state["plan"]) if "plan" in state else None,
            part=Part(**state["part"]) if "part" in state else None,
            failure=Failure.from_dict(state["failure"]) if "failure" in state else None,
        )


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
        return json.dumps(asdict(self), indent=2).encode()

    @classmethod
    def from_json(cls, body: bytes) -> JobPlan:
        content = json.loads(body)
        return cls(**{**content, "source": Source(**content["source"]), "columns": tuple(content["columns"])})

    def request_id(self, part: int) -> str:
        """The id under which a part's predictions are kept, made of the file's own time: the same in each attempt."""
        chance = hashlib.sha256(f"{self.job}/{part}".encode()).digest()[:RANDOM_BYTES]
        return new_request_id(int(self.source.modified_at * 1000), chance)


@dataclass(frozen=True)
class Written:
    """An object of the result."""

    name: str
    rows: int
    bytes: int
    sha256: str
    etag: str


@dataclass(frozen=True)
class PartReport:
    """What a part left; written after its objects, it says that they are whole.

    `reasons` has for each column at fault how many rows, and the first of them.
    """

    part: int
    rows: int
    predictions: Written
    rejected: Written | None = None
    reasons: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode()

    @classmethod
    def from_json(cls, body: bytes) -> PartReport:
        content = json.loads(body)
        rejected = Written(**content["rejected"]) if content["rejected"] else None
        return cls(**{**content, "predictions": Written(**content["predictions"]), "rejected": rejected})


@dataclass(frozen=True)
class Rejected:
    """A row that was not predicted: its number in the file (from 1), the column at fault (or none), why, and itself."""

    row: int
    column: str
    reason: str
    content: Any


def in_prefix(pipeline: str) -> str:
    return f"batch/{pipeline}/in/"


def out_prefix(pipeline: str) -> str:
    return f"batch/{pipeline}/out/"


def is_to_predict(key: str, size: int) -> bool:
    """Whether an object below `in/` is a file: not a folder as consoles make them, nor hidden as other tools do it."""
    return not (key.endswith("/") and size == 0) and not PurePosixPath(key).name.startswith((".", "_"))


@dataclass(frozen=True)
class JobFolder:
    """A job's folder in the data bucket. What is the project's own business is in `_job/`, which readers of Parquet
    folders leave out."""

    objects: Objects
    pipeline: str
    job: str

    @property
    def prefix(self) -> str:
        return f"{out_prefix(self.pipeline)}{self.job}/"

    def key(self, name: str) -> str:
        return self.prefix + name

    def find(self, name: str) -> bytes | None:
        try:
            return self.objects.get(self.key(name)).body
        except NotFoundError:
            return None

    def settle(self, name: str, body: bytes) -> bytes:
        """Write an object unless it is there; answers what is there."""
        try:
            self.objects.put(self.key(name), body, if_none_match=True)
        except PreconditionFailedError:
            return self.objects.get(self.key(name)).body
        return body

    def write(self, name: str, body: bytes, *, rows: int) -> Written:
        """Write an object, over whatever an attempt before left half done."""
        etag = self.objects.put(self.key(name), body)
        return Written(name, rows, len(body), sha256(body), etag)

    def plan(self, plan_sha256: str) -> JobPlan:
        """The job's plan.

        Raises
        ------
        IntegrityError
            When it is not the one that the execution was started with.
        """
        body = self.objects.get(self.key(PLAN)).body
        if sha256(body) != plan_sha256:
            raise IntegrityError(f"the plan of {self.job} was replaced while it was at work; start the job again")
        return JobPlan.from_json(body)

    def report(self, part: int) -> PartReport | None:
        """What a part left, if it was done and its objects are still what it wrote."""
        body = self.find(report_name(part))
        if body is None:
            return None
        report = PartReport.from_json(body)
        for written in filter(None, (report.predictions, report.rejected)):
            found = self.find(written.name)
            if found is None or sha256(found) != written.sha256:
                return None
        return report


def report_name(part: int) -> str:
    return f"_job/part-{part:05d}.json"


def failed_name(part: int) -> str:
    return f"{FAILED_PARTS}{part:05d}.json"


def predictions_name(part: int) -> str:
    return f"part-{part:05d}.parquet"


def rejected_name(part: int) -> str:
    return f"rejected-{part:05d}.jsonl"


def parts_name(body: bytes) -> str:
    """Named by its content: two attempts at planning that cut the file differently do not meet."""
    return f"_job/parts-{sha256(body)[:16]}.json"


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
        raise BatchRejectedError(f"column {_names(twice)} stands more than once; keep one")


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
