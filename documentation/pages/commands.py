"""The reference of the command line: every command's help, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from contender.cli.main import application
from contender.formatting import markdown_table
from documentation.markdown import code

HEAD = """# Commands

Every command with its options; `contender COMMAND --help` prints the same. In a clone the program is
`.venv/bin/contender`. A command that shows something has `--json`. Commands act on the local cloud unless `--env` (or
the variable `CONTENDER_ENV`) names an environment in AWS. (Generated from the help by `python -m documentation
reference`.)
"""
EXAMPLE = re.compile(r"^Examples?: ", flags=re.MULTILINE)


def page() -> str:
    """The page as Markdown."""
    group: Any = get_command(application())
    context = typer.Context(group, info_name="contender")
    commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
    overview = markdown_table(
        ("command", "what it does"),
        ((f"[`{name}`](#contender-{name})", _first_sentence(each.help or "")) for name, each in commands.items()),
    )
    sections = (text for name, each in commands.items() for text in _sections(each, context, f"contender {name}", 2))
    return "\n\n".join([HEAD.rstrip(), overview, *sections]) + "\n"


def _sections(command: Any, above: Any, name: str, level: int) -> Iterator[str]:
    context = typer.Context(command, info_name=name, parent=above)
    yield f"{'#' * level} {name}"
    yield from _paragraphs(command.help or "")
    if isinstance(getattr(command, "commands", None), dict):
        for inner in command.list_commands(context):
            yield from _sections(command.get_command(context, inner), context, f"{name} {inner}", level + 1)
        return
    yield code(" ".join((name, *command.collect_usage_pieces(context))), "text")
    records = [each.get_help_record(context) for each in command.get_params(context)]
    rows = [(f"`{asked}`", said) for asked, said in filter(None, records) if not asked.startswith("-h,")]
    shown = [row for row in rows if "--help" not in row[0]]
    if shown:
        yield markdown_table(("argument or option", "meaning"), ((asked, _readable(said)) for asked, said in shown))


def _paragraphs(text: str) -> Iterator[str]:
    """A docstring's paragraphs; what follows "Example:" is code."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if EXAMPLE.match(paragraph):
            yield code(EXAMPLE.sub("", paragraph), "sh")
        else:
            yield _readable(" ".join(paragraph.split()))


def _first_sentence(text: str) -> str:
    return _readable(re.split(r"(?<=\.)\s", " ".join(text.split()))[0])


def _readable(text: str) -> str:
    """Text of a terminal as Markdown: nothing in it is markup."""
    return re.sub(r"([<>*_\\])", r"\\\1", text)
