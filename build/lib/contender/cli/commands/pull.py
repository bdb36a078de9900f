"""`contender pull`: copy what serves to another machine, and keep the copy current."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from contender.adapters.aws.public_key import local_check
from contender.adapters.files.folder_objects import FolderObjects
from contender.cli.clouds import Workbench
from contender.cli.console import console, errors, print_json
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    workbench,
)
from contender.errors import ContenderError, InvalidInputError
from contender.registry.pulled import Pulled, pull_champion
from contender.registry.signatures import Check, require_signature

CHAMPION = "champion"
LONGEST_PAUSE_SECONDS = 60.0


def pull(
    what: Annotated[str, typer.Argument(help="champion")],
    pipeline: PipelineOption,
    folder: Annotated[Path, typer.Option("--into", help="The folder; made if it does not exist.")] = Path("models"),
    follow: Annotated[bool, typer.Option("--follow", help="Keep the folder current until Ctrl-C or SIGTERM.")] = False,
    every: Annotated[float, typer.Option(min=1.0, max=3600.0, help="Seconds between two looks.")] = 5.0,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Copy the champion into a folder, for machines that serve it without AWS.

    Signature and digests are checked first. The pointer is written last, so a reader of the folder always finds a whole
    version. The serving container takes the folder as MODEL_FOLDER.

    Example: contender pull champion --pipeline flights --into /srv/models --follow
    """
    if what != CHAMPION:
        raise InvalidInputError(f"only the champion can be pulled, but got {what!r}; write: contender pull champion")
    bench = workbench(pipeline, environment)
    target = FolderObjects(folder)
    trust = signature_check(bench)

    def once() -> Pulled:
        return pull_champion(bench.models, target, pipeline, trust=trust)

    def show(pulled: Pulled) -> None:
        if as_json:
            print_json(asdict(pulled) | {"folder": str(folder)})
        elif pulled.changed or not follow:
            console.print(_said(pulled, folder), markup=False)

    if not follow:
        show(once())
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep_current(once, show, wait=stop.wait, every=every)


def keep_current(
    once: Callable[[], Pulled], show: Callable[[Pulled], None], *, wait: Callable[[float], bool], every: float
) -> None:
    """Pull again and again; what fails is told and tried again after a pause that doubles up to a minute.

    Parameters
    ----------
    show : gets the first copy, and each that changed something.
    wait : waits for so many seconds; true ends it.
    every : seconds between two attempts.
    """
    pause, first = every, True
    while True:
        try:
            pulled = once()
            if first or pulled.changed or pulled.added:
                show(pulled)
            pause, first = every, False
        except (ContenderError, ClientError, BotoCoreError) as error:
            errors.print(f"the copy stays as it is: {error}", markup=False)
            pause = max(every, min(2 * pause, LONGEST_PAUSE_SECONDS))
        if wait(pause):
            return


def signature_check(bench: Workbench) -> Check:
    """What refuses a version that the environment's key did not sign; the check runs on this machine."""
    verify = local_check(bench.cloud.client("kms"), bench.signing_key_arn)
    return require_signature(bench.signing_key_arn, lambda _, digest, signature: verify(digest, signature))


def _said(pulled: Pulled, folder: Path) -> str:
    new = "is new in" if pulled.changed else "is current in"
    removed = f"; removed {', '.join(pulled.removed)}" if pulled.removed else ""
    return f"{pulled.champion} {new} {folder}{removed}"


def add_to(app: typer.Typer) -> None:
    """Add `contender pull` to the app."""
    app.command()(pull)
