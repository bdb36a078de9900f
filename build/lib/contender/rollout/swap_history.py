"""Entries of the history of champions. One is missing where whoever made a swap ended before writing it down; the next
swap completes the history first, so that it stays in order."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from contender.ports import Ledger
from contender.registry.pointer import Pointer

CONTROL, CONTROL_ENDED = "control group", "control group ended"
"""Kinds of entries about who keeps an old version."""
FOUND = "Found in the champion pointer: the call that made this swap ended before it was written down."


def history_entry(pointer: Pointer, *, kind: str, now: str, reason: str, run_id: str, by: str = "") -> dict[str, Any]:
    """One line of the history of champions: what was swapped (`kind`), when, why, by which run or person.

    The pointer keeps how its champion came to serve, which a trial does not change; here it is the swap's own.
    """
    of_the_swap = {"kind": kind, "swapped_at": now, "reason": reason, "run_id": run_id}
    return asdict(pointer) | of_the_swap | ({"by": by} if by else {})


def complete_history(ledger: Ledger, pointer: Pointer, *, now: str) -> None:
    """Add the pointer's newest swap to the history, unless it is there.

    Parameters
    ----------
    now : ISO time, UTC; that of the entry where the pointer does not keep the swap's own.
    """
    ledger.append_promotion(pointer.pipeline, _entry_of(pointer, now))


def _entry_of(pointer: Pointer, now: str) -> dict[str, Any]:
    """What a swap was is told by the form of its id (`contender.registry.swaps`)."""
    if pointer.swap_id == f"{pointer.run_id}:{pointer.champion}":
        kind, moment = "promotion", pointer.swapped_at
        return history_entry(pointer, kind=kind, now=moment, reason=pointer.reason, run_id=pointer.run_id)
    trial = pointer.challenger
    if trial is not None and pointer.swap_id.endswith(":trial"):
        return history_entry(pointer, kind=trial.mode, now=trial.since or now, reason=FOUND, run_id=trial.run_id)
    run_id = pointer.swap_id.split(":")[0]
    if pointer.control is not None and pointer.swap_id.endswith(":control"):
        return history_entry(pointer, kind=CONTROL, now=pointer.control.since or now, reason=FOUND, run_id=run_id)
    if pointer.swap_id.endswith(":control-end"):
        return history_entry(pointer, kind=CONTROL_ENDED, now=now, reason=FOUND, run_id=run_id)
    if pointer.swap_id.endswith(":end"):
        return history_entry(pointer, kind="trial ended", now=now, reason=FOUND, run_id=run_id)
    return history_entry(pointer, kind="rollback", now=pointer.swapped_at, reason=pointer.reason, run_id=pointer.run_id)
