"""The champion pointer, and the one way to move it: a compare-and-swap on one small object.

The swap is safe against everything that a network does: a lost race is told from a lost answer by reading back
the swap id, a conflict is retried, and nothing is ever overwritten blindly.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from contender.errors import (
    ConflictError,
    InvalidInputError,
    LostRaceError,
    NotFoundError,
    PreconditionFailedError,
    RolledBackError,
    UnknownOutcomeError,
)
from contender.ports import Objects

Mode = Literal["canary", "shadow"]

MAX_ATTEMPTS = 5

REMEMBERED_SWAPS = 8
"""As many swaps may follow one whose answer was lost, and it is still told from a lost race."""

REMEMBERED_ROLLBACKS = 20
"""So many versions that were rolled back are remembered; those before are older than anything still in training."""


@dataclass(frozen=True)
class Trial:
    """A challenger that answers a share of the requests (`canary`), or sees it without answering (`shadow`).

    Attributes
    ----------
    weight : the share, above 0 and at most 1.
    run_id : the run that watches it, or the person that asked for it.
    since, until : ISO times in UTC. It ends by itself at `until`, so that a canary does not outlive a run that died;
        empty is never.
    """

    version: str
    manifest_sha256: str
    weight: float
    mode: Mode
    run_id: str = ""
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.weight <= 1.0:
            raise InvalidInputError(f"weight must be above 0 and at most 1, but got {self.weight}")
        if self.mode not in get_args(Mode):
            raise InvalidInputError(f"mode must be 'canary' or 'shadow', but got {self.mode!r}")

    def is_on(self, now: float) -> bool:
        """Whether its time is not over at `now`, in epoch seconds. An end that cannot be read is over."""
        if not self.until:
            return True
        try:
            until = datetime.fromisoformat(self.until)
        except ValueError:
            return False
        return now < (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True)
class PastSwap:
    """A swap that happened, and the version that was champion after it."""

    swap_id: str
    champion: str


@dataclass(frozen=True)
class Pointer:
    """Which model version serves a pipeline, and how it came to.

    Attributes
    ----------
    run_id, swapped_at, reason : of the swap that made the champion what it is; a trial does not change them.
    swap_id : of the newest swap, that of a trial too.
    challenger : on trial beside the champion.
    past : the swaps before this one, oldest first.
    rolled_back : versions that were taken out of service; only a person puts one of them back.
    """

    pipeline: str
    champion: str
    manifest_sha256: str
    run_id: str
    fencing_token: int
    swap_id: str
    swapped_at: str
    reason: str
    previous: str | None = None
    previous_manifest_sha256: str | None = None
    challenger: Trial | None = None
    past: tuple[PastSwap, ...] = ()
    rolled_back: tuple[str, ...] = ()

    @property
    def swaps(self) -> tuple[PastSwap, ...]:
        """The swaps that this pointer knows to have happened, its own the last."""
        return (*self.past, PastSwap(self.swap_id, self.champion))

    def has_seen(self, swap_id: str) -> bool:
        """Whether this swap, or one that it followed, is the one named."""
        return any(swap.swap_id == swap_id for swap in self.swaps)

    def to_json(self) -> bytes:
        """The pointer as its object."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Pointer:
        """The inverse of `to_json`."""
        content: dict[str, Any] = json.loads(body)
        trial = content.pop("challenger", None)
        past = tuple(PastSwap(**swap) for swap in content.pop("past", ()))
        rolled_back = tuple(content.pop("rolled_back", ()))
        return cls(**content, challenger=Trial(**trial) if trial else None, past=past, rolled_back=rolled_back)


@dataclass(frozen=True)
class PointerState:
    """A pointer as read, with the entity tag that a swap is based on."""

    pointer: Pointer
    etag: str


def pointer_key(pipeline: str) -> str:
    """The key of the pipeline's champion pointer in the model bucket."""
    return f"models/{pipeline}/champion.json"


def read_pointer(objects: Objects, pipeline: str) -> PointerState | None:
    """The pointer as it stands; None before the first promotion."""
    try:
        stored = objects.get(pointer_key(pipeline))
    except NotFoundError:
        return None
    return PointerState(Pointer.from_json(stored.body), stored.etag)


def require_pointer(objects: Objects, pipeline: str) -> PointerState:
    """The pointer as it stands; raises NotFoundError before the first promotion."""
    found = read_pointer(objects, pipeline)
    if found is None:
        raise no_champion(pipeline)
    return found


def no_champion(pipeline: str) -> NotFoundError:
    """What whoever needs a champion is told before there is one."""
    return NotFoundError(f"{pipeline} has no champion yet; upload data to train the first one")


