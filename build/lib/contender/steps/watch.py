"""Watch: one look at a canary's live metrics and at the alarm, stored in the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from contender.errors import InvalidInputError, NotFoundError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import Objects
from contender.predictions.live_metrics import LiveCounts, total
from contender.predictions.record import CHALLENGER, CHAMPION, SHADOW_OF
from contender.registry.pointer import Pointer, Trial
from contender.rollout.canary import Alarms, Side, watch
from contender.rollout.paired_losses import NO_PAIRS, HoldoutSpread, PairedLosses
from contender.steps.live_pairs import LiveMetrics, pairs_in
from contender.steps.loop_run import LoopRun
from contender.workflow.messages import RunState, Watch
from contender.workflow.run_folder import COMPARISON, WATCH, RunFolder

MOST_SKEW = timedelta(minutes=15)
"""How far apart the clocks of Promote and Watch may be."""

Minutes = Sequence[tuple[str, LiveCounts]]
"""Counts by minute (ISO, UTC)."""


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
    if since - now > MOST_SKEW:  # else it would look again and again, until its machine's hours are over
        reason = f"The canary began at {trial.since}, and it is {now.isoformat()}: one of the two clocks was wrong."
        return Watch("undecided", reason, look, trial.since)
    seen = _seen(live_metrics, found.pointer, trial, now)
    report = watch(
        seen[CHAMPION].side(policy.max_latency_ms),
        seen[CHALLENGER].side(policy.max_latency_ms),
        policy,
        look=look,
        seconds=(now - since).total_seconds(),
        pairs=seen[CHALLENGER].pairs(),
        spread=_spread_on_holdout(run.folder),
        alarms=alarms_since(since),
        relative_loss=relative_loss,
    )
    _write_down(run.folder, found.pointer, trial, policy, [*kept, asdict(report) | {"at": now.isoformat()}])
    return Watch(report.verdict, report.reason, look, trial.since)


def _spread_on_holdout(folder: RunFolder) -> HoldoutSpread | None:
    """How the losses of the two vary, by the run's comparison; None where it does not say."""
    try:
        found = folder.read(COMPARISON).get("paired_spread")
    except NotFoundError:
        return None
    return None if found is None else HoldoutSpread.from_dict(found)


def _looks_before(folder: RunFolder, trial: Trial) -> list[dict[str, Any]]:
    """The looks at this very trial that are written down."""
    try:
        content = folder.read(WATCH)
    except NotFoundError:
        return []
    return list(content["looks"]) if content["since"] == trial.since else []


@dataclass(frozen=True)
class _Seen:
    """What one version has predicted since the trial began, by minute: as answers, and beside the other's."""

    answers: Minutes
    shadows: Minutes

    def side(self, max_latency_ms: float) -> Side:
        answers, shadows = (total(counts for _, counts in minutes) for minutes in (self.answers, self.shadows))
        return Side(
            answers.requests,
            answers.errors,
            answers.slower_than(max_latency_ms),
            answers.labels,
            answers.loss_sum,
            max(0.0, answers.loss_square_sum),  # labels that were corrected leave a rounding error
            shadows.requests,
            shadows.errors,
        )

    def pairs(self) -> dict[str, PairedLosses]:
        """By minute, the labelled rows that both versions predicted."""
        found: dict[str, PairedLosses] = {}
        for minute, pairs in pairs_in((*self.answers, *self.shadows)):
            found[minute] = found.get(minute, NO_PAIRS) + pairs
        return found


def _seen(live_metrics: LiveMetrics, pointer: Pointer, trial: Trial, now: datetime) -> dict[str, _Seen]:
    """What the champion and the challenger have predicted since the trial began."""
    since, until = datetime.fromisoformat(trial.since).timestamp(), now.timestamp()
    versions = {CHAMPION: pointer.champion, CHALLENGER: trial.version}
    return {
        variant: _Seen(
            *(
                live_metrics.live_minutes(pointer.pipeline, version, each, since, until)
                for each in (variant, SHADOW_OF[variant])
            )
        )
        for variant, version in versions.items()
    }


def _write_down(
    folder: RunFolder, pointer: Pointer, trial: Trial, policy: RolloutPolicy, looks: list[dict[str, Any]]
) -> None:
    heading = {"champion": pointer.champion, "challenger": trial.version, "since": trial.since, "until": trial.until}
    folder.write(WATCH, {**heading, "policy": asdict(policy), "looks": looks})
