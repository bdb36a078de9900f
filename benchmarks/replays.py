"""Replays of two real histories: what the loop would have done, beside always, scheduled and never retraining.

Flights out of New York in 2013 by week after the first eight weeks, and in full by month too; Washington's bike rides
of 2011 by month. Beside each pipeline's own policy, the default, runs one that asks for proof.
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
from contender.replay.recommendation import share
from contender.replay.report import ArmResult, Replay
from contender.replay.results import replay_of
from contender.replay.simulate import simulate
from contender.replay.trade_off import Point
from demo_data import bikeshare, flights

PROJECT = Path(__file__).resolve().parents[1]
FLIGHTS = PROJECT / "pipelines" / "flights.toml"
BIKES = PROJECT / "benchmarks" / "pipelines" / "bikeshare.toml"

PROOF = ("promotion.rule=proven",)
"""A challenger serves only when it is shown to be better."""
SMALLEST_KEPT = 0.95
"""Of the gain from always retraining, what the default has to keep on the flights."""
LARGEST_SHARE = 0.5
"""Of always-retraining's retrains that it may need."""
SMOKE_WEEKS, SMOKE_MONTHS = 10, 3
SMOKE_ONE_IN = 20
"""Of so many flights a smoke run takes one."""
SMOKE_TREES = "training.parameters.max_iter=5"


def replayed(
    config: PipelineConfig, rows: pd.DataFrame, *, every: str, start: int, schedule: int, report: Report
) -> Replay:
    """A pipeline's own policy and the one that asks for proof over a history, with the real training."""
    started = time.monotonic()
    found = replay_of(
        simulate(
            cut_history(parse_frame(rows, config), config, every),
            arms_of(config, others=[("proven", overridden(config, PROOF))], schedule=schedule),
            train=real_training(time.perf_counter),
            start=start,
            report=lambda done, total, name: report(f"{config.name} by {every}: {done}/{total} {name}"),
        ),
        hindsight=True,
    )
    report(f"{config.name} by {every}: {time.monotonic() - started:.0f} s. {found.headline}")
    return found


def measure(*, size: Size, report: Report) -> Part:
    """Replay the histories; the figures are of the flights by week."""
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
    figures = _figures("flights by week", weeks)
    return Part("Replay of real histories", command("replays", size), "\n\n".join(told), figures)


def _first(rows: pd.DataFrame, time_column: str, *, days: int) -> pd.DataFrame:
    """The rows of the first days."""
    times = pd.to_datetime(rows[time_column])
    return rows[times < times.min() + pd.Timedelta(days=days)]


def _about() -> str:
    return (
        f"*contender* is the default policy; *proven* (`{' '.join(PROOF)}`) promotes only what is shown to be better: "
        "the difference is the price of proof. *Kept* is the share of the gain from always retraining, by log loss or "
        "absolute error. *best in hindsight* has as many retrains as *contender*, at the best times of all."
    )


def _figures(name: str, found: Replay) -> list[Figure]:
    ours, always = found.trade_off.one("policy"), found.trade_off.one("always")
    retrained = ours.retrains / max(1, always.retrains)
    return [
        Figure(f"{name}: kept of the gain from always retraining", ours.kept or 0.0, SMALLEST_KEPT, "at least"),
        Figure(f"{name}: retrains as a share of always retraining's", retrained, LARGEST_SHARE, "at most"),
    ]


def _section(title: str, found: Replay) -> str:
    head = f"| policy | retrains | kept (95 % CI) | promoted | mean {found.metric} | vs. always (95 % CI) | training |"
    lines = [
        f"**{title}.** {found.headline} {found.recommendation.sentence}",
        "",
        head,
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(found, arm) for arm in found.arms if arm.kind != "schedule"]
    lines += [_row_of(point) for point in found.trade_off.of("calendar") if point.each in CALENDARS]
    ours = found.trade_off.one("policy")
    lines.append(_row_of([best for best in found.trade_off.of("hindsight") if best.retrains <= ours.retrains][-1]))
    return "\n".join(lines)


CALENDARS = (2, 3, 4, 6, 8, 12)


def _row(found: Replay, arm: ArmResult) -> str:
    gap = "–"
    if arm.difference is not None and arm.difference.low is not None and arm.difference.high is not None:
        gap = f"{arm.difference.value:+.4f} ({arm.difference.low:+.4f} to {arm.difference.high:+.4f})"
    point = found.point(arm)
    kept = "–" if point.kept is None else share(point.kept)
    if point.interval is not None:
        kept += f" ({share(point.interval[0])} to {share(point.interval[1])})"
    promoted = str(arm.replacements) if arm.kind == "policy" else "without comparison"
    cells = (
        arm.name, str(arm.retrains), kept, promoted, f"{arm.mean:.4f}", gap, f"{arm.training_seconds:.0f} s",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _row_of(point: Point) -> str:
    """A calendar, or hindsight."""
    kept = "–" if point.kept is None else share(point.kept)
    return f"| {point.name} | {point.retrains} | {kept} | without comparison | – | – | – |"
