"""JudgeControl: keeps a pipeline's control group as its file asks for, and counts the days that have closed.

Part of JudgeExperiment, which alone may move the pointer unattended besides the loop. The pointer comes first, then its
history, then the state that counts; a call that ended half-way is completed by the next one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from contender.ports import Ledger, Objects
from contender.predictions.record import CONTROL
from contender.registry.pointer import Pointer, PointerState, Trial, read_pointer
from contender.registry.swaps import end_control, set_control
from contender.rollout.experiments.control import BY_HAND, ControlGroup, change_of, read_control, write_control
from contender.rollout.swap_history import CONTROL as KIND
from contender.rollout.swap_history import CONTROL_ENDED, complete_history, history_entry
from contender.steps.judge_experiment import Desk
from contender.steps.live_pairs import pairs_of_day, wait_days

MOST_DAYS_A_LOOK = 40
"""Counted in one call: after a time in which nobody looked, the next calls go on."""


def judge_control(desk: Desk, *, weight: float, relative: bool, now: datetime) -> ControlGroup | None:
    """Look once; the control group, None where there is none.

    Parameters
    ----------
    weight : `rollout.control_weight`.
    relative : whether differences are fractions of the champion's loss, as for a regression.

    Raises
    ------
    LostRaceError, PreconditionFailedError
        When somebody else wrote meanwhile; the next look completes it.
    """
    found = read_pointer(desk.models, desk.pipeline)
    state, etag = read_control(desk.data, desk.pipeline)
    if found is None:
        return None
    control, followed = _in_line(found, desk, weight, now).control, state
    if (control and control.run_id) != (state.group and state.group.run_id):
        waited = wait_days(desk.live_metrics, desk.pipeline, now)
        followed = state.follow(control, relative=relative, wait_days=waited, now=now)
    group = followed.group
    if group is not None:
        due = group.days_to_count(now)[:MOST_DAYS_A_LOOK]
        of = partial(pairs_of_day, desk.live_metrics, desk.pipeline, group.version, (CONTROL,), begun=group.begun)
        days = [of(number=number) for number in due]
        group = replace(group, counted=(*group.counted, *days))
    counted = replace(followed, group=group)
    if counted != state:
        write_control(desk.data, desk.pipeline, counted, based_on=etag)
    return group


def _in_line(found: PointerState, desk: Desk, weight: float, now: datetime) -> Pointer:
    """The pointer with the control group that there is to be. While a run is at work, which has compared its challenger
    with the pointer as it is, everything stays."""
    change, before = change_of(found.pointer, weight=weight, now=now), found.pointer.control
    if not change or desk.ledger.lease(desk.pipeline) is not None:
        return found.pointer
    if change == "end":
        return keep_control(desk.models, desk.ledger, found, None, reason="rollout.control_weight is 0", now=now)
    by_hand = before is not None and before.run_id.startswith(BY_HAND)
    share = before.weight if before is not None and by_hand else weight
    champion, digest = found.pointer.champion, found.pointer.manifest_sha256
    control = control_trial(champion, digest, share, by_hand=by_hand, now=now)
    reason = f"{share:.0%} of the callers keep {champion}, the champion of this day"
    return keep_control(desk.models, desk.ledger, found, control, reason=reason, now=now)


def control_trial(version: str, manifest_sha256: str, weight: float, *, by_hand: bool, now: datetime) -> Trial:
    """A control group that begins at `now`; raises InvalidInputError where its weight is no share."""
    minute = now.replace(second=0, microsecond=0)
    run_id = f"{BY_HAND if by_hand else 'control-'}{now:%Y%m%dT%H%M%SZ}"
    return Trial(version, manifest_sha256, weight, "canary", run_id, minute.isoformat())


def keep_control(
    models: Objects,
    ledger: Ledger,
    found: PointerState,
    control: Trial | None,
    *,
    reason: str,
    now: datetime,
    by: str = "",
) -> Pointer:
    """Put a control group in the place of the one that there is, or end that, and write it down.

    Raises
    ------
    InvalidInputError, LostRaceError
        As `contender.registry.swaps.set_control`.
    """
    before, pipeline = found.pointer, found.pointer.pipeline
    named = control or before.control
    if named is None:
        return before
    complete_history(ledger, before, now=now.isoformat())
    move = end_control if control is None else set_control
    pointer = move(models, control=named, judged_against=found.etag, pipeline=pipeline)
    kind = CONTROL_ENDED if control is None else KIND
    if not pointer.swap_id.startswith(f"{named.run_id}:{named.version}:control"):
        return pointer  # it was swapped again meanwhile, and that swap completed the history
    entry = history_entry(pointer, kind=kind, now=now.isoformat(), reason=reason, run_id=named.run_id, by=by)
    ledger.append_promotion(pipeline, entry)
    return pointer
