"""Gauges of the loop: the current run, the runs before it, and the uploads that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from contender.ports import Batch
from contender.pulse.gauges import (
    DRIFTED_RUNS_WITHOUT_PROMOTION,
    FAILED_RUNS_IN_A_ROW,
    HOURS_SINCE_GOOD_RUN,
    HOURS_SINCE_UPLOAD,
    MISSED_INTERVALS,
    OLDEST_UPLOAD_MINUTES,
    RUN_MINUTES,
    RUN_OVERDUE_MINUTES,
)
from contender.pulse.times import hours_since, minutes_since, time_of
from contender.rollout.agreement import TRIGGER as TRIAL
from contender.rollout.experiments.outcome import TRIGGER as EXPERIMENT

Runs = Sequence[Mapping[str, Any]]
"""Records of runs, newest first."""
Reading = tuple[str, float | None]
"""A gauge's name, and its value; None where there is no evidence."""

TRIALS = (TRIAL, EXPERIMENT)
"""Triggers of records that are no run of the loop: the ends of trials and experiments."""
UPLOADED = ("upload", "pending")
"""Triggers of runs that an upload has started."""
USUAL_RUNS = 20
"""A run is compared with the longest of so many before it: by chance, one in 21 would take longer still."""
DEFAULT_MINUTES = 30.0
"""Usual time of a run where there are fewer than `LEAST_RUNS` before it; a training of docs/cost.md takes five."""
LEAST_RUNS = 3
LEAST_MINUTES = 10.0
"""No run is overdue before: a machine that starts slowly, or Spot capacity that comes late, is nothing to look at."""


@dataclass(frozen=True)
class CurrentRun:
    """The run that holds the lease.

    Attributes
    ----------
    since : when it took the lease.
    status : "running", or "ended" without having released the lease, as an aborted run does.
    waits : for a person's answer or for a canary's traffic; its time is not its own then.
    """

    run_id: str
    since: datetime
    status: Literal["running", "ended"]
    waits: bool = False


def run_readings(
    runs: Runs, current: CurrentRun | None, pending: Sequence[Batch], *, interval_minutes: float | None, now: datetime
) -> Iterator[Reading]:
    """The gauges of the loop.

    Parameters
    ----------
    pending : all uploads that no run has settled, those of the current run among them.
    interval_minutes : of the schedule; None where it is off.
    """
    runs = [run for run in runs if run.get("trigger") not in TRIALS]
    finished = [run for run in runs if run.get("verdict") != "duplicate"]
    ended = next((found for run in finished if (found := ended_at(run))), None)
    yield from _current(runs, current, now)
    yield FAILED_RUNS_IN_A_ROW.name, _failed_in_a_row(finished, current)
    yield OLDEST_UPLOAD_MINUTES.name, _oldest_upload(pending, current, now)
    yield HOURS_SINCE_UPLOAD.name, hours_since(_newest_upload(runs, pending), now)
    good = next((found for run in finished if _ended_well(run) and (found := ended_at(run))), None)
    yield HOURS_SINCE_GOOD_RUN.name, hours_since(good, now)
    since = minutes_since(ended, now)
    yield MISSED_INTERVALS.name, since / interval_minutes if interval_minutes and since is not None else None
    yield DRIFTED_RUNS_WITHOUT_PROMOTION.name, _drifted_in_a_row(finished)


def ended_at(run: Mapping[str, Any]) -> datetime | None:
    """When a run ended; None where its record does not say."""
    started, seconds = time_of(run.get("started_at")), run.get("seconds")
    usable = isinstance(seconds, (int, float)) and 0.0 <= seconds < 1e8
    return started + timedelta(seconds=float(seconds)) if started and usable and seconds is not None else None


def usual_minutes(runs: Runs) -> float:
    """The longest time that one of the newest runs took which trained and ended well, waiting not included.

    Examples
    --------
    >>> trained = {"verdict": "retained", "challenger": "v2", "seconds": 1200.0}
    >>> usual_minutes([trained, trained, {**trained, "seconds": 7200.0, "work_seconds": 1500.0}])
    25.0
    >>> usual_minutes([trained]), usual_minutes([{**trained, "verdict": "failed"}] * 5)
    (30.0, 30.0)
    """
    alike = [run for run in runs if run.get("challenger") and _ended_well(run)][:USUAL_RUNS]
    minutes = [found / 60.0 for run in alike if (found := _seconds_at_work(run)) is not None]
    return max(*minutes, LEAST_MINUTES) if len(minutes) >= LEAST_RUNS else DEFAULT_MINUTES


def _current(runs: Runs, current: CurrentRun | None, now: datetime) -> Iterator[Reading]:
    if current is None or current.status != "running":
        return
    minutes = minutes_since(current.since, now)
    yield RUN_MINUTES.name, minutes
    if minutes is not None and not current.waits:
        yield RUN_OVERDUE_MINUTES.name, minutes - usual_minutes(runs)


def _ended_well(run: Mapping[str, Any]) -> bool:
    return run.get("verdict") not in ("failed", "duplicate", None)


def _seconds_at_work(run: Mapping[str, Any]) -> float | None:
    found = run.get("work_seconds", run.get("seconds"))
    return float(found) if isinstance(found, (int, float)) and 0.0 <= found < 1e8 else None


def _failed_in_a_row(finished: Runs, current: CurrentRun | None) -> float | None:
    """A rollback that was refused changed nothing, and is no run of the loop."""
    loop = [run for run in finished if run.get("rollback") != "refused"]
    failed = next((place for place, run in enumerate(loop) if run.get("verdict") != "failed"), len(loop))
    # An aborted run, or one that ran out of time, has no record of its own.
    known = {run.get("run_id") for run in loop}
    aborted = current is not None and current.status == "ended" and current.run_id not in known
    return float(failed + aborted) if loop or aborted else None


def _oldest_upload(pending: Sequence[Batch], current: CurrentRun | None, now: datetime) -> float | None:
    """The uploads that the current run took do not wait any more: it took those that had come before it."""
    times = [found for batch in pending if (found := time_of(batch.uploaded_at))]
    if current is not None and current.status == "running":
        times = [found for found in times if found > current.since]
    return minutes_since(min(times, default=None), now)


def _newest_upload(runs: Runs, pending: Sequence[Batch]) -> datetime | None:
    of_runs = (time_of(run.get("started_at")) for run in runs if run.get("trigger") in UPLOADED)
    return max(filter(None, (*of_runs, *(time_of(batch.uploaded_at) for batch in pending))), default=None)


def _drifted_in_a_row(finished: Runs) -> float | None:
    """A run with data that finds no drift ends the row; one without data says nothing."""
    found = 0
    for run in finished:
        if run.get("verdict") in ("promoted", "rolled_back"):
            break
        if run.get("drifted") or run.get("drifted_features"):
            found += 1
        elif run.get("dataset_version") and run.get("verdict") != "failed":
            break
    return float(found) if finished else None
