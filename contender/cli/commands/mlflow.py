"""`contender mlflow`: runs and model versions mirrored to MLflow."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from contender.adapters.trackers.mlflow import MlflowTracker, without_secrets
from contender.adapters.trackers.plots import draw
from contender.cli.console import console, errors, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    all_pipelines,
    project_root,
    workbench,
)
from contender.errors import ContenderError, InvalidInputError
from contender.tracking.mirror import Mirror, Mirrored
from localcloud.mlflow_server import MlflowServer

EVERY_SECONDS = 5.0


RUNS = "/#/experiments?workflowType=machine_learning"
"""Where MLflow shows runs of models that are trained; it begins with language models otherwise."""


def server_address(uri: str) -> str:
    """The URL of an MLflow server without a trailing slash; empty where none is given.

    Raises
    ------
    InvalidInputError
        When it is no URL. MLflow's client would take it for the name of a folder, and create it.

    Examples
    --------
    >>> server_address("https://mlflow.example.com/")
    'https://mlflow.example.com'
    """
    parts = urlsplit(uri)
    if uri and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise InvalidInputError(
            f"--tracking-uri (or MLFLOW_TRACKING_URI) is {without_secrets(uri)!r}, but must be the URL of an "
            "MLflow server, such as https://mlflow.example.com; without it one on this machine is used"
        )
    return uri.rstrip("/")


UriOption = Annotated[
    str,
    typer.Option(
        "--tracking-uri",
        envvar="MLFLOW_TRACKING_URI",
        callback=server_address,
        help="URL of an MLflow server; default: one on this machine with its data in .contender/mlflow.",
    ),
]


Report = Callable[[str], None]


mlflow_app = typer.Typer(invoke_without_command=True)


def add_to(app: typer.Typer) -> None:
    """Add the group `contender mlflow` with its commands to the app."""
    app.add_typer(mlflow_app, name="mlflow")


@mlflow_app.callback()
def mlflow(
    context: typer.Context,
    tracking_uri: UriOption = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of a server on this machine; 0: any.")] = 0,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two checks for new runs.")] = EVERY_SECONDS,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
) -> None:
    """Open MLflow with every run: metrics, plots, files, and champion and challenger as aliases.

    New runs are copied until you press Ctrl-C, and the aliases follow the champion pointer.

    Example: contender mlflow
    """
    if context.invoked_subcommand is not None:
        sources = {name: context.get_parameter_source(name) for name in context.params}
        given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
        if given:
            raise InvalidInputError(f"{', '.join(given)}: put options of sync after its name: contender mlflow sync …")
        return
    with suppress(KeyboardInterrupt), _ended_by_signals(), ExitStack() as open_until:
        with console.status("MLflow") as spinner:
            own = MlflowServer(project_root())
            address = tracking_uri or open_until.enter_context(own.open(port=port, report=spinner.update))
        console.print(f"MLflow is at {without_secrets(address)}{RUNS}", markup=False)
        console.print("[dim]new runs are copied until you press Ctrl-C[/dim]")
        _keep_mirroring(address, environment, every)
    console.print("MLflow is closed" if not tracking_uri else "copying has ended")


@mlflow_app.command()
def sync(
    tracking_uri: UriOption = "",
    pipeline: PipelineOption = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Copy all runs once, to this machine's MLflow or to another server. Runs that are complete there are left alone.

    Example: contender mlflow sync --env prod --tracking-uri https://mlflow.example.com
    """
    names = [pipeline] if pipeline else all_pipelines()
    own = MlflowServer(project_root())
    with ExitStack() as open_until, console.status("MLflow") as spinner:
        address = tracking_uri or own.address() or open_until.enter_context(own.open(report=spinner.update))
        found = mirror_all(address, names, environment, spinner.update)
    if as_json:
        print_json({title: _as_json(mirrored) for title, mirrored in found.items()})
        return
    for title, mirrored in found.items():
        console.print(f"{title}: {_in_words(mirrored)}", markup=False)


def mirror_all(address: str, names: list[str], environment: str, report: Report) -> dict[str, Mirrored]:
    """Mirror each pipeline once; what changed, by the title that the tracker shows."""
    tracker, found = MlflowTracker(address), {}
    for name in names:
        bench = workbench(name, environment)
        uri = f"s3://{bench.data.bucket}"
        mirror = Mirror(name, environment, bench.data, bench.models, bench.ledger, tracker, draw, uri, report)
        found[mirror.title] = mirror.sync(now=time.time())
    return found


def _keep_mirroring(address: str, environment: str, every: float) -> NoReturn:
    """Until it is interrupted. What goes wrong is said once, and tried again: the cloud may be down for a while."""
    said = ""
    with console.status("watching") as spinner:
        while True:
            try:
                found = mirror_all(address, all_pipelines(), environment, spinner.update)
            except (ContenderError, ClientError, BotoCoreError) as error:
                trouble = " ".join(str(error).split())
                if trouble != said:
                    errors.print(Text("waiting", style="bold yellow"), trouble, markup=False)
                said = trouble
            else:
                said = ""
                for title, mirrored in found.items():
                    if not mirrored.nothing:
                        console.print(f"{time.strftime('%H:%M:%S')}  {title}: {_in_words(mirrored)}", markup=False)
            spinner.update("watching")
            time.sleep(every)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM alike interrupt the block; a second one does not keep it from cleaning up."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(_number: int, _frame: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_words(mirrored: Mirrored) -> str:
    """
    >>> _in_words(Mirrored(("r1", "r2"), ("v1",), {"champion": "v1", "challenger": None}))
    '2 runs, 1 version, champion is v1, challenger is none'
    """
    counted = ((len(mirrored.runs), "run"), (len(mirrored.versions), "version"))
    parts = [f"{number} {what}{'s' if number > 1 else ''}" for number, what in counted if number]
    parts += [f"{alias} is {version or 'none'}" for alias, version in (mirrored.aliases or {}).items()]
    return ", ".join(parts) or "nothing new"


def _as_json(mirrored: Mirrored) -> dict[str, object]:
    return {"runs": list(mirrored.runs), "versions": list(mirrored.versions), "aliases": dict(mirrored.aliases or {})}
