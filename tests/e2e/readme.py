"""The README's commands."""

from __future__ import annotations

import re
import shlex

from tests.e2e.loop import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (\S.*?)(?:\s+#.*)?$", README, flags=re.MULTILINE)


def contender_commands(*, with_word: str) -> list[list[str]]:
    """The arguments of the README's `contender` commands that have a word in them, in their order."""
    found = [shlex.split(line)[1:] for line in COMMANDS if line.startswith(".venv/bin/contender ")]
    return [arguments for arguments in found if with_word in " ".join(arguments)]


def own_data_commands() -> list[list[str]]:
    """The three by which a file of one's own becomes a pipeline."""
    found = [arguments for arguments in contender_commands(with_word="") if arguments[0] in ("init", "up", "upload")]
    assert [arguments[0] for arguments in found] == ["init", "up", "upload"]
    return found
