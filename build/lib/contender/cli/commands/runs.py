"""`contender runs`: list runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.cli.console import console, print_json, print_table, styled_verdict
from contender.cli.find_run import waiting_runs
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
    workbench,
)
from contender.cli.run_view import PROMISED_KEYS


def runs(
    pipeline: PipelineOption = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of runs.")] = 20,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first: start, verdict and reason.

    Example: contender runs --pipeline flights
    """
    names = [pipeline] if pipeline else all_pipelines()
    records = [record for name in names for record in workbench(name, environment).ledger.runs(name, limit=limit)]
    newest = sorted(records, key=lambda record: str(record["started_at"]), reverse=True)[:limit]
    if as_json:
        print_json([{name: record.get(name) for name in PROMISED_KEYS} for record in newest])
        return
    newest = [*waiting_runs(names, environment), *newest]
    if not newest:
        console.print("no runs yet; start one with: contender upload FILE --pipeline NAME")
        return
    several = ("pipeline",) if len(names) > 1 else ()
    print_table(("run", *several, "started", "verdict", "reason"), [_run_row(record, several) for record in newest])


def _run_row(record: Mapping[str, Any], several: tuple[str, ...]) -> tuple[str | Text, ...]:
    started = str(record["started_at"])[:16].replace("T", " ")
    about = (record["run_id"][:8], *(record[name] for name in several), started)
    # What is left of the line, twice: a reason that goes on is in `show`.
    room = 2 * (console.width - sum(len(text) + 2 for text in about) - len("inconclusive  "))
    evidence = record.get("evidence") or {}
    named = " ".join(filter(None, (str(evidence.get("window", "")), ", ".join(evidence.get("features", ())))))
    reason = f"{record['trigger']} {named}: {record['reason']}" if evidence else record["reason"]
    return *about, styled_verdict(record["verdict"]), _shortened(reason, max(room - 8, 40))


def _shortened(reason: str, length: int) -> Text:
    return Text(reason if len(reason) <= length else reason[: length - 1].rstrip() + "…")


def add_to(app: typer.Typer) -> None:
    """Add `contender runs` to the app."""
    app.command()(runs)
