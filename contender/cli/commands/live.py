"""What happens to real requests: `live` shows it by version and variant, as serving, canary watch and labels see it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.aws.prediction_table import PredictionTable
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_json, print_table
from contender.cli.options import DEFAULT_ENVIRONMENT, EnvironmentOption, JsonOption, PipelineOption, workbench
from contender.formatting import figure
from contender.predictions.live_metrics import NOTHING, LiveCounts, total
from contender.predictions.record import LIVE_VARIANTS
from contender.registry.pointer import Pointer, require_pointer

SHOWN_CLASSES = 4
_SECONDS_AN_HOUR = 3_600.0


def add_to(app: typer.Typer) -> None:
    """Add `contender live` to the app."""
    app.command()(live)


def live(
    pipeline: PipelineOption,
    hours: Annotated[float, typer.Option(min=0.02, max=24 * 730, help="How many hours back.")] = 24.0,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Show live metrics by version: requests, errors, latency, predicted classes, accuracy where labels have arrived.

    A label counts in the hour of its prediction. Latencies come from a histogram, exact to 2.5 %.

    Example: contender live --pipeline flights --hours 1
    """
    bench = workbench(pipeline, environment)
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


def known_versions(pointer: Pointer) -> list[str]:
    """The versions that may have served recently, those that serve now first."""
    trial = pointer.challenger
    names = [
        pointer.champion,
        trial.version if trial else None,
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
        f"{_milliseconds(counts.latency_ms(0.5))} / {_milliseconds(counts.latency_ms(0.95))}",
        _labels(counts),
        Text(_predicted(counts)),
    )


def pairs_in_words(found: Sequence[tuple[str, str, LiveCounts]]) -> list[str]:
    """For each challenger, its loss and the champion's on the rows that both predicted."""
    lines = []
    for name in dict.fromkeys(version for version, _, _ in found):
        counts = total(counts for version, _, counts in found if version == name)
        if counts.paired_losses is not None:
            mine, theirs = map(figure, counts.paired_losses)
            moment = name.partition("-")[0]
            lines.append(
                f"{moment}: loss {mine} vs. the champion's {theirs} on the same {counts.pairs:,} labelled rows"
            )
    return lines


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _labels(counts: LiveCounts) -> str:
    """How many labels have arrived, with accuracy and loss."""
    right = "" if counts.accuracy is None else f", accuracy {counts.accuracy:.1%}"
    loss = "" if counts.mean_loss is None else f", loss {counts.mean_loss:.3g}"
    return f"{counts.labels:,}{right}{loss}"


def _predicted(counts: LiveCounts) -> str:
    """The most frequent predicted classes with their shares, or the median and quartiles of the values."""
    if counts.values:
        low, middle, high = (counts.value(quantile) for quantile in (0.05, 0.5, 0.95))
        return f"{middle:.4g} ({low:.4g} to {high:.4g})"
    shares = sorted(counts.class_shares.items(), key=lambda item: -item[1])
    more = f", {len(shares) - SHOWN_CLASSES} more" if len(shares) > SHOWN_CLASSES else ""
    return ", ".join(f"{name} {share:.1%}" for name, share in shares[:SHOWN_CLASSES]) + more
