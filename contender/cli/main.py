"""`contender`: the commands, and how an error looks."""

from __future__ import annotations

import os
import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from contender.cli import (
    api_commands,
    approval_commands,
    batch_commands,
    card_commands,
    cloud_commands,
    data_commands,
    dataset_commands,
    demo,
    live_commands,
    model_commands,
    replay_commands,
    reproduce_commands,
    rollout_commands,
    run_commands,
    signing_commands,
    tracking_commands,
)
from contender.cli.console import errors
from contender.errors import ContenderError

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the signal's number."""

app = typer.Typer(
    name="contender",
    help="Continuous training that a production model can be trusted to. Start with: contender up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (
    cloud_commands,
    data_commands,
    dataset_commands,
    run_commands,
    approval_commands,
    model_commands,
    card_commands,
    api_commands,
    batch_commands,
    rollout_commands,
    live_commands,
    replay_commands,
    reproduce_commands,
    signing_commands,
    tracking_commands,
    demo,
):
    commands.add_to(app)


def run() -> None:
    """Run a command; an expected error is one line on standard error and exit code 1, never a traceback."""
    try:
        app()
    except (ContenderError, ClientError, BotoCoreError) as error:
        if os.environ.get("CONTENDER_DEBUG"):
            raise
        errors.print(Text("error", style="bold red"), _one_line(error), markup=False)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            errors.print("interrupted")
        raise


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    run()
