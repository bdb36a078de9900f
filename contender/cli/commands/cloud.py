"""The local cloud: `up`, `down`, `status`."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

import localcloud.cloud
from contender.cli.clouds import LOCAL
from contender.cli.commands.runs import waiting_runs
from contender.cli.console import console, print_fields, print_json
from contender.cli.options import JsonOption, all_pipelines, project_root, workbench
from contender.registry.pointer import read_pointer


def add_to(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    containers: Annotated[
        bool | None,
        typer.Option(
            "--containers/--processes",
            help="Run training tasks and image functions as containers of a Docker engine, or as processes. "
            "Default: as the last time; processes at first.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start the local cloud and deploy every pipeline; run again, deploy what has changed since.

    Example: contender up --containers
    """
    started = time.monotonic()
    if as_json:
        print_json(asdict(localcloud.cloud.up(project_root(), containers=containers)))
        return
    start_cloud(containers)
    console.print(f"up in {time.monotonic() - started:.1f} s; next: contender upload FILE --pipeline NAME")


def start_cloud(containers: bool | None = None) -> None:
    """Bring the local cloud up with its progress shown, and say what the emulator could not take."""
    with console.status("starting the local cloud") as spinner:
        # Escaped: what a build prints has brackets, which are no markup.
        deployment = localcloud.cloud.up(
            project_root(), on_event=lambda message: spinner.update(escape(message)), containers=containers
        )
    for (kind, reason), count in Counter((o.resource_type, o.reason) for o in deployment.omissions).items():
        console.print(f"[dim]left out locally: {count} × {kind} ({reason})[/dim]")
    for request in map(json.loads, deployment.started):
        name = request["pipeline"]
        console.print(f"{name}: its training was changed, a run has started; see contender runs --pipeline {name}")


def down(
    discard: Annotated[bool, typer.Option("--discard", help="Forget data, models and runs as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the local cloud; what it holds is there again at the next `up`.

    Example: contender down --discard
    """
    localcloud.cloud.down(project_root(), discard=discard)
    if as_json:
        print_json({"running": False})
    else:
        console.print("the local cloud is down; nothing of it is running")


def status(as_json: JsonOption = False) -> None:
    """Show what runs, which pipelines are deployed, and who holds their leases.

    Example: contender status --json
    """
    found = localcloud.cloud.status(project_root())
    content = asdict(found) | {"pipelines": _pipelines() if found.running else {}}
    if as_json:
        print_json(content)
        return
    console.print(found.message)
    print_fields({"address": found.endpoint_url})
    for name, fields in content["pipelines"].items():
        console.print(f"\n[bold]{name}[/bold]")
        print_fields({label.replace("_", " "): value for label, value in fields.items()})


def _pipelines() -> dict[str, dict[str, object]]:
    """Champion, running run and waiting uploads of each deployed pipeline."""
    found: dict[str, dict[str, object]] = {}
    for name in all_pipelines():
        bench = workbench(name, LOCAL)
        try:
            api_url = bench.api_url
        except LookupError:
            found[name] = {"state": "not deployed; run contender up"}
            continue
        champion, lease = read_pointer(bench.models, name), bench.ledger.lease(name)
        found[name] = {
            "champion": champion.pointer.champion if champion else "none yet",
            "running": lease.owner if lease else "",
            "waiting_uploads": len(bench.ledger.pending_batches(name)),
            "asks_a_person": [asked["run_id"] for asked in waiting_runs([name], LOCAL)],
            "api": api_url,
        }
    return found
