"""`contender`: the commands, and how an error looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text
from typer.main import get_command

import localcloud.cloud
from contender.cli.console import errors
from contender.cli.extras import named, require_extra_of
from contender.cli.options import cloud_of, project_root
from contender.errors import ContenderError
from localcloud.emulator import HOST

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number."""

COMMANDS = (
    "up",
    "down",
    "status",
    "init",
    "check",
    "upload",
    "retrain",
    "dataset",
    "delete",
    "runs",
    "show",
    "approve",
    "reject",
    "champion",
    "history",
    "predict",
    "explain",
    "card",
    "url",
    "openapi",
    "pull",
    "batch",
    "rollback",
    "trial",
    "ab",
    "live",
    "sql",
    "alarms",
    "dashboard",
    "mail",
    "dead_letters",
    "console",
    "replay",
    "tune",
    "reproduce",
    "doctor",
    "backup",
    "restore",
    "sign",
    "env",
    "new",
    "mlflow",
    "tensorboard",
    "demo",
    "drill",
)
"""The modules of the commands, in the order in which help lists them."""


def application(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """These commands. Only their modules are loaded: all of them take three times as long as most commands."""
    made = typer.Typer(
        name="contender",
        help="Continuous training for production models: drift, retraining, safe promotion. Start with: contender up",
        callback=_whatever_command,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in commands:
        import_module(f"contender.cli.commands.{command}").add_to(made)
    return made


def _whatever_command() -> None:
    """Nothing: with a function of its own, a program of one command is called by that command's name too."""


@cache
def program(commands: Sequence[str] = COMMANDS) -> Callable[[], None]:
    """These commands, made of their functions, which takes longer than many a command."""
    return get_command(application(commands))


def asked_for(arguments: Sequence[str]) -> Sequence[str]:
    """The module of the command that is typed first; else, for help or a message, all of them."""
    name = arguments[0].replace("-", "_") if arguments else ""
    return (name,) if name in COMMANDS else COMMANDS


def run() -> None:
    """Run a command; an expected error is one line on standard error and exit code 1, never a traceback."""
    cloud_of.cache_clear()  # where several commands run in one process, each reaches what there is then
    try:
        commands = asked_for(sys.argv[1:])
        if len(commands) == 1 and not {"-h", "--help"} & set(sys.argv[2:]):
            require_extra_of(commands[0])
        program(commands)()
    except (ContenderError, ClientError, BotoCoreError) as error:
        if os.environ.get("CONTENDER_DEBUG"):
            raise
        _end(crash_behind(error) or _one_line(error))
    except ModuleNotFoundError as error:
        missing = named(error)
        if missing is None or os.environ.get("CONTENDER_DEBUG"):
            raise
        _end(str(missing))
    except SystemExit as end:
        if end.code == INTERRUPTED:
            errors.print("interrupted")
        raise


def _end(message: str) -> NoReturn:
    errors.print(Text("error", style="bold red"), message, markup=False)
    sys.exit(1)


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
