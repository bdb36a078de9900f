"""Changes keys of a pipeline file and leaves everything else, comments and order, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AbstractTable, AoT, Table

from contender.adapters.files.atomic import write_whole
from contender.errors import ConflictError, PipelineFileError

BYTE_ORDER_MARK = "\ufeff"


def with_keys(text: str, changes: Mapping[str, Any]) -> str:
    """The text of a pipeline file with keys (`section.key`) set.

    Raises
    ------
    PipelineFileError
        When a section is no table.

    Examples
    --------
    >>> print(with_keys('name = "p"  # mine\\n\\n[drift]\\nalpha = 0.01  # strict\\n', {"drift.alpha": 0.05}), end="")
    name = "p"  # mine
    <BLANKLINE>
    [drift]
    alpha = 0.05  # strict
    """
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""  # as some editors write
    document = tomlkit.parse(text.removeprefix(mark))
    for name, value in changes.items():
        *sections, last = name.split(".")
        table: Any = document
        for section in sections:
            if section not in table:
                table[section] = tomlkit.table()
            table = table[section]
            if not isinstance(table, AbstractTable | tomlkit.TOMLDocument):
                raise PipelineFileError(f"unknown key {name}; {section} is no table")
        _set(table, last, value)
    return mark + tomlkit.dumps(document)


def _set(table: Any, name: str, value: Any) -> None:
    """Set a key; a new one goes below the last one, since the comment that may follow belongs to the next table."""
    before = [key for key, item in table.value.body if key is not None and not isinstance(item, AbstractTable | AoT)]
    if name in table or not before or not isinstance(table, Table):
        table[name] = value
    else:
        table.value._insert_after(before[-1], name, value)


def read_text(path: Path) -> str:
    """The file's text with its own line endings."""
    return path.read_bytes().decode("utf-8")


def replace_text(path: Path, *, before: str, after: str) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    ConflictError
        When it no longer holds what was read.
    """
    if read_text(path) != before:
        raise ConflictError(f"{path} was changed meanwhile; nothing was written")
    mode = path.stat().st_mode
    write_whole(path, after.encode("utf-8"))
    path.chmod(mode)
