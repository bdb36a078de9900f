"""The champion pointer: which model version serves a pipeline, and which one is on trial beside it.

It is one small object, moved by `contender.registry.swaps` only.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from contender.errors import (
    ConflictError,
    ContenderError,
    DamagedPointerError,
    InvalidInputError,
    LostPointerError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOutcomeError,
)
from contender.ports import Objects, ReadObjects

Mode = Literal["canary", "shadow"]
ON_TRIAL = ("challenger", "control")
"""Fields of the pointer that name a version beside the champion."""


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
    provisional : the champion is the first one and is not shown to be better than the naive baseline.
    control : an old version that a few callers keep, which shows what retraining has been worth.
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
    provisional: bool = False
    control: Trial | None = None

    @property
    def swaps(self) -> tuple[PastSwap, ...]:
        """The swaps that this pointer knows to have happened, its own the last."""
        return (*self.past, PastSwap(self.swap_id, self.champion))

    def has_seen(self, swap_id: str) -> bool:
        """Whether this swap, or one that it followed, is the one named."""
        return any(swap.swap_id == swap_id for swap in self.swaps)

    def trial_of(self, version: str, run_id: str) -> Trial | None:
        """The trial of this version by this run; None when it is over, or another one is on."""
        trial = self.challenger
        return trial if trial is not None and (trial.version, trial.run_id) == (version, run_id) else None

    def to_json(self) -> bytes:
        """The pointer as its object. Functions from before there were provisional champions, or control groups, can
        read any other one."""
        content = asdict(self)
        for newer in ("provisional", "control"):
            if not content[newer]:
                del content[newer]
        return json.dumps(content, indent=2, sort_keys=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Pointer:
        """The inverse of `to_json`. Raises InvalidInputError, with the reason, for bytes that are no pointer."""
        try:
            content: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"{len(body)} bytes that are not JSON ({error})") from None
        try:
            trial, control = (
                Trial(**found) if found else None for found in (content.pop(name, None) for name in ON_TRIAL)
            )
            past = tuple(PastSwap(**swap) for swap in content.pop("past", ()))
            rolled_back = tuple(content.pop("rolled_back", ()))
            pointer = cls(**content, challenger=trial, control=control, past=past, rolled_back=rolled_back)
        except (AttributeError, TypeError, ValueError) as error:
            raise InvalidInputError(f"JSON of another shape ({error})") from None
        _check_texts(pointer)
        return pointer


@dataclass(frozen=True)
class PointerState:
    """A pointer as read, with the entity tag that a swap is based on."""

    pointer: Pointer
    etag: str


def _check_texts(pointer: Pointer) -> None:
    """Raises InvalidInputError where a name, a digest or a time is no text, or the fencing token no number."""
    needed: dict[str, object] = {
        name: getattr(pointer, name)
        for name in ("pipeline", "champion", "manifest_sha256", "run_id", "swap_id", "swapped_at", "reason")
    }
    needed |= {f"rolled_back[{place}]": version for place, version in enumerate(pointer.rolled_back)}
    for place, swap in enumerate(pointer.past):
        needed |= {f"past[{place}].swap_id": swap.swap_id, f"past[{place}].champion": swap.champion}
    for role in ON_TRIAL:
        trial: Trial | None = getattr(pointer, role)
        if trial is not None:
            needed |= {f"{role}.{name}": value for name, value in asdict(trial).items() if name != "weight"}
    for name in ("previous", "previous_manifest_sha256"):
        if (value := getattr(pointer, name)) is not None:
            needed[name] = value
    for name, value in needed.items():
        if not isinstance(value, str):
            raise InvalidInputError(f"{name} is {value!r} and no text")
    if type(pointer.fencing_token) is not int:
        raise InvalidInputError(f"fencing_token is {pointer.fencing_token!r} and no whole number")
    if not pointer.champion:
        raise InvalidInputError("champion is empty")


def pointer_key(pipeline: str) -> str:
    """The key of the pipeline's champion pointer in the model bucket."""
    return f"models/{pipeline}/champion.json"


def parse_pointer(body: bytes, pipeline: str) -> Pointer:
    """The pointer of a pipeline from its object.

    Raises
    ------
    DamagedPointerError
        When the bytes are no pointer, or that of another pipeline; the message says what they are and what to type.
    """
    try:
        pointer = Pointer.from_json(body)
        if pointer.pipeline != pipeline:
            raise InvalidInputError(f"the pointer of {pointer.pipeline}")
    except InvalidInputError as error:
        raise DamagedPointerError(
            f"the champion pointer of {pipeline} is damaged: {pointer_key(pipeline)} holds {error}. Nothing is trained "
            f"or promoted until it is restored with: contender champion --restore --pipeline {pipeline} "
            "(on AWS with --env)"
        ) from None
    return pointer


def read_pointer(objects: ReadObjects, pipeline: str) -> PointerState | None:
    """The pointer as it stands; None before the first promotion. Raises DamagedPointerError where it is unreadable."""
    try:
        stored = objects.get(pointer_key(pipeline))
    except NotFoundError:
        return None
    return PointerState(parse_pointer(stored.body, pipeline), stored.etag)


def require_pointer(objects: ReadObjects, pipeline: str) -> PointerState:
    """The pointer as it stands; raises NotFoundError before the first promotion, LostPointerError where it is lost or
    damaged."""
    found = read_pointer(objects, pipeline)
    if found is None:
        raise no_champion(objects, pipeline)
    return found


def first_champion_key(pipeline: str) -> str:
    """The key of an object that is written once, after the first promotion.

    It tells who may only read the bucket, as serving, that a pointer which is not there is lost.
    """
    return f"models/{pipeline}/first_champion.json"


def mark_first_champion(objects: Objects, pointer: Pointer) -> None:
    """Write down that there was a champion, unless it is written down. That a write fails is no harm: the next
    promotion tries again."""
    content = {"champion": pointer.champion, "swapped_at": pointer.swapped_at}
    with suppress(PreconditionFailedError, ConflictError, UnknownOutcomeError):
        objects.put(first_champion_key(pointer.pipeline), json.dumps(content).encode(), if_none_match=True)


def no_champion(objects: ReadObjects, pipeline: str) -> NotFoundError:
    """What whoever needs a champion is told where there is no pointer: whether it is lost, or there never was one."""
    try:
        first = json.loads(objects.get(first_champion_key(pipeline)).body)
    except (ContenderError, ValueError):
        return NotFoundError(f"{pipeline} has no champion yet; upload data to train the first one")
    return LostPointerError(
        f"the champion pointer of {pipeline} is lost; there have been champions since {first.get('swapped_at')}. "
        f"Restore it with: contender champion --restore --pipeline {pipeline} (on AWS with --env)"
    )
