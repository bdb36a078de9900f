"""Looking at runs: `runs` lists them, `show` tells one whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.aws.dynamodb import find_run
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_fields, print_json, print_table, styled_verdict
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
    workbench,
)
from contender.cli.rollout_view import print_approval, print_rehearsal, question_record
from contender.cli.run_reports import run_report, save_report, unrecorded
from contender.errors import NotFoundError
from contender.formatting import percent
from contender.ports import ApprovalRequest
from contender.reports.run.challenger import GUARDS
from contender.rollout.approval import still_asks
from contender.workflow.run_folder import RunFolder

PROMISED_KEYS = (
    "run_id",
    "pipeline",
    "trigger",
    "verdict",
    "reason",
    "dataset_version",
    "champion_before",
    "champion_after",
    "started_at",
    "seconds",
)


def add_to(app: typer.Typer) -> None:
    app.command()(runs)
    app.command()(show)


@dataclass(frozen=True)
class RunView:
    """A run's record, for people."""

    record: Mapping[str, Any]

    def print_line(self) -> None:
        console.print(styled_verdict(self.record["verdict"]), self.record["reason"], markup=False)

    def print_whole(self, reports: Mapping[str, Any], asked: ApprovalRequest | None = None) -> None:
        self.print_line()
        console.print()
        print_fields({name: self.record.get(name) for name in PROMISED_KEYS if name not in ("verdict", "reason")})
        drift = reports.get("drift", {})
        if drift.get("features"):
            console.print("\n[bold]Drift[/bold]")
            console.print(drift["reason"], markup=False)
            print_table(
                ("feature", "distance", "floor", "p", "direction"), [_drift_row(found) for found in drift["features"]]
            )
            print_fields(_drift_fields(drift))
        comparison = reports.get("comparison", {})
        if comparison:
            console.print("\n[bold]Comparison[/bold]")
            print_fields(_comparison_fields(comparison))
        if reports.get("rehearsal"):
            print_rehearsal(reports["rehearsal"])
        if asked is not None:
            print_approval(asked)
        if reports.get("watch", {}).get("looks"):
            console.print("\n[bold]Watch[/bold]")
            print_fields(_watch_fields(reports["watch"]))


def _drift_fields(found: Mapping[str, Any]) -> dict[str, str]:
    """What the table of features does not tell: how all go together, how long, and what it means for the champion."""
    fields = {}
    evidence = found.get("evidence")
    if evidence:
        began = f", most by {evidence['strongest']} since {evidence['since']}" if evidence["since"] else ""
        fields["evidence"] = f"{evidence['level']:,.0f} of {evidence['threshold']:,.0f} days{began}"
    for name, about in (("joint", "together"), ("estimated", "estimated"), ("realised", "realised")):
        if found.get(name):  # runs from before it existed say nothing of it
            fields[about] = found[name]["reason"]
    return fields


def _comparison_fields(found: Mapping[str, Any]) -> dict[str, str]:
    """The figures of a comparison, each with what is needed to read it."""
    fields = {"metric": f"{found['metric']} ({'more' if found['greater_is_better'] else 'less'} is better)"}
    for name in ("champion", "challenger", "baseline"):
        if found[name] is not None:
            fields[name] = f"{_number(found[name])}  {found.get(f'{name}_version') or ''}".rstrip()
    if found["difference"] is not None:
        fields["difference"] = (
            f"{_number(found['difference'])}, {percent(found['confidence'])} interval "
            f"{_number(found['low'])} to {_number(found['high'])}; worth a change from {_number(found['min_effect'])}"
        )
    fields["rows"] = f"{found['rows']:,} in {found['blocks']:,} blocks"
    if found["rows_needed"]:
        fields["rows"] += f"; about {found['rows_needed']:,} would decide"
    if "spending" in found:
        fields["sequence"] = found["spending"]["reason"]
    for name in GUARDS:
        if name in found:  # runs from before a guard existed say nothing of it
            fields[name.replace("_", " ")] = f"{found[name]['status']}: {found[name]['reason']}"
    return fields


