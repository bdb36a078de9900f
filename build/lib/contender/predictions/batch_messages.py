"""Inputs and outputs of the states of a batch prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from contender.predictions.batch_plan import Part
from contender.workflow.messages import Failure, Message


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
            part=Part.from_dict(state["part"]) if "part" in state else None,
            failure=Failure.from_dict(state["failure"]) if "failure" in state else None,
        )
