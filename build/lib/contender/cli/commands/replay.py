"""`contender replay`: what a policy would have done with the past."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from contender.adapters.user_code.metric import import_metric
from contender.cli.console import console, print_json
from contender.cli.options import JsonOption, project_root
from contender.cli.replays import (
    ErrorPriceOption,
    EveryOption,
    HistoryArgument,
    KeepOption,
    ReplayedPipelineOption,
    StartOption,
    chosen_pipeline,
    price_of_error,
    read_history,
    run_replay,
)
from contender.pipeline.config import PipelineConfig, load_pipeline, overridden
from contender.replay.arms import arms_of
from contender.replay.page import page
from contender.replay.recommendation import KEEP, dollars, saved_means, share
from contender.replay.report import ArmResult, Replay
from contender.replay.results import replay_of
from contender.replay.trade_off import Point


def add_to(app: typer.Typer) -> None:
    """Add `contender replay` to the app."""
    app.command("replay")(replay_history)


def replay_history(
    history: HistoryArgument,
    pipeline: ReplayedPipelineOption,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="Another policy to compare: a pipeline file, or changed keys such as "
            "'drift.alpha=0.01 promotion.rule=proven'. Can be repeated.",
        ),
    ] = None,
    every: EveryOption = "",
    start: StartOption = 1,
    schedule: Annotated[int, typer.Option(help="Fixed schedule to compare with: retrain every N batches.")] = 3,
    error_price: ErrorPriceOption = None,
    keep: KeepOption = KEEP,
    hindsight: Annotated[
        bool, typer.Option("--hindsight", help="Also find the best retrain times in hindsight.")
    ] = False,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the replay page to this file.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Backtest a pipeline on its history: how often it would have retrained and promoted, and what that gained.

    Each batch is predicted by the model that served at that time, then goes through drift check, training and
    comparison. Always and never retraining and calendars of every length are shown for comparison. Nothing is deployed.

    Example: contender replay history.parquet --pipeline flights --policy promotion.rule=proven --html replay.html
    """
    config = chosen_pipeline(pipeline)
    others = [(name, other_policy(config, name)) for name in policy or ()]
    arms = arms_of(config, others=others, schedule=schedule, own_metric=import_metric)
    past = read_history(history, config, every)
    found = replay_of(
        run_replay(past, arms, start=start),
        error_usd=price_of_error(config, error_price),
        keep=keep,
        hindsight=hindsight,
    )
    target = html or (project_root() / ".contender" / "replays" / f"{config.name}.html" if open_page else None)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(found), encoding="utf-8")
    if as_json:
        print_json(found.to_dict())
    else:
        print_replay(found)
        if target is not None:
            console.print(f"page: {target}", markup=False)
    if open_page and target is not None:
        webbrowser.open(target.resolve().as_uri())


def other_policy(config: PipelineConfig, written: str) -> PipelineConfig:
    """A policy of `--policy`: another pipeline file, or overrides of this one."""
    return load_pipeline(Path(written)) if written.endswith(".toml") else overridden(config, written.split())


def print_replay(found: Replay) -> None:
    """The replay for a terminal: the history, and one line a policy."""
    used = [batch for batch in found.batches if batch.used]
    console.print(
        f"[bold]{found.pipeline}[/bold]: {sum(batch.rows for batch in used):,} rows in {len(used)} batches "
        f"({found.batches[0].name} to {found.batches[-1].name}), first champion after {found.batches[found.first].name}"
    )
    for line in notes(found):
        console.print(Text(line, style="yellow"))
    console.print()
    console.print(_arms_table(found), soft_wrap=False)
    console.print()
    console.print(found.headline, markup=False)
    console.print(found.recommendation.sentence, markup=False, style="bold")
    better = "higher" if found.greater_is_better else "lower"
    console.print(
        f"[dim]{found.metric_title}: {better} is better. {len(found.scored)} batches, each scored by the model that "
        "served at its time. ±: 95 % CI. Kept: share of what always retraining lowers the "
        f"{found.trade_off.loss} by.{saved_means(found.trade_off)} Cost: Fargate on demand (docs/cost.md), at least "
        "one minute a training.[/dim]"
    )


def notes(found: Replay) -> list[str]:
    """The parts of the history that were not used."""
    lines = [f"{batch.name}: quarantined, {batch.reason}" for batch in found.batches if not batch.used]
    left_out = sum(batch.left_out for batch in found.batches if batch.used)
    if left_out:
        example = next(batch.reason for batch in found.batches if batch.used and batch.left_out)
        lines.append(f"{left_out:,} rows violate the data contract and are left out; for example {example}")
    if found.unplaced:
        lines.append(f"{found.unplaced:,} rows have no valid time and are left out")
    return lines


def _arms_table(found: Replay) -> Table:
    """A line an arm, then the usual calendars and hindsight; a policy's long name wraps, figures do not.

    With a price of an error the dollars saved take the place of the difference to always.
    """
    side_by_side, priced = found.trade_off, found.trade_off.error_usd is not None
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("policy", overflow="fold", min_width=11)
    for heading in (
        "retrains",
        "kept",
        "promoted",
        f"mean {found.metric}",
        "saved" if priced else "vs. always",
        "cost",
    ):
        table.add_column(heading, no_wrap=True, justify="right")
    for arm in found.arms:
        point = found.point(arm)
        promoted = str(arm.replacements) if arm.kind == "policy" else "–"
        gain = dollars(point.saved_usd) if point.saved_usd is not None else _difference(arm)
        cells = (str(arm.retrains), _kept(point), promoted, f"{arm.mean:.4f}", gain, dollars(arm.cost_usd))
        table.add_row(Text(arm.name, style="bold" if arm.kind == "policy" else ""), *cells)
    shown = {arm.name for arm in found.arms}
    usual = [
        point for point in side_by_side.of("calendar") if point.each in USUAL_CALENDARS and point.name not in shown
    ]
    best = [point for point in side_by_side.of("hindsight") if point.retrains <= found.arms[0].retrains][-1:]
    for point in usual + best:
        saved = "" if point.saved_usd is None else dollars(point.saved_usd)
        cells = (str(point.retrains), _kept(point), "", "", saved, dollars(point.training_usd))
        table.add_row(Text(point.name, style="dim"), *cells)
    return table


USUAL_CALENDARS = (2, 3, 4, 6, 8, 12, 26, 52)
"""Calendars that the terminal shows; the page and `--json` have all."""


def _kept(point: Point) -> str:
    return "–" if point.kept is None else share(point.kept)


def _difference(arm: ArmResult) -> str:
    if arm.difference is None:
        return "–"
    half = f" ± {arm.difference.high - arm.difference.value:.4f}" if arm.difference.high is not None else ""
    return f"{arm.difference.value:+.4f}{half}"
