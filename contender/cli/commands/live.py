"""What happens to real requests: `live` shows it by version and variant, as serving, canary watch and labels see it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.aws.prediction_table import PredictionTable
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.errors import ContenderError
from contender.live.report import LiveStore, sentence_of
from contender.predictions.live_metrics import NOTHING, LiveCounts
from contender.predictions.live_words import labels_in_words, latency_in_words, pairs_in_words, predicted_in_words
from contender.predictions.record import LIVE_VARIANTS
from contender.registry.pointer import Pointer, require_pointer
from contender.rollout.experiments.control import worth_of_retraining

_SECONDS_AN_HOUR = 3_600.0


def add_to(app: typer.Typer) -> None:
    """Add `contender live` to the app."""
    app.command()(live)


def live(
    pipeline: PipelineOption,
    windows: Annotated[
        int,
        typer.Option(min=0, max=1000, help="Show the verdicts of the newest windows instead; their number."),
    ] = 0,
    judge: Annotated[
        bool, typer.Option("--judge", help="Judge windows that have closed now, not within the hour.")
    ] = False,
    hours: Annotated[float, typer.Option(min=0.02, max=24 * 730, help="How many hours back.")] = 24.0,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    performance: Annotated[
        bool,
        typer.Option("--performance", help="The metric on predictions whose labels have come, of whole days (UTC)."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show live metrics by version: requests, errors, latency, predicted classes, accuracy where labels have arrived.

    A label counts in the hour of its prediction. Latencies come from a histogram, exact to 2.5 %.

    With --performance: the metric with 95 % intervals by day of prediction and of label, by variant and slice, beside
    the holdout's, and how many predictions have labels. It reads the files of these days.
    With --windows: how windows of the prediction log were judged against what their versions were trained on.

    Example: contender live --pipeline flights --hours 1
             contender live --pipeline flights --hours 336 --performance
             contender live --pipeline flights --windows 7
    """
    bench = workbench(pipeline, environment)
    if performance:
        from contender.cli.live_performance import show_performance  # noqa: PLC0415 - pyarrow takes a second to load

        show_performance(bench, pipeline_config(pipeline), hours=hours, now=datetime.now(UTC), as_json=as_json)
        return
    if judge:
        judge_now(bench)
    if windows or judge:
        show_windows(LiveStore(bench.data, pipeline).newest(windows or 1), as_json=as_json)
        return
    pointer = require_pointer(bench.models, pipeline).pointer
    now = time.time()
    found = counted(bench, known_versions(pointer), now - hours * _SECONDS_AN_HOUR, now)
    if as_json:
        print_json([described(version, variant, counts) for version, variant, counts in found])
    elif not found:
        console.print(f"no predictions in the last {hours:g} hours; make one with: contender predict")
    else:
        columns = ("version", "variant", "requests", "errors", "p50 / p95 ms", "labels", "predicted")
        print_table(columns, [row(version, variant, counts) for version, variant, counts in found])
        for line in pairs_in_words(found):
            console.print(line)
    if not as_json:
        if worth := worth_of_retraining(bench.data, pipeline):
            console.print(worth, markup=False)
        for report in LiveStore(bench.data, pipeline).newest(1):
            console.print(f"newest window {report['window']}: {sentence_of(report)}", markup=False)


def judge_now(bench: Workbench, now: datetime | None = None) -> None:
    """Have the windows judged that have closed by that time; by the function's own clock where it is None.

    Raises
    ------
    ContenderError
        When the function failed.
    """
    payload = json.dumps({"time": now.isoformat()} if now else {}).encode()
    with console.status("judging closed windows"):
        answer = bench.cloud.client("lambda").invoke(FunctionName=bench.judge_window_function, Payload=payload)
        said = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise ContenderError(f"the windows could not be judged: {said.get('errorMessage', said)}; see its log")


def show_windows(reports: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """What windows show, newest first."""
    if as_json:
        print_json(list(reports))
    elif not reports:
        console.print("no window has been judged yet; a day is judged when it is over, within the hour")
    else:
        columns = ("window", "version", "verdict", "predictions", "features")
        print_table(columns, [line for report in reports for line in window_lines(report)])
        console.print(f"{reports[0]['window']}: {sentence_of(reports[0])}", markup=False)


def window_lines(report: Mapping[str, Any]) -> list[tuple[str | Text, ...]]:
    """A line for each version that answered in a window."""
    return [
        (
            report["window"],
            Text(version.partition("-")[0]),
            Text(found["kind"], style="red" if found["kind"] in ("drift", "skew") else ""),
            f"{found['rows']:,}",
            Text(", ".join((*found["features"], *found["skewed"]))),
        )
        for version, found in report["versions"].items()
    ]


def known_versions(pointer: Pointer) -> list[str]:
    """The versions that may have served recently, those that serve now first."""
    trial = pointer.challenger
    names = [
        pointer.champion,
        trial.version if trial else None,
        pointer.control.version if pointer.control else None,
        pointer.previous,
        *reversed(pointer.rolled_back),
        *(swap.champion for swap in reversed(pointer.past)),
    ]
    return list(dict.fromkeys(name for name in names if name))


def counted(bench: Workbench, versions: Iterable[str], since: float, until: float) -> list[tuple[str, str, LiveCounts]]:
    """The counts of each version in each variant that had any, between two moments (epoch seconds)."""
    table: PredictionTable = bench.predictions
    all_of_them = [
        (version, variant, table.live(bench.pipeline, version, variant, since, until))
        for version in versions
        for variant in LIVE_VARIANTS
    ]
    return [one for one in all_of_them if one[2] != NOTHING]


def described(version: str, variant: str, counts: LiveCounts) -> dict[str, Any]:
    """As JSON values: the counts and what is computed from them."""
    return {
        "version": version,
        "variant": variant,
        "requests": counts.requests,
        "errors": counts.errors,
        "error_rate": counts.error_rate,
        "rows": counts.rows,
        "p50_ms": counts.latency_ms(0.5),
        "p95_ms": counts.latency_ms(0.95),
        "class_shares": counts.class_shares,
        "probabilities": [counts.probabilities.get(number, 0) for number in range(20)] if counts.classes else None,
        "values": {name: counts.value(q) for name, q in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95))}
        if counts.values
        else None,
        "labels": counts.labels,
        "accuracy": counts.accuracy,
        "mean_loss": counts.mean_loss,
        "pairs": counts.pairs,
        "paired_losses": counts.paired_losses,
    }


def row(version: str, variant: str, counts: LiveCounts) -> tuple[str | Text, ...]:
    """For people."""
    return (
        Text(version.partition("-")[0]),  # its moment: the rest of its name says what it was made of
        Text(variant),
        f"{counts.requests:,}",
        Text(f"{counts.errors:,}", style="red" if counts.errors else ""),
        latency_in_words(counts),
        labels_in_words(counts),
        Text(predicted_in_words(counts)),
    )
