"""Watch: one look at a canary's live metrics and at the alarm, stored in the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

from contender.errors import InvalidInputError, NotFoundError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import Objects
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.record import CHALLENGER, CHAMPION
from contender.registry.pointer import Pointer, Trial
from contender.rollout.canary import Alarms, Side, watch
from contender.steps.loop_run import LoopRun
from contender.workflow.messages import RunState, Watch
from contender.workflow.run_folder import WATCH, RunFolder


class LiveMetrics(Protocol):
    """What was answered, by version."""

    def live(self, pipeline: str, version: str, variant: str, since: float, until: float) -> LiveCounts:
        """The counts of predictions made from `since` to `until`, in epoch seconds."""


def watch_canary(
    state: RunState,
    data: Objects,
    models: Objects,
    *,
    live_metrics: LiveMetrics,
    alarms_since: Callable[[datetime], Alarms],
    policy: RolloutPolicy,
    relative_loss: bool,
    now: datetime,
) -> Watch:
    """Look at the run's canary once; a call that is repeated gives the look that is written down already."""
    if state.comparison is None or state.promotion is None:
        raise InvalidInputError("Watch needs the sections comparison and promotion; the state machine sets them")
    version = state.comparison.challenger
    run = LoopRun(data, models, state.request.pipeline, state.run_id)
    found = run.pointer()
    trial = found.pointer.trial_of(version, run.run_id) if found is not None else None
    if found is None or trial is None:
        looks, begun = (state.watch.looks, state.watch.started_at) if state.watch else (0, "")
        reason = f"The trial of {version} was already ended by a person, an alarm or another run."
        return Watch("undecided", reason, looks, begun)
    look = (state.watch.looks if state.watch and state.watch.started_at == trial.since else 0) + 1
    kept = _looks_before(run.folder, trial)
    if len(kept) >= look:  # a repeated call: what was seen once is not tested twice
        return Watch(kept[look - 1]["verdict"], kept[look - 1]["reason"], look, trial.since)
    since = datetime.fromisoformat(trial.since)
    champion, challenger = _sides(live_metrics, found.pointer, trial, policy.max_latency_ms, now)
    report = watch(
        champion,
        challenger,
        policy,
        look=look,
        seconds=(now - since).total_seconds(),
        alarms=alarms_since(since),
        relative_loss=relative_loss,
    )
    _write_down(run.folder, found.pointer, trial, policy, [*kept, asdict(report) | {"at": now.isoformat()}])
    return Watch(report.verdict, report.reason, look, trial.since)


def _looks_before(folder: RunFolder, trial: Trial) -> list[dict[str, Any]]:
    """The looks at this very trial that are written down."""
    try:
        content = folder.read(WATCH)
    except NotFoundError:
        return []
    return list(content["looks"]) if content["since"] == trial.since else []


def _sides(
    live_metrics: LiveMetrics, pointer: Pointer, trial: Trial, max_latency_ms: float, now: datetime
) -> tuple[Side, Side]:
    """What the champion and the challenger answered since the trial began."""
    since, until = datetime.fromisoformat(trial.since).timestamp(), now.timestamp()
    pairs = ((pointer.champion, CHAMPION), (trial.version, CHALLENGER))
    champion, challenger = (
        _side(live_metrics.live(pointer.pipeline, version, variant, since, until), max_latency_ms)
        for version, variant in pairs
    )
    return champion, challenger


def _side(counts: LiveCounts, max_latency_ms: float) -> Side:
    return Side(
        counts.requests,
        counts.errors,
        counts.slower_than(max_latency_ms),
        counts.labels,
        counts.loss_sum,
        max(0.0, counts.loss_square_sum),  # labels that were corrected leave a rounding error
    )


def _write_down(
    folder: RunFolder, pointer: Pointer, trial: Trial, policy: RolloutPolicy, looks: list[dict[str, Any]]
) -> None:
    heading = {"champion": pointer.champion, "challenger": trial.version, "since": trial.since, "until": trial.until}
    folder.write(WATCH, {**heading, "policy": asdict(policy), "looks": looks})
