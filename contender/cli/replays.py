"""What the commands that replay a history share: their options, the history, the real training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contender.adapters.files.readers import read_batch
from contender.cli.console import errors
from contender.cli.options import let_own_packages_be_imported, pipeline_config
from contender.cli.uploads import read_local
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig, load_pipeline
from contender.replay.arms import Arm
from contender.replay.history import History, cut_history
from contender.replay.simulate import Simulated, simulate

HistoryArgument = Annotated[
    Path,
    typer.Argument(help="A CSV, Parquet, JSON Lines or Excel file with the pipeline's columns: the whole history."),
]
ReplayedPipelineOption = Annotated[
    str, typer.Option("--pipeline", "-p", help="Name of the pipeline, or the path of a pipeline file.")
]
EveryOption = Annotated[
    str,
    typer.Option(
        help="Size of a batch: month, week, day, or a number of blocks.",
        show_default="month; without time stamps, about 12 batches",
    ),
]
StartOption = Annotated[int, typer.Option(help="Number of batches before the first training.")]
ErrorPriceOption = Annotated[
    float | None,
    typer.Option(
        "--error-price",
        min=0.0,
        metavar="USD",
        help="What one unit of loss costs in one row, in US dollars; the loss is log loss for classes, absolute error "
        "for regression.",
        show_default="training.error_price_usd, if set",
    ),
]
KeepOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Share of the gain from always retraining that a recommended policy keeps; only without --error-price.",
    ),
]


def chosen_pipeline(named: str) -> PipelineConfig:
    """A pipeline by its name in pipelines/, or by its file's path. What the project has of its own can be imported."""
    let_own_packages_be_imported()
    return load_pipeline(Path(named)) if named.endswith(".toml") else pipeline_config(named)


def price_of_error(config: PipelineConfig, given: float | None) -> float | None:
    """The price of an error: the option's, or else the pipeline file's; None where neither has one."""
    return (config.training.error_price_usd or None) if given is None else given


def read_history(path: Path, config: PipelineConfig, every: str) -> History:
    """The file as batches; see `contender.replay.history.cut_history`."""
    try:
        parsed = read_batch(read_local(path), path.name, config)
    except BatchRejectedError as error:
        raise BatchRejectedError(f"{path}: {error}") from None
    return cut_history(parsed, config, every)


def run_replay(history: History, arms: Sequence[Arm], *, start: int, scored: int = 1) -> Simulated:
    """Simulate with the real training, its progress on standard error; `scored` as for `simulate`."""
    from contender.cli.replay_training import held_out, real_training  # noqa: PLC0415  scikit-learn takes a second to load

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} batches"))
    with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as progress:
        task = progress.add_task("replay", total=len(history.batches))

        def report(done: int, _total: int, batch: str) -> None:
            progress.update(task, completed=done, description=batch or "done")

        return simulate(
            history,
            arms,
            train=real_training(time.perf_counter),
            start=start,
            report=report,
            held_out=held_out,
            scored=scored,
        )
