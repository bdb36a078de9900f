"""The commands of runbooks are read as a person would type them, and each runbook's are commands of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

import contender
from contender.cli.drill.runbooks import commands
from contender.cli.main import application

RUNBOOKS = sorted((Path(contender.__file__).parents[1] / "docs" / "runbooks").glob("*.md"))


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_command_block_of_a_runbook_holds_commands_with_their_environment(runbook: Path) -> None:
    known = get_command(application()).commands  # type: ignore[attr-defined]
    found = commands(runbook.read_text(encoding="utf-8"), pipeline="flights", environment="prod")
    assert found
    for arguments in found:
        assert arguments[0] in known
        assert arguments[arguments.index("--env") + 1] == "prod"


def test_a_block_with_anything_else_is_refused() -> None:
    with pytest.raises(ValueError, match="rm -r"):
        commands("```sh\nrm -r models\n```\n", pipeline="flights", environment="prod")
