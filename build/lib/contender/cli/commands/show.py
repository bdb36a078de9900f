"""`contender show`: one run in full."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from contender.cli.console import console, print_json
from contender.cli.find_run import find
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
)
from contender.cli.run_reports import run_report, save_report
from contender.cli.run_view import RunView
from contender.workflow.run_folder import RunFolder


def show(
    run: Annotated[str, typer.Argument(help="Id of the run, or its first characters.")],
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report page to this file.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the report page in a browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one run in full: data, drift, comparison, decision and reason.

    --open and --report give the report as a page with charts.

    Example: contender show 8b2e41c7 --open
    """
    bench, record = find(run, [pipeline] if pipeline else all_pipelines(), environment)
    page = None
    if report or open_page:
        page = save_report(run_report(bench, record), record["run_id"], report, open_page=open_page)
    reports = RunFolder(bench.data, bench.pipeline, record["run_id"]).reports()
    asked = bench.ledger.approval(bench.pipeline, record["run_id"])
    if as_json:
        approval = {"approval": asdict(replace(asked, task_token=""))} if asked else {}
        print_json({**record, **reports, **approval})
    elif page is not None:
        RunView(record).print_line()
        console.print(f"page: {page}", markup=False)
    else:
        RunView(record).print_whole(reports, asked)


def add_to(app: typer.Typer) -> None:
    """Add `contender show` to the app."""
    app.command()(show)
