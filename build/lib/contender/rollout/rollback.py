"""Rolls a version back: at the end of a failed trial, or for a person or an alarm.

Each one swaps the pointer, adds an entry to the history of champions, and returns a section that says what was done.
What is undone is in the history first: whoever made that swap may have ended before writing it down.
All of it is idempotent: a swap is known by its id, and an entry is kept once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from contender.errors import DamagedPointerError, InvalidInputError, LostRaceError, NotFoundError, RolledBackError
from contender.ports import Ledger, Objects
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.swaps import end_trial, roll_back
from contender.rollout.swap_history import complete_history, history_entry
from contender.workflow.messages import Rollback


@dataclass(frozen=True)
class Undone:
    """The rollback, and the pointer after it; None where there is no champion."""

    rollback: Rollback
    pointer: Pointer | None


def take_back(
    models: Objects, ledger: Ledger, *, pipeline: str, version: str, run_id: str, bad: bool, reason: str, now: str
) -> Rollback:
    """End a run's own trial. `bad`: its version is not promoted automatically again.

    A trial that a person, an alarm or another run has ended meanwhile stays as it is: `refused`.
    """
    swap_id = f"{run_id}:{version}:end"
    try:
        pointer = end_trial(models, pipeline=pipeline, version=version, run_id=run_id, swap_id=swap_id, bad=bad)
    except LostRaceError as error:
        found = read_pointer(models, pipeline)
        if found is not None:  # PromoteFully may have ended the trial by promoting, and died before it wrote that down
            complete_history(ledger, found.pointer, now=now)
        return Rollback("refused", f"{error}.", version, found.pointer.champion if found else "")
    kind = "rollback" if bad else "trial ended"
    if pointer.swap_id == swap_id:  # else it was swapped again meanwhile, and that swap completed the history
        ledger.append_promotion(pipeline, history_entry(pointer, kind=kind, now=now, reason=reason, run_id=run_id))
    ended = (
        f"{version} was rolled back and is not promoted automatically again" if bad else f"The trial of {version} ended"
    )
    said = f"{ended}; {pointer.champion} answers all requests again."
    return Rollback("trial_ended", said, version, pointer.champion, swap_id)


def undo_newest(
    models: Objects,
    ledger: Ledger,
    *,
    pipeline: str,
    swap_id: str,
    run_id: str,
    reason: str,
    by: str,
    by_person: bool,
    within_hours: float,
    now: datetime,
    rang_at: str = "",
) -> Undone:
    """Undo the newest change of the pointer: end the running trial, or restore the previous champion.

    An alarm (not `by_person`) undoes only what is younger than `within_hours`: a champion that served well for longer
    is not the cause. Where the pointer has changed since the alarm started (`rang_at`, ISO), nothing is undone. Nor
    does an alarm restore a version that was itself rolled back. What cannot be undone is `refused` with the reason,
    not an error, because a retry would not help.
    """
    try:
        before = read_pointer(models, pipeline)
    except DamagedPointerError as error:
        return Undone(Rollback("refused", f"{error}."), None)
    current = before.pointer if before else None
    if current is not None and not current.has_seen(swap_id):
        complete_history(ledger, current, now=now.isoformat())
        why_not = "" if by_person else _moved_since(ledger, current, rang_at) or _too_old(current, within_hours, now)
        if why_not:
            return Undone(Rollback("refused", why_not, champion=current.champion), current)
    try:
        pointer = roll_back(
            models,
            pipeline=pipeline,
            swap_id=swap_id,
            now=now.isoformat(),
            reason=f"rolled back: {reason}",
            by_person=by_person,
            current=before,
        )
    except (InvalidInputError, LostRaceError, NotFoundError, RolledBackError) as error:
        return Undone(Rollback("refused", f"{error}.", champion=current.champion if current else ""), current)
    if pointer.swap_id == swap_id:
        entry = history_entry(
            pointer, kind="rollback", now=now.isoformat(), reason=f"rolled back: {reason}", run_id=run_id, by=by
        )
        ledger.append_promotion(pipeline, entry)
    return Undone(_what_was_undone(pointer, swap_id, reason), pointer)


def _moved_since(ledger: Ledger, current: Pointer, rang_at: str) -> str:
    """Why an alarm is not about the current champion or trial; empty where it may be."""
    if not rang_at:
        return ""
    moved_at = _time_of_newest_swap(ledger, current)
    if moved_at is not None and datetime.fromisoformat(moved_at) <= datetime.fromisoformat(rang_at):
        return ""
    when = f"at {moved_at}" if moved_at else "a moment ago"
    return f"The champion pointer changed {when}, after the alarm started ({rang_at}): the cause may be gone already."


def _time_of_newest_swap(ledger: Ledger, current: Pointer) -> str | None:
    """None when it is not in the history yet and was no promotion."""
    for entry in ledger.promotions(current.pipeline):
        if entry["swap_id"] == current.swap_id:
            return str(entry["swapped_at"])
    if current.challenger is not None:
        return current.challenger.since
    made_champion = not current.past or current.past[-1].champion != current.champion
    return current.swapped_at if made_champion else None


def _too_old(current: Pointer, within_hours: float, now: datetime) -> str:
    """Why an alarm is not about the newest change; empty where it may be."""
    trial = current.challenger
    on_trial = trial is not None and trial.is_on(now.timestamp())
    newest, since = (trial.version, trial.since) if trial and on_trial else (current.champion, current.swapped_at)
    age = now - datetime.fromisoformat(since)
    if age <= timedelta(hours=within_hours):
        return ""
    return (
        f"{newest} has served for {age.total_seconds() / 3600:.0f} hours; an alarm rolls back only within "
        f"{within_hours:g} hours of a change"
    )


def _what_was_undone(pointer: Pointer, swap_id: str, reason: str) -> Rollback:
    """Read from the pointer, so that a repeated call gives the same answer; the end of a trial keeps the champion."""
    swaps = pointer.swaps
    place = [swap.swap_id for swap in swaps].index(swap_id)
    champion = swaps[place].champion
    if place and swaps[place - 1].champion != champion:
        out = swaps[place - 1].champion
        return Rollback(
            "rolled_back", f"{champion} serves again; {out} was rolled back: {reason}.", out, champion, swap_id
        )
    out = pointer.rolled_back[-1] if pointer.rolled_back else ""
    said = f"The trial of {out} was rolled back; {champion} answers all requests again: {reason}."
    return Rollback("trial_ended", said, out, champion, swap_id)
