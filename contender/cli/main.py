"""`contender`: the commands, and how an error looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text
from typer.main import get_command

import localcloud.cloud
from contender.cli.commands import (
    alarms,
    approve,
    backup,
    batch,
    card,
    champion,
    check,
    console,
    dashboard,
    dataset,
    dead_letters,
    delete,
    demo,
    doctor,
    down,
    drill,
    explain,
    history,
    init,
    live,
    mail,
    mlflow,
    openapi,
    predict,
    pull,
    reject,
    replay,
    reproduce,
    restore,
    retrain,
    rollback,
    runs,
    show,
    sign,
    sql,
    status,
    tensorboard,
    trial,
    tune,
    up,
    upload,
    url,
)
from contender.cli.console import errors
from contender.cli.options import cloud_of, project_root
from contender.errors import ContenderError
from localcloud.emulator import HOST

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number."""

app = typer.Typer(
    name="contender",
    help="Continuous training for production models: drift, retraining, safe promotion. Start with: contender up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    up,
    down,
    status,
    init,
    check,
    upload,
    retrain,
    dataset,
    delete,
    runs,
    show,
    approve,
    reject,
    champion,
    history,
    predict,
    explain,
    card,
    url,
    openapi,
    pull,
    batch,
    rollback,
    trial,
    live,
    sql,
    alarms,
    dashboard,
    mail,
    dead_letters,
    console,
    replay,
    tune,
    reproduce,
    doctor,
    backup,
    restore,
    sign,
    mlflow,
    tensorboard,
    demo,
    drill,
):
    command.add_to(app)


@cache
def program() -> Callable[[], None]:
    """All commands, made of their functions, which takes longer than many a command."""
    return get_command(app)


def run() -> None:
    """Run a command; an expected error is one line on standard error and exit code 1, never a traceback."""
    cloud_of.cache_clear()  # where several commands run in one process, each reaches what there is then
    try:
        program()()
    except (ContenderError, ClientError, BotoCoreError) as error:
        if os.environ.get("CONTENDER_DEBUG"):
            raise
        errors.print(Text("error", style="bold red"), crash_behind(error) or _one_line(error), markup=False)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            errors.print("interrupted")
        raise


def crash_behind(error: Exception) -> str:
    """What to do where the local cloud's emulator ended under a command; empty where something else is wrong."""
    if not isinstance(error, BotoCoreError) or f"://{HOST}:" not in str(error):
        return ""
    found = localcloud.cloud.status(project_root())
    return "" if found.running else found.message


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    run()
