"""Messages between the states of the loop: references and scalars, never data.

Each state adds one section under its own name to the execution's state; `RunState` reads them all.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from contender.workflow.task_failure import is_task, task_failure, task_seconds

Trigger = Literal[
    "upload",
    "schedule",
    "alarm",
    "manual",
    "code-change",
    "pending",
    "drift-alarm",
    "performance-alarm",
    "fresh-labels",
]
Verdict = Literal[
    "promoted",
    "retained",
    "inconclusive",
    "stopped",
    "rolled_back",
    "skipped",
    "quarantined",
    "duplicate",
    "failed",
]

FORCING_TRIGGERS: frozenset[str] = frozenset({"alarm", "manual", "code-change"})
"""Triggers that retrain whether or not the data has drifted."""

MAX_REASON_CHARACTERS = 500
"""Length of a failure in record, mail and state; the log has all of it."""


@dataclass(frozen=True)
class Message:
    """A section; unknown keys are ignored, so that an older state can read a newer one's."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The section of a state; keys that this version does not know are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        # JSON has no tuples: what was one comes back as a list.
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
        return cls(**{name: value for name, value in values.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """The section as JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Request(Message):
    """What started the run. `reason` and `by` are those of a rollback.

    `over_budget`: a person has it train although the month's budget is used up. `challenger`: a version that is there
    already, as one of another environment, which the run judges in place of training one; `again`: although it was
    rolled back, `by` this person. `evidence` of live predictions or
    labels, as `contender.workflow.live_evidence` has it: its window, version, reason, features and figures.
    """

    pipeline: str
    trigger: Trigger = "manual"
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    size: int = 0
    event_time: str = ""
    reason: str = ""
    by: str = ""
    over_budget: bool = False
    challenger: str = ""
    again: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim(Message):
    """`claimed`: this run holds the lease. `duplicate`: there is nothing to do.

    `given_up` names uploads that were quarantined because repeated runs failed before reading them.
    `over_budget`: why this run may not train; empty while the month's budget lasts.
    """

    status: Literal["claimed", "duplicate"]
    run_id: str
    pipeline: str
    trigger: Trigger
    started_at: str
    reason: str
    fencing_token: int = 0
    batches: int = 0
    champion_before: str | None = None
    given_up: tuple[str, ...] = ()
    over_budget: str = ""


@dataclass(frozen=True)
class Validation(Message):
    """`accepted`: at least one new dataset version, or rows without labels. `nothing_new`: no upload was queued (a
    schedule, a person). `unlabelled` names the files without labels, which are checked for drift only. `feedback` says
    what became of labelled predictions; `suspicious_callers`: whose labels were set aside until a person trusts them.
    """

    status: Literal["accepted", "nothing_new", "quarantined", "duplicate"]
    reason: str
    dataset_versions: tuple[str, ...] = ()
    rows: int = 0
    rejected_rows: int = 0
    quarantined_files: int = 0
    unlabelled: tuple[str, ...] = ()
    feedback: str = ""
    suspicious_callers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drift(Message):
    """Whether to retrain, and why.

    `waiting` is a waiting challenger that is due to be compared again; or empty. `training` says what waiting costs and
    what a training does. `set_aside` are dataset versions that look broken and wait for the next batch.
    """

    retrain: bool
    drifted: bool
    reason: str
    drifted_features: tuple[str, ...] = ()
    rows: int = 0
    waiting: str = ""
    training: str = ""
    set_aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison(Message):
    """The comparison's verdict. `champion_etag` is the pointer it was made against; None: there was none.

    `provisional`: a first champion that is not shown to be better than the naive baseline. `needs_approval`: a person
    decides, within `approval_seconds`. `judged`: the challenger that was compared, where `challenger` is an earlier
    champion that is to serve again; else empty.
    """

    verdict: Literal["wins", "loses", "inconclusive"]
    reason: str
    challenger: str
    challenger_manifest_sha256: str
    champion: str | None = None
    champion_etag: str | None = None
    metric: str = ""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    provisional: bool = False
    needs_approval: bool = False
    approval_seconds: int = 0
    judged: str = ""


@dataclass(frozen=True)
class Rehearsal(Message):
    """Whether the serving function reproduces the challenger's golden requests, with latency and memory."""

    status: Literal["passed", "failed"]
    reason: str
    load_ms: float = 0.0
    p50_ms: float = 0.0
    memory_mib: float = 0.0


@dataclass(frozen=True)
class Approval(Message):
    """A person's answer."""

    approved: bool
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Promotion(Message):
    """The outcome of the pointer swap.

    `canary`: the challenger answers a share of the requests; `etag` is that of the new pointer, and `bake_seconds`
    the wait until Watch looks. `lost_race`: the champion changed since the comparison, which has to be done again.
    `refused`: the version was rolled back before. `outrun`: a run that took over the lease has changed the champion.
    """

    status: Literal["promoted", "canary", "lost_race", "refused", "outrun"]
    reason: str
    version: str
    previous: str | None = None
    swap_id: str = ""
    etag: str = ""
    bake_seconds: int = 0


@dataclass(frozen=True)
class Watch(Message):
    """The verdict of live traffic on a canary that began at `started_at`, after `looks` looks.

    `undecided`: the time was not enough to tell, so the canary ends; it does not count as worse.
    """

    verdict: Literal["continue", "passed", "worse", "undecided"]
    reason: str
    looks: int
    started_at: str


@dataclass(frozen=True)
class Rollback(Message):
    """What was rolled back (`version`), and what serves now. `refused`: nothing changed."""

    status: Literal["rolled_back", "trial_ended", "refused"]
    reason: str
    version: str = ""
    champion: str = ""
    swap_id: str = ""


@dataclass(frozen=True)
class Failure(Message):
    """What a state's Catch writes, with the names of Step Functions."""

    Error: str = "Unknown"
    Cause: str = ""

    @property
    def reason(self) -> str:
        """The cause in one line: a Lambda's error message without its stack trace, or why a task failed."""
        cause = self._cause
        if cause.get("errorMessage"):
            return str(cause["errorMessage"])[:MAX_REASON_CHARACTERS]
        if is_task(cause):
            return task_failure(cause)[:MAX_REASON_CHARACTERS]
        return f"{self.Error}: {self.Cause}"[:MAX_REASON_CHARACTERS]

    @property
    def task_seconds(self) -> float | None:
        """How long the failed container task ran; None for other failures, or where it is unknown."""
        return task_seconds(self._cause)

    @property
    def _cause(self) -> Mapping[str, Any]:
        try:
            cause = json.loads(self.Cause)
        except json.JSONDecodeError:
            return {}
        return cause if isinstance(cause, dict) else {}


@dataclass(frozen=True)
class Record(Message):
    """The outcome of the run. `pending`: uploads that were queued meanwhile and need a run of their own.

    `report` is the key of its page in the data bucket; empty where none could be made. `error` is the name of the error
    of a failed run, and empty for others.
    """

    verdict: Verdict
    reason: str
    pending: int = 0
    champion_after: str | None = None
    report: str = ""
    error: str = ""


@dataclass(frozen=True)
class Notification(Message):
    """Whether a mail was sent to on-call."""

    status: Literal["sent", "not_needed"]
    subject: str = ""


@dataclass(frozen=True)
class RunState:
    """The execution's state so far. With a `task_token` the function acts for a state that waits."""

    request: Request
    run_id: str
    started_at: str
    execution_arn: str = ""
    task_token: str = ""
    claim: Claim | None = None
    validation: Validation | None = None
    drift: Drift | None = None
    waiting_failure: Failure | None = None
    training_failure: Failure | None = None
    comparison: Comparison | None = None
    rehearsal: Rehearsal | None = None
    approval: Approval | None = None
    approval_timeout: Failure | None = None
    promotion: Promotion | None = None
    watch: Watch | None = None
    rollback: Rollback | None = None
    failure: Failure | None = None
    record: Record | None = None

    @property
    def to_judge_again(self) -> str:
        """The waiting challenger that is due to be compared now; empty where that was done, or there is none."""
        judged = self.comparison is not None or self.waiting_failure is not None
        return self.drift.waiting if self.drift is not None and not judged else ""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the state that a function is called with: `{"run_id", "started_at", "state": {…}}`."""
        state = content["state"]

        def section(kind: type[Any], name: str) -> Any:
            return kind.from_dict(state[name]) if isinstance(state.get(name), dict) else None

        return cls(
            request=Request.from_dict(state),
            run_id=content["run_id"],
            started_at=content["started_at"],
            execution_arn=content.get("execution_arn", ""),
            task_token=content.get("task_token", ""),
            claim=section(Claim, "claim"),
            validation=section(Validation, "validation"),
            drift=section(Drift, "drift"),
            waiting_failure=section(Failure, "waiting_failure"),
            training_failure=section(Failure, "training_failure"),
            comparison=section(Comparison, "comparison"),
            rehearsal=section(Rehearsal, "rehearsal"),
            approval=section(Approval, "approval"),
            approval_timeout=section(Failure, "approval_timeout"),
            promotion=section(Promotion, "promotion"),
            watch=section(Watch, "watch"),
            rollback=section(Rollback, "rollback"),
            failure=section(Failure, "failure"),
            record=section(Record, "record"),
        )
