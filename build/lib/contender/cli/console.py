"""Output of commands: tables for people, JSON for scripts, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# A terminal breaks lines between words; a pipe gets them whole.
console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
errors = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

VERDICT_STYLES = {
    "promoted": "bold green",
    "retained": "cyan",
    "inconclusive": "yellow",
    "stopped": "bold yellow",
    "rolled_back": "bold red",
    "skipped": "dim",
    "quarantined": "yellow",
    "duplicate": "dim",
    "better": "green",
    "worse": "red",
    "failed": "bold red",
    "waiting": "bold yellow",
    "running": "bold yellow",
}


def print_json(content: Any) -> None:
    """Machine-readable, one document, nothing else on standard output."""
    print(json.dumps(content, indent=2, ensure_ascii=False))


LEAST_LAST_COLUMN = 24
"""Characters that the last column of a table has at least."""


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table whose last column takes what room is left and wraps; the others stay on one line. Text of unknown origin
    is to come as `Text`: a plain string may hold markup.

    Where less room is left than a few words need, the table is wider than the terminal, which breaks its lines: a
    column of two letters cannot be read.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column != columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    taken = sum(2 + max(_width(cell) for cell in column) for column in list(zip(columns, *rows, strict=True))[:-1])
    if console.width < taken + LEAST_LAST_COLUMN:
        table.width = taken + LEAST_LAST_COLUMN
    console.print(table, soft_wrap=False, crop=False)


def _width(cell: str | Text) -> int:
    return (cell if isinstance(cell, Text) else Text.from_markup(cell)).cell_len


def styled_verdict(verdict: str) -> Text:
    """The verdict in its colour."""
    return Text(verdict, style=VERDICT_STYLES.get(verdict, ""))


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values in two columns, without those that have none."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        console.print(Text(f"{name.ljust(width)}  ", style="dim"), Text(str(value)), sep="")
