"""Reads JSON Lines: one object a line, its values as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.database import connect
from contender.adapters.files.reading.encodings import as_utf8
from contender.adapters.files.reading.file_rows import (
    BATCH_ROWS,
    MAX_ROW_BYTES,
    check_width,
    column,
)
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError

_OBJECTS = f"read_json_objects($path, format = 'newline_delimited', maximum_object_size = {MAX_ROW_BYTES})"
_NUMBERED = f"(SELECT json, row_number() OVER () AS line FROM {_OBJECTS})"


@dataclass(frozen=True)
class JsonLinesFile:
    """A JSON Lines file; see `FileRows`. A key that an object lacks is a missing cell.

    Attributes
    ----------
    path : of the text in UTF-8.
    names : the keys of all objects in the order in which they come.
    folder : for temporary files.
    """

    path: Path
    names: tuple[str, ...]
    understood: Understood
    folder: Path
    index: tuple[str, ...] = ()

    def batches(self, columns: Sequence[int] | None = None, *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """See `FileRows.batches`. Whole numbers keep all their digits."""
        chosen = range(len(self.names)) if columns is None else columns
        cells = ", ".join(f"json ->> {_key(self.names[position])} AS {column(position)}" for position in chosen)
        with connect(self.folder) as database:
            try:
                found = database.sql(f"SELECT {cells} FROM {_OBJECTS}", params={"path": str(self.path)})
                yield from found.to_arrow_reader(rows)
            except (duckdb.Error, pa.ArrowException) as error:
                raise BatchRejectedError(f"not JSON Lines: {first_line(error)}") from None


def looks_like_json(path: Path) -> bool:
    """Whether it begins with an object, whatever blanks stand before it.

    Raises
    ------
    BatchRejectedError
        When it begins with a list of objects.
    """
    with path.open("rb") as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"[") and start[1:].lstrip().startswith(b"{"):
        raise BatchRejectedError("one list of JSON objects; write each object on a line of its own (JSON Lines)")
    return start.startswith(b"{")


def open_json_lines(path: Path, folder: Path, *, packed: str = "") -> JsonLinesFile:
    """Open a JSON Lines file.

    Raises
    ------
    BatchRejectedError
        When a line is no object, or a value is a list or an object.
    """
    text = as_utf8(path, folder / "utf-8.jsonl")
    with connect(folder) as database:
        try:
            names = _names(database, text.path)
        except duckdb.Error as error:
            raise BatchRejectedError(f"not JSON Lines: {first_line(error)}") from None
    return JsonLinesFile(text.path, names, Understood("JSON Lines", packed, text.encoding), folder)


def _names(database: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """The keys of all objects: those of the first in its order, then others as they come."""
    where = {"path": str(path)}
    found = database.execute(
        f"""
        SELECT key FROM (SELECT unnest(json_keys(json)) AS key, line FROM {_NUMBERED}) GROUP BY key ORDER BY min(line)
        """,
        where,
    ).fetchall()
    if not found:
        raise BatchRejectedError("the file is empty: it has no object with a key")
    _refuse_other_values(database, where)
    names = [name for (name,) in found]
    check_width(names, what="the number of keys in the objects is")
    _refuse_nested(database, names, where)
    first = database.execute(f"SELECT json_keys(json) FROM {_OBJECTS} LIMIT 1", where).fetchone()
    order = {name: position for position, name in enumerate(first[0] if first else [])}
    return tuple(sorted(names, key=lambda name: order.get(name, len(order))))


def _refuse_other_values(database: duckdb.DuckDBPyConnection, where: Mapping[str, str]) -> None:
    other = f"SELECT line, json_type(json) FROM {_NUMBERED} WHERE json_type(json) <> 'OBJECT' ORDER BY line LIMIT 1"
    found = database.execute(other, where).fetchone()
    if found is not None:
        line, kind = found
        raise BatchRejectedError(
            f"line {line} of the JSON Lines is no object but {kind.lower()}; write one object a line"
        )


def _refuse_nested(database: duckdb.DuckDBPyConnection, names: Sequence[str], where: Mapping[str, str]) -> None:
    lines = ", ".join(
        f"min(CASE WHEN json_type(json, {_key(name)}) IN ('ARRAY', 'OBJECT') THEN line END)" for name in names
    )
    nested = database.execute(f"SELECT {lines} FROM {_NUMBERED}", where).fetchone() or ()
    for name, line in zip(names, nested, strict=True):
        if line is not None:
            raise BatchRejectedError(
                f"{name} holds a list or an object (line {line}); give its values columns of their own"
            )


def _key(name: str) -> str:
    """A key as a JSON path of one step, as SQL writes it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    return f"'$.\"{escaped}\"'"