def _watch_fields(found: Mapping[str, Any]) -> dict[str, str]:
    """What the last look at a canary saw."""
    looks = found["looks"]
    last = looks[-1]
    fields = {
        "canary": f"{found['challenger']} beside {found['champion']} since {found['since'][:16].replace('T', ' ')}",
        "looks": f"{len(looks)}, the last after {last['seconds']:,.0f} s: {last['verdict']}",
    }
    for signal in last["signals"]:
        figures = ""
        if signal["status"] == "fine":  # the other reasons say it
            figures = f" p {_number(signal['p_value'], 2)}, worse from {_number(signal['level'], 2)} down"
        fields[signal["name"]] = f"{signal['status']}: {signal['reason']}{figures}"
    alarms = last["alarms"]
    fields["alarms"] = ", ".join(alarms["ringing"]) or alarms["note"] or "quiet"
    return fields


def _drift_row(found: Mapping[str, Any]) -> tuple[str | Text, ...]:
    mark = "●" if found["drifted"] else " "
    aspect = " (missing)" if found["aspect"] == "missing" else ""
    return (
        Text.assemble((mark, "yellow"), f" {found['feature']}{aspect}"),
        _number(found["distance"], 3),
        _number(found["effect_floor"]),
        _number(found["adjusted_p_value"], 2),
        Text(found["direction"]),
    )


def _number(value: object, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if isinstance(value, int | float) else "–"


def runs(
    pipeline: PipelineOption = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first: what started them, how they ended, and why.

    Example: contender runs --pipeline flights
    """
    names = [pipeline] if pipeline else all_pipelines()
    records = [record for name in names for record in workbench(name, environment).ledger.runs(name, limit=limit)]
    newest = sorted(records, key=lambda record: str(record["started_at"]), reverse=True)[:limit]
    if as_json:
        print_json([{name: record[name] for name in PROMISED_KEYS} for record in newest])
        return
    newest = [*waiting_runs(names, environment), *newest]
    if not newest:
        console.print("no run yet; start one with: contender upload FILE --pipeline NAME")
        return
    several = ("pipeline",) if len(names) > 1 else ()
    print_table(("run", *several, "started", "verdict", "reason"), [_run_row(record, several) for record in newest])


def waiting_runs(names: list[str], environment: str) -> list[dict[str, Any]]:
    """Runs that ask a person: they have no record yet, and come first because somebody has to do something."""
    benches = [workbench(name, environment) for name in names]
    return [
        question_record(bench.pipeline, asked)
        for bench in benches
        for asked in bench.ledger.approvals(bench.pipeline)
        if still_asks(asked, datetime.now(UTC))
    ]


def _run_row(record: Mapping[str, Any], several: tuple[str, ...]) -> tuple[str | Text, ...]:
    started = str(record["started_at"])[:16].replace("T", " ")
    about = (record["run_id"][:8], *(record[name] for name in several), started)
    # What is left of the line, twice: a reason that goes on is in `show`.
    room = 2 * (console.width - sum(len(text) + 2 for text in about) - len("inconclusive  "))
    return *about, styled_verdict(record["verdict"]), _shortened(record["reason"], max(room - 8, 40))


def _shortened(reason: str, length: int) -> Text:
    return Text(reason if len(reason) <= length else reason[: length - 1].rstrip() + "…")


def show(
    run: Annotated[str, typer.Argument(help="A run's id, or enough of its beginning.")],
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    report: Annotated[Path | None, typer.Option("--report", help="Write the run's page to this file.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Show the run's page in a browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one run whole: what came, what drifted, how the challenger fared, what was decided and why.

    With --open or --report as one page with pictures, to read in a minute.

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


def find(run: str, pipelines: list[str], environment: str) -> tuple[Workbench, Mapping[str, Any]]:
    """The run whose id starts with `run`, wherever it is; one that asks a person, or has left no record, too.

    Raises
    ------
    NotFoundError
        When there is none, or more than one.
    """
    benches = {name: workbench(name, environment) for name in pipelines}
    records = [record for name, bench in benches.items() for record in bench.ledger.runs(name, limit=1000)]
    ended = {record["run_id"] for record in records}
    asking = [record for record in waiting_runs(pipelines, environment) if record["run_id"] not in ended]
    known: list[Mapping[str, Any]] = [*asking, *records]
    if not any(str(record["run_id"]).startswith(run) for record in known):
        known = [*unrecorded(list(benches.values()), run)] or known
    record = find_run(known, run)
    return benches[record["pipeline"]], record


def record_of(bench: Workbench, run_id: str) -> dict[str, Any]:
    """The record of a run that has ended.

    Raises
    ------
    NotFoundError
        When it left none.
    """
    for record in bench.ledger.runs(bench.pipeline, limit=100):
        if record["run_id"] == run_id:
            return dict(record)
    raise NotFoundError(f"run {run_id} has no record")
