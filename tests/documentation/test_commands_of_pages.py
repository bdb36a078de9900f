"""Every command that a page shows exists, with the options that it is given."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from typing import Any

import pytest
from typer.main import get_command

from contender.cli.main import application
from tests.documentation.pages import FENCED, PROJECT, Command, all_pages, blocks, commands

TESTED: dict[str, dict[str, str]] = tomllib.loads(
    (PROJECT / "documentation" / "commands.toml").read_text(encoding="utf-8")
)
SHOWN = [command for page in all_pages() for command in commands(page)]


def complaint(command: Command, group: Any) -> str | None:
    """What is wrong with a command, if anything."""
    program, *words = command.words
    if program == "make":
        targets = (PROJECT / "Makefile").read_text(encoding="utf-8")
        unknown = [word for word in words if "=" not in word and not re.search(rf"^{word}:", targets, re.MULTILINE)]
        return f"the Makefile has no target {unknown}" if unknown else None
    if program == "python":
        module = words[1] if words[:1] == ["-m"] else "sys"
        return None if find_spec(module) else f"there is no module {module}"
    found = group
    while words and isinstance(getattr(found, "commands", None), dict):
        name = words.pop(0)
        if name not in found.commands:
            return None if name.startswith("-") or name.isupper() else f"there is no command {name}"
        found = found.commands[name]
    options = {option for each in found.params for option in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    until_pipe = words[: words.index("|")] if "|" in words else words
    unknown = [word for word in until_pipe if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in options]
    return f"{found.name} has no option {unknown}" if unknown else None


def test_pages_show_commands() -> None:
    assert len(SHOWN) > 100
    assert {command.page for command in SHOWN} > {"README.md", "docs/tutorial.md", "docs/recovery.md"}


def test_every_command_exists_with_its_options() -> None:
    group = get_command(application())
    wrong = [(each.page, each.line, said) for each in SHOWN if (said := complaint(each, group))]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("contender upload x.csv --pipeline flights", None),
        ("contender uplaod x.csv", "there is no command uplaod"),
        ("contender runs --pipelin flights", "runs has no option ['--pipelin']"),
        ("contender dataset lits", "there is no command lits"),
        ("make dmeo", "the Makefile has no target ['dmeo']"),
        ("python -m no_such_module", "there is no module no_such_module"),
    ],
)
def test_a_wrong_command_is_seen(line: str, said: str | None) -> None:
    assert complaint(Command("page", line), get_command(application())) == said


def test_blocks_are_fenced_or_indented() -> None:
    assert list(blocks("a\n\n    one\n\n```sh\ntwo\n```\n\n```text\n    three\n```\n")) == ["two\n", "one\n"]


def test_every_page_with_commands_says_which_test_runs_them_or_why_none_does() -> None:
    shell = {page for page in all_pages() if FENCED.search((PROJECT / page).read_text(encoding="utf-8"))}
    shown = {page.removeprefix("docs/") for page in {command.page for command in SHOWN} | shell if "docs/" in page}
    pages = {page.split("/")[0] if page.startswith("runbooks") else page for page in shown}
    said = [page for section in TESTED.values() for page in section]
    assert sorted(pages) == sorted(said)
    for name in (*TESTED["as_printed"].values(), *TESTED["with_other_data"].values()):
        assert (PROJECT / name).is_file(), name
