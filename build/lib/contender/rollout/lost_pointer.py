"""A champion pointer that is gone or damaged, told from a pipeline that never had one, and put back.

The history of champions in the runs table is written after each swap, so a history without a pointer means a loss: a
deleted object, a wrong bucket, a restored table. Without the check the next challenger would be crowned against the
naive baseline, as a first champion is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contender.errors import (
    DamagedPointerError,
    IntegrityError,
    InvalidInputError,
    LostPointerError,
    LostRaceError,
    LostRunsError,
    NotFoundError,
)
from contender.ports import Ledger, Objects
from contender.registry.pointer import (
    Pointer,
    PointerState,
    mark_first_champion,
    parse_pointer,
    pointer_key,
)
from contender.registry.swaps import swap
from contender.registry.versions import ModelRegistry
from contender.rollout.swap_history import history_entry
from contender.workflow.outcome import option

Entry = Mapping[str, Any]


def check_not_lost(found: PointerState | None, ledger: Ledger, pipeline: str, *, environment: str) -> None:
    """Raises LostPointerError when there is no pointer although the history knows a champion.

    Parameters
    ----------
    environment : where the pipeline is, for the command in the message.
    """
    history = ledger.promotions(pipeline) if found is None else ()
    if history:
        newest = history[0]
        raise LostPointerError(
            f"the champion pointer of {pipeline} is gone, but {newest['champion']} was champion since "
            f"{newest['swapped_at']}; nothing is trained or promoted until it is back. Restore it with: "
            f"contender champion --restore --pipeline {pipeline}{option(environment)}"
        )


def check_runs_not_lost(found: PointerState | None, fencing_token: int, pipeline: str, *, environment: str) -> None:
    """Raises LostRunsError when a new lease's fencing token is below the pointer's.

    Tokens only grow, so the runs table was emptied, or restored from before the newest promotion. Nothing could be
    promoted until its counter has caught up, and every comparison would be for nothing.
    """
    if found is not None and fencing_token < found.pointer.fencing_token:
        raise LostRunsError(
            f"the runs table of {pipeline} was emptied or restored from an earlier time: this run got fencing token "
            f"{fencing_token}, and the champion {found.pointer.champion} was promoted with "
            f"{found.pointer.fencing_token}; nothing is trained or promoted until they agree. Repair it with: "
            f"contender doctor --fix --pipeline {pipeline}{option(environment)}"
        )


def restore_pointer(registry: ModelRegistry, ledger: Ledger, *, now: str, by: str) -> Pointer:
    """Make the newest version champion again that the history and its own manifest agree on.

    A pointer that is there is replaced only where it cannot be read, by a compare-and-swap on what was found.
    A trial is not restored. Versions that were rolled back stay so.

    Parameters
    ----------
    now : ISO time, UTC.
    by : who asked for it.

    Raises
    ------
    InvalidInputError
        When there is a pointer, or there never was a champion.
    NotFoundError
        When no version of the history can be read; the message says why for the newest.
    LostRaceError
        When somebody else writes a pointer meanwhile.
    """
    pipeline = registry.pipeline
    damaged = _etag_of_damaged(registry.objects, pipeline)
    history = ledger.promotions(pipeline)
    if not history:
        raise InvalidInputError(f"{pipeline} never had a champion; upload data to train the first one")
    newest = _newest_whole(registry, history)
    pointer = Pointer(
        pipeline=pipeline,
        champion=newest["champion"],
        manifest_sha256=newest["manifest_sha256"],
        run_id=newest["run_id"],
        fencing_token=max(each["fencing_token"] for each in history),
        swap_id=f"restore:{now}",
        swapped_at=now,
        reason=f"restored: the pointer was {'damaged' if damaged else 'lost'}. Before: {newest['reason']}",
        previous=newest.get("previous"),
        previous_manifest_sha256=newest.get("previous_manifest_sha256"),
        rolled_back=tuple(history[0].get("rolled_back", ())),
        provisional=bool(newest.get("provisional", False)),
    )
    _write(registry.objects, pointer, damaged)
    mark_first_champion(registry.objects, pointer)
    entry = history_entry(pointer, kind="restored", now=now, reason=pointer.reason, run_id=pointer.run_id, by=by)
    ledger.append_promotion(pipeline, entry)
    return pointer


def _etag_of_damaged(objects: Objects, pipeline: str) -> str | None:
    """The entity tag of a pointer that cannot be read; None where there is none. A whole one: InvalidInputError."""
    try:
        stored = objects.get(pointer_key(pipeline))
    except NotFoundError:
        return None
    try:
        found = parse_pointer(stored.body, pipeline)
    except DamagedPointerError:
        return stored.etag
    raise InvalidInputError(f"{pipeline} has a champion, {found.champion}; there is nothing to restore")


def _write(objects: Objects, pointer: Pointer, damaged: str | None) -> None:
    """Swap the pointer in; one that cannot be read cannot tell whether a write without an answer was this one."""
    try:
        swap(objects, pointer, based_on=damaged)
    except DamagedPointerError as error:
        raise LostRaceError(f"{error}; another write came between, so try again") from None


def _newest_whole(registry: ModelRegistry, history: Sequence[Entry]) -> Entry:
    """The newest entry whose champion is there with the manifest that was promoted."""
    why = ""
    for entry in history:
        try:
            registry.read(entry["champion"], manifest_sha256=entry["manifest_sha256"])
        except (NotFoundError, IntegrityError) as error:
            why = why or str(error)
        else:
            return entry
    raise NotFoundError(f"no champion of {registry.pipeline} can be restored; the newest: {why}")
