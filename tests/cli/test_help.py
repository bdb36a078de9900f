"""Every command explains itself, with an example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from contender.cli import commands, main
from contender.cli.main import application
from tests.cli.conftest import Contender

COMMANDS = sorted(get_command(application()).commands)  # type: ignore[attr-defined]
PROMISED = {
    "up",
    "down",
    "doctor",
    "backup",
    "restore",
    "status",
    "init",
    "check",
    "upload",
    "runs",
    "show",
    "card",
    "champion",
    "history",
    "predict",
    "explain",
    "pull",
    "sql",
    "url",
    "openapi",
    "batch",
    "rollback",
    "trial",
    "ab",
    "approve",
    "reject",
    "retrain",
    "delete",
    "live",
    "alarms",
    "mail",
    "dead-letters",
    "console",
    "dashboard",
    "demo",
    "drill",
    "replay",
    "tune",
    "mlflow",
    "tensorboard",
}
WITH_JSON = sorted(PROMISED - {"ab", "console", "demo", "trial", "mlflow"})


def test_the_promised_commands_are_there() -> None:
    assert set(COMMANDS) >= PROMISED


def test_every_module_of_a_command_is_listed_and_loaded_for_its_command_alone() -> None:
    folder = Path(commands.__file__).parent
    assert sorted(main.COMMANDS) == sorted(file.stem for file in folder.glob("*.py") if file.stem != "__init__")
    assert main.asked_for(["dead-letters", "list"]) == ("dead_letters",)
    for typed in ([], ["--help"], ["-h", "up"], ["statsu"]):
        assert main.asked_for(typed) == main.COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_has_an_example_of_that_command(command: str, contender: Contender) -> None:
    shown = contender(command, "--help")
    assert shown.code == 0
    assert re.search(rf"Example: contender {command}\b", shown.out)
    assert contender(command, "-h").out == shown.out


@pytest.mark.parametrize("command", WITH_JSON)
def test_a_command_that_shows_something_can_print_json(command: str, contender: Contender) -> None:
    assert "--json" in contender(command, "--help").out


def test_the_command_alone_shows_all_commands(contender: Contender) -> None:
    shown = contender()
    for command in COMMANDS:
        assert re.search(rf"^│ {command}\b", shown.out, re.MULTILINE), shown.out


def test_an_option_that_is_missing_is_named(contender: Contender) -> None:
    ended = contender("champion")
    assert ended.code == 2
    assert "--pipeline" in ended.err
