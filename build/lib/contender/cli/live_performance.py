"""Live performance as `contender live --performance` shows it: a table, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.text import Text

from contender.adapters.files.feedback_files import read_feedback
from contender.cli.clouds import Workbench
from contender.cli.console import console, errors, print_json, print_table
from contender.formatting import figure, with_interval
from contender.live.performance import LiveFigure, Performance
from contender.pipeline.config import PipelineConfig
from contender.registry.versions import ModelReader
from contender.steps.measure_performance import PerformanceMeter

COLUMNS = ("version", "variant", "day of", "day", "rows", "metric (95 % CI)", "of")


def show_performance(bench: Workbench, config: PipelineConfig, *, hours: float, now: datetime, as_json: bool) -> None:
    """Measure and print what labels say of the days of the last hours."""
    models = ModelReader(bench.models, config.name)
    since = (now - timedelta(hours=hours)).replace(hour=0, minute=0, second=0, microsecond=0)
    with errors.status("reading predictions and labels") as spinner:

        def report(folder: str) -> None:
            spinner.update(f"reading {folder}")

        found = PerformanceMeter(bench.data, config, models, read_feedback, report).measure(since, now)
    if as_json:
        print_json(found.to_dict())
        return
    if not found.figures:
        console.print("no labels for predictions of these days; send some to /v1/feedback (docs/serving.md)")
    else:
        print_table(COLUMNS, [row(each) for each in found.figures])
    for line in lines(found):
        console.print(Text(line))


def row(found: LiveFigure) -> tuple[str | Text, ...]:
    """For people."""
    return (
        Text(found.version.partition("-")[0]),
        Text(found.variant),
        found.by or "all",
        found.day or "all",
        f"{found.rows:,}",
        with_interval(found.value, found.low, found.high),
        Text(found.part),
    )


def lines(found: Performance) -> Iterator[str]:
    """What the figures mean: each version beside its holdout, then what labels there are."""
    for version in found.versions:
        weighted = found.weighted.get(version.version)
        biased = found.coverage is not None and found.coverage.depends and weighted is not None
        more = f" Weighted by the share of labels: {figure(weighted)}." if biased else ""
        yield f"{version.version.partition('-')[0]}: {version.said}{more}"
    if found.coverage is not None:
        yield found.coverage.said
