"""`batch`: predict a whole file, follow the job, and fetch what it wrote."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from contender.adapters.aws.batch_source import find_source
from contender.cli.clouds import Workbench
from contender.cli.console import console, print_fields, print_json
from contender.cli.execution_view import follow, wait_for_execution
from contender.cli.follow_run import START_SECONDS
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.cli.uploads import open_local
from contender.errors import ContenderError
from contender.predictions.batch_folder import FAILURE, MANIFEST, JobFolder, in_prefix
from contender.predictions.batch_outcome import describe, understood


def add_to(app: typer.Typer) -> None:
    """Add `contender batch` to the app."""
    app.command()(batch)


def batch(
    data: Annotated[Path, typer.Argument(help="A CSV, JSON Lines, Parquet or Excel file with the model's features.")],
    pipeline: PipelineOption,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the job has ended.")] = True,
    download: Annotated[Path | None, typer.Option(help="Download the result into this folder.")] = None,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Predict every row of a file with the champion.

    The file needs the features; the target may be missing. Rows that cannot be predicted are written to a file of
    rejected rows with the reason.

    Example: contender batch june.parquet --pipeline flights --download june
    """
    bench = workbench(pipeline, environment)
    key, folder = send(bench, data)
    if not wait:
        _tell_sent(folder, key, as_json=as_json)
        return
    if not as_json:
        console.print(f"[bold]{escape(data.name)}[/bold] → {pipeline}")
    execution = execution_of(bench, key)
    follow(bench.cloud.client("stepfunctions"), execution, console, quiet=as_json)
    manifest = result_of(folder, execution)
    if download is not None:
        fetch(folder, manifest, download)
    where = f"s3://{bench.data.bucket}/{folder.prefix}"
    if as_json:
        print_json({**manifest, "location": where})
        return
    console.print(f"{describe(manifest)}", markup=False)
    print_fields(
        {
            "read as": understood(manifest),
            "result": where,
            "seconds": manifest["seconds"],
            "downloaded to": download,
            "rejected rows": ", ".join(part["name"] for part in manifest["rejected"]["parts"][:3]),
        }
    )


def _tell_sent(folder: JobFolder, key: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"key": key, "job": folder.job})
    else:
        console.print(f"uploaded to {key}; the result will be in {folder.prefix}", markup=False)


def send(bench: Workbench, path: Path) -> tuple[str, JobFolder]:
    """Upload a file under a key of its own; return the key and the folder of its job.

    Raises
    ------
    NotFoundError
        When the pipeline's batch stack is not deployed: nothing would process the file.
    """
    _ = bench.batch_machine_arn
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    key = f"{in_prefix(bench.pipeline)}{moment}/{unicodedata.normalize('NFC', path.name)}"
    s3 = bench.cloud.client("s3")
    with open_local(path) as body:
        answer = s3.put_object(Bucket=bench.data.bucket, Key=key, Body=body)
    source = find_source(s3, bench.data.bucket, key, version_id=answer.get("VersionId", ""))
    return key, JobFolder(bench.data, bench.pipeline, source.job)


def execution_of(bench: Workbench, key: str) -> str:
    """The execution that the upload starts; with a batch schedule it is started here."""
    step_functions = bench.cloud.client("stepfunctions")
    if pipeline_config(bench.pipeline).serving.batch_schedule:
        asked = json.dumps({"trigger": "manual", "pipeline": bench.pipeline, "key": key})
        started = step_functions.start_execution(stateMachineArn=bench.batch_machine_arn, input=asked)
        return str(started["executionArn"])
    return wait_for_execution(
        step_functions,
        bench.batch_machine_arn,
        is_mine=lambda content: content.get("key") == key,
        seconds=START_SECONDS,
    )


def result_of(folder: JobFolder, execution: str) -> dict[str, Any]:
    """The manifest of a job whose execution has ended.

    Raises
    ------
    ContenderError
        When the job failed, with the reason that it left.
    """
    manifest = folder.find(MANIFEST)
    if manifest is not None:
        found: dict[str, Any] = json.loads(manifest)
        return found
    failure = folder.find(FAILURE)
    if failure is None:
        raise ContenderError(f"the job left no result and no reason; see its execution {execution}")
    raise ContenderError(str(json.loads(failure)["reason"]))


def fetch(folder: JobFolder, manifest: Mapping[str, Any], to: Path) -> None:
    """Write the manifest and the objects that it names into a folder."""
    to.mkdir(parents=True, exist_ok=True)
    for listed in (*manifest["parts"], *manifest["rejected"]["parts"]):
        (to / listed["name"]).write_bytes(folder.objects.get(folder.key(listed["name"])).body)
    (to / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
