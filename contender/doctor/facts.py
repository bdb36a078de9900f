"""What is known of a pipeline when it is examined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from contender.ports import Batch, Lease
from contender.registry.history import Problem
from contender.registry.pointer import Pointer
from contender.workflow.outcome import option

Bucket = Literal["models", "data"]


@dataclass(frozen=True)
class Damage:
    """A file that is gone, or is not what its manifest says.

    Attributes
    ----------
    name : of the file in its version.
    why : `gone`, or which sha256 it has and which it should have.
    kept_version : an older version of the object in S3 with the right bytes; empty where there is none.
    """

    bucket: Bucket
    key: str
    name: str
    why: str
    sha256: str
    kept_version: str = ""


@dataclass(frozen=True)
class VersionFacts:
    """A model version.

    Attributes
    ----------
    roles : what it is to the pointer: `champion`, `previous`, `challenger`; empty for others.
    problem : why its manifest cannot be used; empty where it can.
    unsigned : why its signature is none; empty where it is good, or nothing is signed here.
    """

    version: str
    roles: tuple[str, ...] = ()
    problem: str = ""
    damages: tuple[Damage, ...] = ()
    unsigned: str = ""
    has_golden_requests: bool = True
    created_at: str = ""


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset version; `problem`: why its manifest cannot be read."""

    version: str
    problem: str = ""
    damages: tuple[Damage, ...] = ()
    sequence: int = 0


@dataclass(frozen=True)
class Upload:
    """A version of a file below `incoming/`; `newest`: the file as it is now."""

    batch: Batch
    uploaded_at: datetime
    newest: bool = True


@dataclass(frozen=True)
class QueueFacts:
    """A dead-letter queue: how many messages wait in it, and what they are."""

    name: str
    messages: int


@dataclass(frozen=True)
class Surroundings:
    """What is not in the buckets or the runs table. None, or empty: not looked at, or fine.

    Attributes
    ----------
    clock_ahead_seconds : of this machine against AWS's.
    signing_key : KMS's state of the key, such as `Enabled` or `PendingDeletion`; `deleted_at` when it will be gone.
    served : what `GET /v1/model` says; `error` where it answers with one.
    rehearsal : why the champion does not answer its golden requests as training did.
    deployed_code, own_code : digests of the training code that is deployed, and of this project's.
    free_bytes : on this machine's disk.
    """

    clock_ahead_seconds: float | None = None
    signing_key: str = ""
    signing_key_id: str = ""
    deleted_at: str = ""
    served: Mapping[str, Any] | None = None
    rehearsal: str = ""
    dead_letters: Sequence[QueueFacts] = ()
    deployed_code: str = ""
    own_code: str = ""
    free_bytes: int | None = None


@dataclass(frozen=True)
class Facts:
    """A pipeline as it was found.

    Attributes
    ----------
    now : AWS's time where it is known, else this machine's.
    pointer_fault : why the pointer that is there cannot be read.
    history : of champions, newest first; `history_problems` of its chain and its signatures.
    fencing_token : of the newest lease; 0 where there never was one, None where that is not known.
    lease_runs : whether the run that holds the lease is in progress.
    lost_uploads : ids of queued uploads whose objects are gone.
    strays : uploads that no run has taken and that are not in the queue.
    runs : records in the table; `kept_runs` ids of runs with a copy of their record in S3.
    unjudged_days : of the last days, those with predictions whose windows should have been judged and were not.
    set_aside : callers whose labels wait for a person to trust them, with the number of their files.
    unread : what could not be looked at, and why.
    buckets : the names of the buckets.
    """

    pipeline: str
    environment: str
    now: datetime
    pointer: Pointer | None = None
    pointer_fault: str = ""
    history: Sequence[Mapping[str, Any]] = ()
    history_problems: Sequence[Problem] = ()
    versions: Sequence[VersionFacts] = ()
    datasets: Sequence[DatasetFacts] = ()
    lease: Lease | None = None
    lease_runs: bool = False
    fencing_token: int | None = 0
    pending: Sequence[Batch] = ()
    lost_uploads: frozenset[str] = frozenset()
    strays: Sequence[Upload] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    kept_runs: Sequence[str] = ()
    unjudged_days: Sequence[str] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)
    surroundings: Surroundings = field(default=Surroundings())
    unread: Mapping[str, str] = field(default_factory=dict)
    buckets: Mapping[Bucket, str] = field(default_factory=lambda: {"models": "models", "data": "data"})

    @property
    def where(self) -> str:
        """The options that commands about this pipeline need."""
        return f"--pipeline {self.pipeline}{option(self.environment)}"
