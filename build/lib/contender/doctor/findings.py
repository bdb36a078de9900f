"""Findings of `contender doctor`, and the repairs that are safe to make without a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from contender.ports import Batch

Severity = Literal["critical", "warning", "note"]
"""`critical`: predictions or promotions stop, or data is lost. `warning`: something will fail. `note`: to know."""


@dataclass(frozen=True)
class RestorePointer:
    """Make the newest whole champion of the history the champion again, as `contender champion --restore` does."""


@dataclass(frozen=True)
class ReleaseLease:
    """Release the lease of a run that has ended."""

    owner: str


@dataclass(frozen=True)
class RaiseToken:
    """Raise the counter of fencing tokens to the champion pointer's."""

    least: int


@dataclass(frozen=True)
class QueueUpload:
    """Queue an upload that no run has taken."""

    batch: Batch


@dataclass(frozen=True)
class SettleUpload:
    """Remove an upload from the queue whose object is gone."""

    batch: Batch


@dataclass(frozen=True)
class RebuildRuns:
    """Write the records of runs into the runs table again, from the copies in their folders."""

    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Undelete:
    """Bring an object back from a version of it that S3 kept, whose bytes are those of its manifest."""

    bucket: Literal["models", "data"]
    key: str
    version_id: str
    sha256: str


Repair = RestorePointer | ReleaseLease | RaiseToken | QueueUpload | SettleUpload | RebuildRuns | Undelete


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    check : what was looked at, as `CHECKS` of `contender.doctor.examine` names it.
    what : what was found.
    means : what follows from it.
    action : what `--fix` does, or what to type instead.
    repair : what `--fix` does; None where a person has to decide.
    """

    check: str
    severity: Severity
    what: str
    means: str
    action: str
    repair: Repair | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; `fixable` says whether `--fix` mends it."""
        content = asdict(self)
        return {**{name: content[name] for name in ("check", "severity", "what", "means", "action")}} | {
            "fixable": self.repair is not None
        }


def worst_first(findings: Iterable[Finding]) -> Sequence[Finding]:
    """By severity, else as they come.

    Examples
    --------
    >>> note, critical = (Finding("runs", name, "", "", "") for name in ("note", "critical"))
    >>> [found.severity for found in worst_first([note, critical])]
    ['critical', 'note']
    """
    order = {severity: place for place, severity in enumerate(get_args(Severity))}
    return sorted(findings, key=lambda found: order[found.severity])


def is_ill(findings: Iterable[Finding]) -> bool:
    """Whether anything is wrong: a note alone is not."""
    return any(found.severity != "note" for found in findings)
