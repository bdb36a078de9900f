"""`contender`: the commands, and how an error looks."""

from __future__ import annotations

import os
import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from contender.cli.commands import api as api_commands
from contender.cli.commands import approval as approval_commands
from contender.cli.commands import batch as batch_commands
from contender.cli.commands import card as card_commands
from contender.cli.commands import cloud as cloud_commands
from contender.cli.commands import data as data_commands
from contender.cli.commands import dataset as dataset_commands
from contender.cli.commands import demo
from contender.cli.commands import live as live_commands
from contender.cli.commands import model as model_commands
from contender.cli.commands import replay as replay_commands
from contender.cli.commands import reproduce as reproduce_commands
from contender.cli.commands import rollout as rollout_commands
from contender.cli.commands import runs as run_commands
from contender.cli.commands import signing as signing_commands
from contender.cli.commands import tracking as tracking_commands
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
