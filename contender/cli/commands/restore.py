"""`contender restore`: bring a backup back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from contender.adapters.aws.kms import KmsVerifier
from contender.backup.make import Source
from contender.backup.restore import Restorer
from contender.cli.backups import Place
from contender.cli.caller import caller_of
from contender.cli.commands.history import signature_check
from contender.cli.console import console, errors, print_json
from contender.cli.options import DEFAULT_ENVIRONMENT, EnvironmentOption, JsonOption, all_pipelines, workbench
from contender.errors import NotFoundError
from contender.workflow.outcome import option


def restore(
    place: Annotated[str, typer.Argument(help="Where the backup is: a file, a folder, or s3://bucket/prefix.")],
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="One pipeline; default: all of the backup.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Verify the backup by its digests; restore nothing.")] = False,
    overwrite_pointer: Annotated[
        bool,
        typer.Option("--overwrite-pointer", help="Go back to the backup's champion where the pointer is newer."),
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup: verified by digest first; nothing is overwritten; a newer champion pointer stays.

    A restore that was interrupted goes on when it is called again.

    Example: contender restore s3://backups/contender --env prod
    """
    bench = workbench(pipeline or all_pipelines()[0], environment, whole_account=True)
    with errors.status("verifying") as status:
        restorer = Restorer(
            Place(place, bench.cloud).to_read(),
            lambda step: status.update(Text(step)),
            signature_check(bench),
            partial(KmsVerifier(bench.cloud.client("kms")).verify, bench.signing_key_arn),
        )
        index = restorer.index()
        chosen = [one for one in index.pipelines if pipeline in ("", one.pipeline)]
        if not chosen:
            known = ", ".join(one.pipeline for one in index.pipelines)
            raise NotFoundError(f"the backup has no pipeline {pipeline!r}; it has {known}")
        restorer.verify(index)
        found = []
        for one in chosen if not check else ():
            bench = workbench(one.pipeline, environment, whole_account=True)
            target = Source(one.pipeline, bench.models, bench.data, bench.ledger)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            found.append(
                restorer.restore(one, target, now=now, by=caller_of(bench), overwrite_pointer=overwrite_pointer)
            )
    if as_json:
        print_json(
            {
                "made_at": index.made_at,
                "environment": index.environment,
                "with_data": index.with_data,
                "verified": len(index.blobs),
                "restored": [asdict(each) for each in found],
            }
        )
        return
    console.print(
        f"the backup of {index.made_at} ({index.environment}) is whole: {len(index.blobs):,} digests verified"
    )
    for each in found:
        console.print(
            Text(
                f"{each.pipeline}: {each.written:,} objects restored, {each.same:,} were there, {each.runs:,} runs and "
                f"{each.promotions:,} entries of the history added; pointer {each.pointer}: {each.why}"
            )
        )
        if each.unsigned:
            sign = f"contender sign VERSION --pipeline {each.pipeline}{option(environment)}"
            said = f"signed by a key of another environment: {', '.join(each.unsigned)}; sign each: {sign}"
            console.print(Text(f"  {said}", style="yellow"))
        for key in each.kept:
            console.print(Text(f"  kept as it is, because it is newer: {key}", style="dim"))


def add_to(app: typer.Typer) -> None:
    """Add `contender restore` to the app."""
    app.command()(restore)
