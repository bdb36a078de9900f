"""`contender status`: what runs, and which pipelines are deployed."""

from __future__ import annotations

from dataclasses import asdict

import typer

import localcloud.cloud
from contender.cli.clouds import LOCAL
from contender.cli.console import console, print_fields, print_json
from contender.cli.find_run import waiting_runs
from contender.cli.options import JsonOption, all_pipelines, project_root, workbench
from contender.registry.pointer import read_pointer


def status(as_json: JsonOption = False) -> None:
    """Show the local cloud: processes, deployed pipelines, runs in progress, queued uploads.

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


def add_to(app: typer.Typer) -> None:
    """Add `contender status` to the app."""
    app.command()(status)
