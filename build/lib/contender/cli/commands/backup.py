"""`contender backup`: keep registry, pointer, history and runs somewhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from contender.backup.make import BackupMaker, Source
from contender.cli.backups import Place
from contender.cli.console import console, errors, print_json
from contender.cli.options import DEFAULT_ENVIRONMENT, EnvironmentOption, JsonOption, all_pipelines, workbench


def backup(
    place: Annotated[str, typer.Argument(help="A file that ends in .tar, a folder, or s3://bucket/prefix.")],
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="One pipeline; default: all of the project.")] = "",
    data: Annotated[
        bool, typer.Option("--data", help="Keep the rows of dataset versions, too, and not only their manifests.")
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Back up model versions, champion pointer, history of champions, runs and dataset manifests; rows with --data.

    A folder or s3://… can be used again: what it has is not copied again, and a backup that was interrupted goes on.
    Uploads, predictions and labels are not part of it.

    Example: contender backup s3://backups/contender --env prod
    """
    names = [pipeline] if pipeline else all_pipelines()
    benches = [workbench(name, environment, whole_account=True) for name in names]
    where = Place(place, benches[0].cloud)
    with errors.status("backing up") as status:
        maker = BackupMaker(where.to_write(), lambda step: status.update(Text(step)))
        sources = [Source(bench.pipeline, bench.models, bench.data, bench.ledger) for bench in benches]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        index = maker.make(sources, environment=environment, with_data=data, now=now)
        where.finish()
    if as_json:
        print_json(
            {
                "place": place,
                "made_at": index.made_at,
                "with_data": data,
                "pipelines": [
                    {
                        "pipeline": one.pipeline,
                        "objects": len(one.objects),
                        "bytes": sum(each.size for each in one.objects),
                        "left_out": list(one.left_out),
                    }
                    for one in index.pipelines
                ],
            }
        )
    else:
        for one in index.pipelines:
            size = sum(each.size for each in one.objects)
            kind = "with rows" if data else "without rows (--data keeps them)"
            console.print(
                Text(f"{one.pipeline}: {len(one.objects):,} objects, {size / 2**20:,.1f} MiB, {kind}, in {place}")
            )
            for said in one.left_out:
                console.print(Text(f"  left out: {said}", style="yellow"))
    if any(one.left_out for one in index.pipelines):
        errors.print("what was left out is damaged or gone: contender doctor says what to do")
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add `contender backup` to the app."""
    app.command()(backup)