def swap(objects: Objects, pointer: Pointer, *, based_on: str | None) -> None:
    """Move the pointer from the state that was judged (`based_on`, an entity tag; None: no champion yet).

    Calling it again with the same swap id is harmless: a swap that has already happened counts as done.

    Raises
    ------
    LostRaceError
        When the pointer is not in the state it was judged against, or carries a newer fencing token.
    """
    key = pointer_key(pointer.pipeline)
    for _ in range(MAX_ATTEMPTS):
        try:
            objects.put(key, pointer.to_json(), if_match=based_on, if_none_match=based_on is None)
            return
        except ConflictError:
            continue
        except (PreconditionFailedError, UnknownOutcomeError, NotFoundError):
            found = read_pointer(objects, pointer.pipeline)
            if found is not None and found.pointer.has_seen(pointer.swap_id):
                return
            if (found.etag if found else None) != based_on:
                holder = f"{found.pointer.champion} (swap {found.pointer.swap_id})" if found else "nobody"
                raise LostRaceError(
                    f"the champion of {pointer.pipeline} is {holder} by now, not the one that "
                    f"{pointer.champion} was judged against; judge it again"
                ) from None
            # Unknown outcome, and the pointer is untouched: the write did not land. Write again.
    raise ConflictError(
        f"the pointer of {pointer.pipeline} could not be written in {MAX_ATTEMPTS} attempts; nothing changed, try again"
    )


def promote(
    objects: Objects,
    *,
    pipeline: str,
    version: str,
    manifest_sha256: str,
    judged_against: str | None,
    run_id: str,
    fencing_token: int,
    now: str,
    reason: str,
    by_person: bool = False,
) -> Pointer:
    """Make `version` the champion if the pointer is still in the state `judged_against` (an entity tag).

    A trial that is on ends with it. Calling it again for the same run is harmless.

    Raises
    ------
    LostRaceError
        When somebody else moved the pointer meanwhile, or a run with a newer fencing token wrote it.
    RolledBackError
        When the version was taken out of service before and no person asks for it (`by_person`).
    """
    swap_id = f"{run_id}:{version}"
    current = read_pointer(objects, pipeline)
    if current is not None and current.pointer.swap_id == swap_id:
        return current.pointer
    if current is not None and current.pointer.has_seen(swap_id):
        # It was champion already and has been replaced since: its predecessor is in the pointer's memory.
        position = [swap.swap_id for swap in current.pointer.past].index(swap_id)
        predecessor = current.pointer.past[position - 1].champion if position else None
        return Pointer(pipeline, version, manifest_sha256, run_id, fencing_token, swap_id, now, reason, predecessor)
    _check_turn(current, pipeline, version, judged_against, run_id, fencing_token)
    before = current.pointer if current else None
    pointer = Pointer(
        pipeline=pipeline,
        champion=version,
        manifest_sha256=manifest_sha256,
        run_id=run_id,
        fencing_token=fencing_token,
        swap_id=swap_id,
        swapped_at=now,
        reason=reason,
        previous=before.champion if before else None,
        previous_manifest_sha256=before.manifest_sha256 if before else None,
        past=before.swaps[-REMEMBERED_SWAPS:] if before else (),
        rolled_back=_may_serve(before, version, by_person=by_person),
    )
    swap(objects, pointer, based_on=judged_against)
    return pointer


def start_trial(
    objects: Objects,
    *,
    pipeline: str,
    trial: Trial,
    judged_against: str,
    fencing_token: int,
    by_person: bool = False,
) -> Pointer:
    """Put a challenger beside the champion, which stays champion; a trial that is on is replaced.

    Calling it again for the same run and version is harmless.

    Raises
    ------
    InvalidInputError
        When the challenger is the champion.
    LostRaceError, RolledBackError
        As `promote`.
    """
    swap_id = f"{trial.run_id}:{trial.version}:trial"
    current = read_pointer(objects, pipeline)
    if current is not None and current.pointer.has_seen(swap_id):
        return current.pointer
    _check_turn(current, pipeline, trial.version, judged_against, trial.run_id, fencing_token)
    assert current is not None  # a pointer that is gone is none that was judged against
    if trial.version == current.pointer.champion:
        raise InvalidInputError(f"version must be another than the champion, but {trial.version} is the champion")
    pointer = replace(
        _after(current.pointer, swap_id),
        fencing_token=fencing_token,
        challenger=trial,
        rolled_back=_may_serve(current.pointer, trial.version, by_person=by_person),
    )
    swap(objects, pointer, based_on=current.etag)
    return pointer


