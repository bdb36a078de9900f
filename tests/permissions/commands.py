"""Which policies whoever runs a command has, as docs/permissions.md says."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
CHECKED = ("card", "rollback", "runs", "show", "sign", "status", "trial")
"""The commands whose calls are held to the page; the others' follow."""
POLICIES = ("ContenderReader", "ContenderOperator", "ContenderAdministrator")
_ROW = re.compile(
    r"^\| (?P<commands>`[^|]+) \| (?P<reader>✓?) ?\| (?P<operator>✓?) ?\| (?P<administrator>✓?) ?\|$", re.M
)


def command_of(arguments: Sequence[str]) -> str:
    """Who runs this: `contender dataset keep`, where the page has a row for it, else `contender dataset`."""
    two = " ".join(arguments[:2])
    return f"contender {two if two in policies_of_commands() else arguments[0] if arguments else ''}"


@functools.cache
def policies_of_commands() -> dict[str, tuple[str, ...]]:
    """The policies by command; each column of the table adds to the ones before."""
    found = {}
    for row in _ROW.finditer(PAGE.read_text(encoding="utf-8")):
        marked = [bool(row[name]) for name in ("reader", "operator", "administrator")]
        for command in re.findall(r"`([^`]+)`", row["commands"]):
            found[command] = POLICIES[: marked.index(True) + 1]
    return found
