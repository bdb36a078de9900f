"""Swaps: the champion pointer moves only by compare-and-swap.

The swap is safe against everything that a network does: a lost race is told from a lost answer by reading back
the swap id, a conflict is retried, and nothing is ever overwritten blindly.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from contender.errors import (
    ConflictError,
    InvalidInputError,
    LostRaceError,
    NotFoundError,
    OutrunError,
    PreconditionFailedError,
    RolledBackError,
    UnknownOutcomeError,
)
from contender.ports import Objects
from contender.registry.pointer import (
    Pointer,
    PointerState,
    Trial,
    mark_first_champion,
    pointer_key,
    read_pointer,
    require_pointer,
)

MAX_ATTEMPTS = 5

MOST_CONTROL = 0.1
"""Largest share of the callers that a control group may have."""

REMEMBERED_SWAPS = 8
"""A swap whose answer was lost is still recognised after this many later swaps."""

REMEMBERED_ROLLBACKS = 20
"""Number of rolled-back versions to remember; older ones are older than anything still in training."""


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
                holder = f"{found.pointer.champion} (swap {found.pointer.swap_id})" if found else "none"
                raise LostRaceError(
                    f"the champion of {pointer.pipeline} is {holder} now, not the one that "
                    f"{pointer.champion} was compared with; compare it again"
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
    provisional: bool = False,
) -> Pointer:
    """Make `version` the champion if the pointer is still in the state `judged_against` (an entity tag).

    A trial that is on ends with it. Calling it again for the same run is harmless.

    Raises
    ------
    LostRaceError
        When somebody else moved the pointer meanwhile; OutrunError when a run with a newer fencing token wrote it.
    RolledBackError
        When the version was taken out of service before and no person asks for it (`by_person`).
    """
    swap_id = f"{run_id}:{version}"
    current = read_pointer(objects, pipeline)
    if current is not None and current.pointer.swap_id == swap_id:
        mark_first_champion(objects, current.pointer)  # the call that swapped may have ended before it could
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
        provisional=provisional,
        control=before.control if before else None,
    )
    swap(objects, pointer, based_on=judged_against)
    mark_first_champion(objects, pointer)
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
    """Start a trial of a challenger; the champion stays champion, and a running trial is replaced.

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
    """End this run's trial; the champion answers all requests again. `bad`: never promote it automatically.

    Calling it again with the same swap id is harmless.

    Raises
    ------
    LostRaceError
        When it is not on trial (any more), or somebody else moved the pointer meanwhile.
    """
    current = read_pointer(objects, pipeline)
    if current is not None and current.pointer.has_seen(swap_id):
        return current.pointer
    if current is None or current.pointer.trial_of(version, run_id) is None:
        raise LostRaceError(f"run {run_id} has no running trial of {version}; nothing changed")
    ended = replace(_after(current.pointer, swap_id), challenger=None)
    pointer = _without(ended, version) if bad else ended
    swap(objects, pointer, based_on=current.etag)
    return pointer


def set_control(objects: Objects, *, control: Trial, judged_against: str, pipeline: str) -> Pointer:
    """Let a few callers keep a version, in the place of the one that they kept; everything else stays as it is.

    Calling it again for the same group (`control.run_id`) and version is harmless.

    Raises
    ------
    InvalidInputError
        When its weight is more than a tenth.
    LostRaceError
        When somebody else moved the pointer meanwhile.
    """
    if not control.weight <= MOST_CONTROL:
        raise InvalidInputError(
            f"weight must be at most {MOST_CONTROL:g} for a control group, but got {control.weight}"
        )
    return _keep_control(objects, pipeline, control, f"{control.run_id}:{control.version}:control", judged_against)


def end_control(objects: Objects, *, control: Trial, judged_against: str, pipeline: str) -> Pointer:
    """End the control group; raises LostRaceError as `set_control`, and is as harmless when called again."""
    return _keep_control(objects, pipeline, None, f"{control.run_id}:{control.version}:control-end", judged_against)


def _keep_control(objects: Objects, pipeline: str, control: Trial | None, swap_id: str, judged_against: str) -> Pointer:
    current = require_pointer(objects, pipeline)
    if current.pointer.has_seen(swap_id):
        return current.pointer
    if current.etag != judged_against:
        raise LostRaceError(f"the champion pointer of {pipeline} was moved meanwhile; nothing changed, try again")
    pointer = replace(_after(current.pointer, swap_id), control=control)
    swap(objects, pointer, based_on=current.etag)
    return pointer


def roll_back(
    objects: Objects,
    *,
    pipeline: str,
    swap_id: str,
    now: str,
    reason: str,
    by_person: bool,
    current: PointerState | None = None,
) -> Pointer:
    """Undo the newest change: end the running trial, or else make the previous version the champion again.

    `current` is the pointer as its caller has read it, on which alone it is based; None: it is read here.

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
    current = current or require_pointer(objects, pipeline)
    before = current.pointer
    if before.has_seen(swap_id):
        return before
    if before.challenger is not None and before.challenger.is_on(datetime.fromisoformat(now).timestamp()):
        undone = _without(replace(_after(before, swap_id), challenger=None), before.challenger.version)
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
    restored = replace(
        _after(before, swap_id),
        champion=before.previous,
        manifest_sha256=before.previous_manifest_sha256,
        swapped_at=now,
        reason=reason,
        previous=before.champion,
        previous_manifest_sha256=before.manifest_sha256,
        challenger=None,
        provisional=False,
        rolled_back=_may_serve(before, before.previous, by_person=by_person),
    )
    return _without(restored, before.champion)


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
    """Raises LostRaceError when the pointer is not the one that was judged against, OutrunError when a newer run
    wrote it."""
    if (current.etag if current else None) != judged_against:
        now_champion = current.pointer.champion if current else "gone"
        raise LostRaceError(
            f"the champion of {pipeline} is {now_champion} now, not the one that {version} was compared with; "
            "compare it again"
        )
    if current is not None and current.pointer.fencing_token > fencing_token:
        raise OutrunError(
            f"run {run_id} holds fencing token {fencing_token}, but the pointer of {pipeline} was written with "
            f"{current.pointer.fencing_token}: a newer run has changed it"
        )


def _may_serve(before: Pointer | None, version: str, *, by_person: bool) -> tuple[str, ...]:
    """What stays rolled back when this version comes to serve."""
    rolled_back = before.rolled_back if before else ()
    if version in rolled_back and not by_person:
        raise RolledBackError(
            f"{version} was rolled back before and is not promoted automatically again; try it with: "
            f"contender trial start --version {version}"
        )
    return tuple(name for name in rolled_back if name != version)


def _without(pointer: Pointer, version: str) -> Pointer:
    """The pointer once a version has been taken out of service: no control group keeps it either."""
    others = tuple(name for name in pointer.rolled_back if name != version)
    control = pointer.control if pointer.control is None or pointer.control.version != version else None
    return replace(pointer, rolled_back=(*others, version)[-REMEMBERED_ROLLBACKS:], control=control)
