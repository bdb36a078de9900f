"""Replays of two real histories: what the loop would have done, beside always, scheduled and never retraining.

Flights out of New York in 2013 by week after the first eight weeks, and in full by month too; Washington's bike rides
of 2011 by month. Beside each pipeline's own policy runs a fresher one, which asks of a challenger that it is not worse.
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

from benchmarks.parts import Figure, Part, Report, Size, command
from contender.adapters.files.readers import parse_frame
from contender.cli.replay_training import real_training
from contender.pipeline.config import PipelineConfig, load_pipeline, overridden
from contender.replay.arms import arms_of
from contender.replay.history import cut_history
from contender.replay.report import ArmResult, Replay
from contender.replay.simulate import replay
from demo_data import bikeshare, flights

PROJECT = Path(__file__).resolve().parents[1]
FLIGHTS = PROJECT / "pipelines" / "flights.toml"
BIKES = PROJECT / "benchmarks" / "pipelines" / "bikeshare.toml"

FRESHER = ("promotion.min_effect=-0.01", "training.retrain_growth=1.3")
"""A challenger is also due when there are 1.3 times the rows, and serves when it is shown not to be worse by 0.01 AUC
(by 1 % of the champion's error where that is the metric)."""
LARGEST_GAP = 0.002
"""AUC that the loop may score less than always retraining on the flights."""
LARGEST_SHARE = 0.5
"""Of always-retraining's retrains that it may need."""
SMOKE_WEEKS, SMOKE_MONTHS = 10, 3
SMOKE_ONE_IN = 20
"""Of so many flights a smoke run takes one."""
SMOKE_TREES = "training.parameters.max_iter=5"


def replayed(
    config: PipelineConfig, rows: pd.DataFrame, *, every: str, start: int, schedule: int, report: Report
) -> Replay:
    """A pipeline's own policy and the fresher one over a history, with the real training."""
    started = time.monotonic()
    found = replay(
        cut_history(parse_frame(rows, config), config, every),
        arms_of(config, others=[("fresher", overridden(config, FRESHER))], schedule=schedule),
        train=real_training(time.perf_counter),
        start=start,
        report=lambda done, total, name: report(f"{config.name} by {every}: {done}/{total} {name}"),
    )
    report(f"{config.name} by {every}: {time.monotonic() - started:.0f} s. {found.headline}")
    return found


def measure(*, size: Size, report: Report) -> Part:
    """Replay the histories; the figures are of the flights by week, under the fresher policy."""
    rows, rides = flights.flights(), bikeshare.bikeshare()
    trees = [SMOKE_TREES] if size == "smoke" else []
    on_flights, on_rides = (overridden(load_pipeline(path), trees) for path in (FLIGHTS, BIKES))
    if size == "smoke":
        rows = _first(rows, "scheduled_at", days=7 * SMOKE_WEEKS).iloc[::SMOKE_ONE_IN]
        rides = _first(rides, "hour_at", days=30 * SMOKE_MONTHS)
    weeks = replayed(on_flights, rows, every="week", start=8, schedule=4, report=report)
    told = [_about(), _section("Flights by week, from the ninth on", weeks)]
    if size == "full":
        months = replayed(on_flights, rows, every="month", start=1, schedule=3, report=report)
        told.append(_section("Flights by month", months))
    bikes = replayed(on_rides, rides, every="month", start=1, schedule=3, report=report)
    told.append(_section("Bike rides by month", bikes))
    figures = _figures("flights by week, fresher", weeks)
    return Part("(d) Replay of real histories", command("replays", size), "\n\n".join(told), figures)


def _first(rows: pd.DataFrame, time_column: str, *, days: int) -> pd.DataFrame:
    """The rows of the first days."""
    times = pd.to_datetime(rows[time_column])
    return rows[times < times.min() + pd.Timedelta(days=days)]


def _about() -> str:
    return (
        "*contender* is the pipeline file as it is: a challenger serves only if it is shown to be better. *fresher* "
        f"(`{' '.join(FRESHER)}`) also trains when the data has grown by this factor, and promotes a newer model that "
        "is shown not to be worse by this margin. The difference between the two is the price of proof. Both were "
        "chosen on these histories, as a replay is meant to be used; this is no forecast."
    )


def _figures(name: str, found: Replay) -> list[Figure]:
    ours, always = next(arm for arm in found.arms if arm.name == "fresher"), found.arm("always")
    share = ours.retrains / max(1, always.retrains)
    return [
        Figure(f"{name}: AUC less than always retraining", always.mean - ours.mean, LARGEST_GAP, "at most"),
        Figure(f"{name}: retrains as a share of always retraining's", share, LARGEST_SHARE, "at most"),
    ]


def _section(title: str, found: Replay) -> str:
    head = f"| policy | retrains | promoted | mean {found.metric} | vs. always (95 % CI) | worst batch | training |"
    lines = [f"**{title}.** {found.headline}", "", head, "|---|---|---|---|---|---|---|"]
    lines += [_row(arm) for arm in found.arms]
    return "\n".join([*lines, *_ahead(found)])


def _ahead(found: Replay) -> list[str]:
    """Says so where a calendar did as well with as few trainings."""
    sign = 1.0 if found.greater_is_better else -1.0
    fresher, schedule = next(arm for arm in found.arms if arm.name == "fresher"), found.arm("schedule")
    if schedule.retrains > fresher.retrains or sign * schedule.mean < sign * fresher.mean:
        return []
    return [
        "",
        f"Ahead of fresher: {schedule.name}, without comparison, with {schedule.retrains} retrains. If the data "
        "change slowly and every file is valid, a schedule does as well; but it would also serve a model of a broken "
        "file.",
    ]


def _row(arm: ArmResult) -> str:
    gap = "–"
    if arm.difference is not None and arm.difference.low is not None and arm.difference.high is not None:
        gap = f"{arm.difference.value:+.4f} ({arm.difference.low:+.4f} to {arm.difference.high:+.4f})"
    promoted = str(arm.replacements) if arm.kind == "policy" else "without comparison"
    cells = (
        arm.name, str(arm.retrains), promoted, f"{arm.mean:.4f}", gap, f"{arm.worst:.4f} in {arm.worst_batch}",
        f"{arm.training_seconds:.0f} s",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"
