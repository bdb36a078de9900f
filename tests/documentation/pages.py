"""Commands as the pages show them: in blocks that are indented or fenced, without their comments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FENCED = re.compile(r"^```(?:sh|console|bash)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:\A|\n\n)((?:    .*\n)+)")
OURS = re.compile(r"^(?:\.venv/bin/)?(?=(?:contender|make|python)\b)")


@dataclass(frozen=True)
class Command:
    """A line of a block: the page, and the line without its comment."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """The command's words, our program's name first, without the folder of `.venv`; none where it is no command."""
        line = OURS.sub("", self.line)
        return shlex.split(line) if OURS.match(self.line) else []


def blocks(text: str) -> Iterator[str]:
    """The code of a page, block by block; what a list item indents is text."""
    yield from FENCED.findall(text)
    for block in INDENTED.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        yield re.sub(r"^    ", "", block, flags=re.MULTILINE)


def lines(page: str) -> list[Command]:
    """All lines of a page's blocks of commands, without comments."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    found = (line for block in blocks(text) for line in block.replace("\\\n", " ").splitlines())
    stripped = (re.sub(r"\s+#\s.*$", "", line).strip() for line in found)
    return [Command(page, line) for line in stripped if line]


def commands(page: str) -> list[Command]:
    """Those that are ours to check: `contender`, `make` and `python -m`."""
    return [each for each in lines(page) if each.words[:1] in (["contender"], ["make"]) or _is_module(each)]


def contender(page: str, with_word: str = "") -> list[list[str]]:
    """The arguments of a page's `contender` commands that have a word in them, in their order."""
    found = [each.words[1:] for each in commands(page) if each.words[0] == "contender"]
    return [arguments for arguments in found if with_word in " ".join(arguments)]


def _is_module(command: Command) -> bool:
    return command.words[:2] == ["python", "-m"]


def all_pages() -> list[str]:
    """README, CONTRIBUTING and every page of docs/."""
    found = (path for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md") for path in PROJECT.glob(pattern))
    return sorted(str(path.relative_to(PROJECT)) for path in found)
