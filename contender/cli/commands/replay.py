"""`contender replay`: what a policy would have done with the past."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from contender.adapters.files.readers import read_batch
from contender.adapters.user_code.metric import import_metric
from contender.cli.console import console, errors, print_json
from contender.cli.options import JsonOption, pipeline_config, project_root
from contender.cli.uploads import read_local
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig, load_pipeline, overridden
from contender.replay.arms import Arm, arms_of
from contender.replay.history import History, cut_history
from contender.replay.page import page
from contender.replay.report import ArmResult, Replay
from contender.replay.simulate import replay


def add_to(app: typer.Typer) -> None:
    """Add `contender replay` to the app."""
    app.command("replay")(replay_history)


def replay_history(
    history: Annotated[
        Path, typer.Argument(help="A CSV or Parquet file with the pipeline's columns: the whole history.")
    ],
    pipeline: Annotated[
        str, typer.Option("--pipeline", "-p", help="Name of the pipeline, or the path of a pipeline file.")
    ],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="Another policy to compare: a pipeline file, or changed keys such as "
            "'drift.alpha=0.01 promotion.min_effect=0.005'. Can be repeated.",
        ),
    ] = None,
    every: Annotated[
        str, typer.Option(help="Size of a batch: month, week, day, or a number of blocks.", show_default="month")
    ] = "",
    start: Annotated[int, typer.Option(help="Number of batches before the first training.")] = 1,
    schedule: Annotated[int, typer.Option(help="Fixed schedule to compare with: retrain every N batches.")] = 3,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the replay page to this file.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Backtest a pipeline on its history: how often it would have retrained and promoted, and what that gained.

    Each batch is predicted by the model that served at that time, then goes through drift check, training and
    comparison. Always, never and scheduled retraining run for comparison. Nothing is deployed.

    Example: contender replay history.parquet --pipeline flights --policy promotion.min_effect=0.005 --html replay.html
    """
    config = chosen_pipeline(pipeline)
    others = [(name, other_policy(config, name)) for name in policy or ()]
    arms = arms_of(config, others=others, schedule=schedule, own_metric=import_metric)
    past = read_history(history, config, every)
    found = run_replay(past, arms, start=start)
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


def chosen_pipeline(named: str) -> PipelineConfig:
    """A pipeline by its name in pipelines/, or by its file's path."""
    return load_pipeline(Path(named)) if named.endswith(".toml") else pipeline_config(named)


def other_policy(config: PipelineConfig, written: str) -> PipelineConfig:
    """A policy of `--policy`: another pipeline file, or overrides of this one."""
    return load_pipeline(Path(written)) if written.endswith(".toml") else overridden(config, written.split())


def read_history(path: Path, config: PipelineConfig, every: str) -> History:
    """The file as batches; see `contender.replay.history.cut_history`."""
    try:
        parsed = read_batch(read_local(path), path.name, config)
    except BatchRejectedError as error:
        raise BatchRejectedError(f"{path}: {error}") from None
    return cut_history(parsed, config, every)


def run_replay(history: History, arms: Sequence[Arm], *, start: int) -> Replay:
    """Replay with the real training, its progress on standard error."""
    from contender.cli.replay_training import real_training  # noqa: PLC0415  scikit-learn takes a second to load

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} batches"))
    with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as progress:
        task = progress.add_task("replay", total=len(history.batches))

        def report(done: int, _total: int, batch: str) -> None:
            progress.update(task, completed=done, description=batch or "done")

        return replay(history, arms, train=real_training(time.perf_counter), start=start, report=report)


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
    better = "higher" if found.greater_is_better else "lower"
    console.print(
        f"[dim]{found.metric_title}: {better} is better. {len(found.scored)} batches, each scored by the model that "
        "served at its time. ±: 95 % CI. Cost: Fargate on demand (docs/cost.md), at least one minute a training.[/dim]"
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
    """A line an arm; a policy's long name wraps, figures do not."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("policy", overflow="fold", min_width=11)
    for heading in ("retrains", "promoted", f"mean {found.metric}", "vs. always", "worst", "cost"):
        table.add_column(heading, no_wrap=True, justify="right")
    for arm in found.arms:
        table.add_row(
            Text(arm.name, style="bold" if arm.kind == "policy" else ""),
            str(arm.retrains),
            str(arm.replacements) if arm.kind == "policy" else "no comparison",
            f"{arm.mean:.4f}",
            _difference(arm),
            f"{arm.worst:.4f}",
            f"${arm.cost_usd:.4f}",
        )
    return table


def _difference(arm: ArmResult) -> str:
    if arm.difference is None:
        return "–"
    half = f" ± {arm.difference.high - arm.difference.value:.4f}" if arm.difference.high is not None else ""
    return f"{arm.difference.value:+.4f}{half}"
