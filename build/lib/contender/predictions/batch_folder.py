"""The folder of a batch job, `batch/<pipeline>/out/<job>/`: its objects and their names.

The job is finished once `manifest.json` is there. Everything in the folder can be written again with the same bytes,
so a job that was cut short is resumed by starting it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from contender.errors import IntegrityError, NotFoundError, PreconditionFailedError
from contender.ports import Objects
from contender.predictions.batch_plan import JobPlan
from contender.storage import sha256

UNDER_WAY_SECONDS = 4 * 3600
"""How long after it was planned a job without an end counts as under way: the state machine's own timeout."""

PLAN = "_job/plan.json"
FAILURE = "_job/failure.json"
FAILED_PARTS = "_job/failed-"
MANIFEST = "manifest.json"
NAME_DIGITS = 16
"""Of the digest of a file that is named by its content."""


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
        """The report as its file."""
        return json.dumps(asdict(self), indent=2).encode()

    @classmethod
    def from_json(cls, body: bytes) -> PartReport:
        """The inverse of `to_json`."""
        content = json.loads(body)
        rejected = Written(**content["rejected"]) if content["rejected"] else None
        return cls(**{**content, "predictions": Written(**content["predictions"]), "rejected": rejected})


def in_prefix(pipeline: str) -> str:
    """Where files to predict are put in the data bucket."""
    return f"batch/{pipeline}/in/"


def out_prefix(pipeline: str) -> str:
    """Where jobs write their results in the data bucket."""
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
        """The folder, with a slash at its end."""
        return f"{out_prefix(self.pipeline)}{self.job}/"

    def key(self, name: str) -> str:
        """The key of a file of the job."""
        return self.prefix + name

    def find(self, name: str) -> bytes | None:
        """The content of a file of the job; None when it is not there."""
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
            raise IntegrityError(f"the plan of {self.job} was replaced during the job; start it again")
        return JobPlan.from_json(body)

    def is_left_alone(self, now: datetime) -> bool:
        """Whether a job without a manifest is not to be started: its file was refused for good, or it is under way."""
        failure = self.find(FAILURE)
        if failure is not None:
            return bool(json.loads(failure)["for_good"])
        plan = self.find(PLAN)
        if plan is None:
            return False
        return (now - datetime.fromisoformat(JobPlan.from_json(plan).planned_at)).total_seconds() < UNDER_WAY_SECONDS

    def content(self, name: str) -> bytes:
        """A file that `content_name` named.

        Raises
        ------
        IntegrityError
            When it is gone, or has other bytes than were written.
        """
        body = self.find(name)
        if body is None or sha256(body)[:NAME_DIGITS] not in name:
            raise IntegrityError(f"{name} of {self.job} is gone or was changed; upload the file again")
        return body

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
    """The file that says that a part is complete."""
    return f"_job/part-{part:05d}.json"


def failed_name(part: int) -> str:
    """The file that says why a part failed."""
    return f"{FAILED_PARTS}{part:05d}.json"


def predictions_name(part: int) -> str:
    """The file of a part's predictions."""
    return f"part-{part:05d}.parquet"


def rejected_name(part: int) -> str:
    """The file of a part's rejected rows."""
    return f"rejected-{part:05d}.jsonl"


def content_name(kind: str, body: bytes, ending: str) -> str:
    """Named by its content: two attempts at planning that cut the file differently do not meet.

    Examples
    --------
    >>> content_name("rows-00000", b"", "parquet")
    '_job/rows-00000-e3b0c44298fc1c14.parquet'
    """
    return f"_job/{kind}-{sha256(body)[:NAME_DIGITS]}.{ending}"
