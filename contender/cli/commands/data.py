"""Starting runs: `init` writes a pipeline file, `upload` sends data into the loop, `retrain` asks for a model."""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from contender.adapters.files.inspection import propose
from contender.adapters.files.readers import read_frame
from contender.cli.clouds import Workbench
from contender.cli.commands.runs import RunView, record_of
from contender.cli.console import console, errors, print_json
from contender.cli.following import follow, wait_for_execution
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    project_root,
    workbench,
)
from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.config import parse_pipeline

START_SECONDS = 60.0


def add_to(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(upload)
    app.command()(retrain)


def init(
    data: Annotated[Path, typer.Argument(help="A CSV or Parquet file with a header.")],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    time: Annotated[str, typer.Option(help="Column that orders the rows in time.")] = "",
    id: Annotated[str, typer.Option("--id", help="Column that names a row.")] = "",
    name: Annotated[str, typer.Option(help="Name of the pipeline; default: the file's name.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a pipeline file of that name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at a data file and write pipelines/NAME.toml for it.

    Example: contender init sales.csv --target churned --time day
    """
    proposal = propose(
        read_frame(read_local(data), data.name), source=data.name, target=target, time=time, row_id=id, name=name
    )
    parse_pipeline(proposal.text)
    path = project_root() / "pipelines" / f"{proposal.name}.toml"
    if path.exists() and not force:
        raise InvalidInputError(f"{path} exists; give another --name, or --force to replace it")
    path.parent.mkdir(exist_ok=True)
    path.write_text(proposal.text, encoding="utf-8")
    if as_json:
        notes = list(proposal.notes)
        print_json({"pipeline": proposal.name, "path": str(path), "task": proposal.task, "notes": notes})
        return
    console.print(f"wrote [bold]{escape(str(path))}[/bold]: {proposal.task}, target {escape(target)}")
    for note in proposal.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    upload_it = shlex.join(["contender", "upload", str(data), "--pipeline", proposal.name])
    console.print(f"next: contender up, then {upload_it}", markup=False)


def upload(
    data: Annotated[Path, typer.Argument(help="A CSV or Parquet file with the pipeline's columns.")],
    pipeline: PipelineOption,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Put a file into S3, where it starts a run, and follow the run to its end.

    Example: contender upload january.csv --pipeline flights
    """
    bench = workbench(pipeline, environment)
    sent = send(bench, data)
    if not wait:
        if as_json:
            print_json({"key": sent.key})
        else:
            console.print(f"uploaded to {sent.key}; see contender runs --pipeline {pipeline}", markup=False)
        return
    if not as_json:
        console.print(f"[bold]{escape(data.name)}[/bold] → {pipeline}")
    _tell_outcome(bench, lambda: follow_upload(bench, sent, quiet=as_json), as_json=as_json)


def retrain(
    pipeline: PipelineOption,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Have a challenger trained now, drift or no drift, and follow the run to its end. It serves only if it wins.

    Example: contender retrain --pipeline flights
    """
    bench = workbench(pipeline, environment)
    execution = start_by_hand(bench)
    if wait:
        _tell_outcome(bench, lambda: follow_execution(bench, execution, quiet=as_json), as_json=as_json)
    elif as_json:
        print_json({"run_id": run_of(execution)})
    else:
        console.print(f"run {run_of(execution)} has started; see contender runs --pipeline {pipeline}", markup=False)


def _tell_outcome(bench: Workbench, followed: Callable[[], Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the record of a run that is followed to its end; a failed run fails the command."""
    try:
        record = followed()
    except KeyboardInterrupt:
        errors.print(f"the run goes on without you; see contender runs --pipeline {bench.pipeline}")
        raise
    if as_json:
        print_json(record)
    else:
        RunView(record).print_line()
    if record["verdict"] == "failed":
        raise typer.Exit(1)


@dataclass(frozen=True)
class Sent:
    """An upload as S3 took it."""

    key: str
    etag: str
    version_id: str | None


def read_local(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from None


def send(bench: Workbench, path: Path) -> Sent:
    """Upload a file under a key of its own: two files of one name never meet.

    Raises
    ------
    NotFoundError
        When the pipeline is not deployed: nobody would notice the upload.
    """
    body = read_local(path)
    _ = bench.state_machine_arn
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    key = f"incoming/{bench.pipeline}/{moment}/{unicodedata.normalize('NFC', path.name)}"
    answer = bench.cloud.client("s3").put_object(Bucket=bench.data.bucket, Key=key, Body=body)
    return Sent(key, answer["ETag"].strip('"'), answer.get("VersionId"))


def start_by_hand(bench: Workbench) -> str:
    """Start a run that trains whether or not anything drifted; answers its execution."""
    asked = json.dumps({"trigger": "manual", "pipeline": bench.pipeline})
    answer = bench.cloud.client("stepfunctions").start_execution(stateMachineArn=bench.state_machine_arn, input=asked)
    return str(answer["executionArn"])


def run_of(execution: str) -> str:
    """A run's id is the name of its execution."""
    return execution.rpartition(":")[2]


def follow_upload(bench: Workbench, sent: Sent, *, quiet: bool) -> dict[str, object]:
    """Wait for the run that the upload starts, show it state by state, and answer its record."""
    execution = wait_for_execution(
        bench.cloud.client("stepfunctions"),
        bench.state_machine_arn,
        is_mine=lambda content: content.get("key") == sent.key,
        seconds=START_SECONDS,
    )
    return follow_execution(bench, execution, quiet=quiet)


def follow_execution(bench: Workbench, execution: str, *, quiet: bool) -> dict[str, object]:
    """Show a run state by state, and answer its record."""
    follow(bench.cloud.client("stepfunctions"), execution, console, quiet=quiet)
    try:
        return record_of(bench, run_of(execution))
    except ContenderError:
        raise ContenderError(
            f"run {run_of(execution)} ended without a record: see its execution {execution} and `contender status`"
        ) from None
