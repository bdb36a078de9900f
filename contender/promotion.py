"""The champion pointer, and the one way to move it: a compare-and-swap on one small object.

The swap is safe against everything that a network does: a lost race is told from a lost answer by reading back
the swap id, a conflict is retried, and nothing is ever overwritten blindly.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from contender.errors import (
    ConflictError,
    InvalidInputError,
    LostRaceError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOutcomeError,
)
from contender.ports import Objects

MAX_ATTEMPTS = 5

REMEMBERED_SWAPS = 8
"""As many swaps may follow one whose answer was lost, and it is still told from a lost race."""


@dataclass(frozen=True)
class Trial:
    """A challenger that gets a share of the traffic (`canary`) or sees it without answering (`shadow`)."""

    version: str
    weight: float
    mode: str


@dataclass(frozen=True)
class PastSwap:
    """A swap that happened, and the version that it made champion."""

    swap_id: str
    champion: str


@dataclass(frozen=True)
class Pointer:
    """Which model version serves a pipeline, and how it came to. `past` is the swaps before this one, oldest first."""

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

    @property
    def swaps(self) -> tuple[PastSwap, ...]:
        """The swaps that this pointer knows to have happened, its own the last."""
        return (*self.past, PastSwap(self.swap_id, self.champion))

    def has_seen(self, swap_id: str) -> bool:
        """Whether this swap, or one that it followed, is the one named."""
        return any(swap.swap_id == swap_id for swap in self.swaps)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Pointer:
        content: dict[str, Any] = json.loads(body)
        trial = content.pop("challenger", None)
        past = tuple(PastSwap(**swap) for swap in content.pop("past", ()))
        return cls(**content, challenger=Trial(**trial) if trial else None, past=past)


@dataclass(frozen=True)
class PointerState:
    """A pointer as read, with the entity tag that a swap is based on."""

    pointer: Pointer
    etag: str


def pointer_key(pipeline: str) -> str:
    return f"models/{pipeline}/champion.json"


def read_pointer(objects: Objects, pipeline: str) -> PointerState | None:
    """The pointer as it stands; None before the first promotion."""
    try:
        stored = objects.get(pointer_key(pipeline))
    except NotFoundError:
        return None
    return PointerState(Pointer.from_json(stored.body), stored.etag)


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
) -> Pointer:
    """Make `version` the champion if the pointer is still in the state `judged_against` (an entity tag).

    Raises
    ------
    LostRaceError
        When somebody else moved the pointer meanwhile, or a run with a newer fencing token wrote it.
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
    pointer = Pointer(
        pipeline=pipeline,
        champion=version,
        manifest_sha256=manifest_sha256,
        run_id=run_id,
        fencing_token=fencing_token,
        swap_id=swap_id,
        swapped_at=now,
        reason=reason,
        previous=current.pointer.champion if current else None,
        previous_manifest_sha256=current.pointer.manifest_sha256 if current else None,
        past=current.pointer.swaps[-REMEMBERED_SWAPS:] if current else (),
    )
    swap(objects, pointer, based_on=judged_against)
    return pointer


def roll_back(objects: Objects, *, pipeline: str, swap_id: str, now: str, reason: str) -> Pointer:
    """Make the previous version the champion again; rolling back twice returns to where it started.

    Calling it again with the same swap id is harmless.

    Raises
    ------
    NotFoundError
        When the pipeline has no champion.
    InvalidInputError
        When the champion has no predecessor.
    LostRaceError
        When somebody else moved the pointer meanwhile.
    """
    current = read_pointer(objects, pipeline)
    if current is None:
        raise NotFoundError(f"{pipeline} has no champion yet; upload data to train the first one")
    before = current.pointer
    if before.swap_id == swap_id:
        return before
    if before.previous is None or before.previous_manifest_sha256 is None:
        raise InvalidInputError(
            f"{before.champion} is the first champion of {pipeline}: there is no previous version to roll back to"
        )
    pointer = Pointer(
        pipeline=pipeline,
        champion=before.previous,
        manifest_sha256=before.previous_manifest_sha256,
        run_id=before.run_id,
        fencing_token=before.fencing_token,
        swap_id=swap_id,
        swapped_at=now,
        reason=reason,
        previous=before.champion,
        previous_manifest_sha256=before.manifest_sha256,
        past=before.swaps[-REMEMBERED_SWAPS:],
    )
    swap(objects, pointer, based_on=current.etag)
    return pointer