def end_trial(objects: Objects, *, pipeline: str, version: str, run_id: str, swap_id: str, bad: bool) -> Pointer:
    """Take this run's challenger off; all requests are the champion's again. `bad`: only a person may bring it back.

    Calling it again with the same swap id is harmless.

    Raises
    ------
    LostRaceError
        When it is not on trial (any more), or somebody else moved the pointer meanwhile.
    """
    current = read_pointer(objects, pipeline)
    if current is not None and current.pointer.has_seen(swap_id):
        return current.pointer
    trial = current.pointer.challenger if current else None
    if current is None or trial is None or (trial.version, trial.run_id) != (version, run_id):
        raise LostRaceError(f"{version} is not on trial for {run_id} (any more); nothing changed")
    ended = _after(current.pointer, swap_id)
    pointer = replace(ended, challenger=None, rolled_back=_taken_out(ended.rolled_back, version if bad else None))
    swap(objects, pointer, based_on=current.etag)
    return pointer


def roll_back(objects: Objects, *, pipeline: str, swap_id: str, now: str, reason: str, by_person: bool) -> Pointer:
    """Undo the newest change: end the trial that is on, or else make the previous version the champion again.

    A trial whose time is over at `now` (ISO) answers nothing any more: it is cleared away, and undoes nothing.

    A person who rolls back twice returns to where it started; an alarm never brings back what was taken out before.
    Calling it again with the same swap id is harmless.

    Raises
    ------
    NotFoundError
        When the pipeline has no champion.
    InvalidInputError
        When the champion has no predecessor.
    RolledBackError
        When no person asks (`by_person`) and the previous version was itself rolled back.
    LostRaceError
        When somebody else moved the pointer meanwhile.
    """
    current = require_pointer(objects, pipeline)
    before = current.pointer
    if before.has_seen(swap_id):
        return before
    if before.challenger is not None and before.challenger.is_on(datetime.fromisoformat(now).timestamp()):
        undone = replace(
            _after(before, swap_id),
            challenger=None,
            rolled_back=_taken_out(before.rolled_back, before.challenger.version),
        )
    else:
        undone = _predecessor(before, swap_id, now, reason, by_person=by_person)
    swap(objects, undone, based_on=current.etag)
    return undone


def _predecessor(before: Pointer, swap_id: str, now: str, reason: str, *, by_person: bool) -> Pointer:
    if before.previous is None or before.previous_manifest_sha256 is None:
        raise InvalidInputError(
            f"{before.champion} is the first champion of {before.pipeline}: there is no previous version to roll "
            "back to"
        )
    return replace(
        _after(before, swap_id),
        champion=before.previous,
        manifest_sha256=before.previous_manifest_sha256,
        swapped_at=now,
        reason=reason,
        previous=before.champion,
        previous_manifest_sha256=before.manifest_sha256,
        challenger=None,
        rolled_back=_taken_out(_may_serve(before, before.previous, by_person=by_person), before.champion),
    )


def _after(pointer: Pointer, swap_id: str) -> Pointer:
    """The same pointer, written by another swap."""
    return replace(pointer, swap_id=swap_id, past=pointer.swaps[-REMEMBERED_SWAPS:])


def _check_turn(
    current: PointerState | None,
    pipeline: str,
    version: str,
    judged_against: str | None,
    run_id: str,
    fencing_token: int,
) -> None:
    """Raises LostRaceError when the pointer is not the one that was judged against, or a newer run has written it."""
    if (current.etag if current else None) != judged_against:
        now_champion = current.pointer.champion if current else "gone"
        raise LostRaceError(
            f"the champion of {pipeline} is {now_champion} by now, not the one that {version} was judged against; "
            "judge it again"
        )
    if current is not None and current.pointer.fencing_token > fencing_token:
        raise LostRaceError(
            f"run {run_id} holds fencing token {fencing_token}, but the pointer of {pipeline} was written with "
            f"{current.pointer.fencing_token}: a newer run has been here"
        )


def _may_serve(before: Pointer | None, version: str, *, by_person: bool) -> tuple[str, ...]:
    """What stays rolled back when this version comes to serve."""
    rolled_back = before.rolled_back if before else ()
    if version in rolled_back and not by_person:
        raise RolledBackError(
            f"{version} was taken out of service before and comes back only when a person asks for it: "
            f"contender trial start --version {version}"
        )
    return tuple(name for name in rolled_back if name != version)


def _taken_out(rolled_back: tuple[str, ...], version: str | None) -> tuple[str, ...]:
    others = tuple(name for name in rolled_back if name != version)
    return (*others, version)[-REMEMBERED_ROLLBACKS:] if version else others
