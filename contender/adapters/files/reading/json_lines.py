"""Reads JSON Lines: one object a line, its values as text."""

from __future__ import annotations

from pathlib import Path

import duckdb

from contender.adapters.files.first_line import first_line
from contender.adapters.files.reading.database import connect
from contender.adapters.files.reading.delimited import MAX_COLUMNS, MAX_ROW_BYTES, Cells
from contender.adapters.files.reading.encodings import as_utf8
from contender.adapters.files.reading.understood import Understood
from contender.errors import BatchRejectedError


def looks_like_json(path: Path) -> bool:
    """Whether the first character that is no blank opens an object."""
    with path.open("rb") as file:
        return file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def read_json_lines(path: Path, folder: Path, *, packed: str = "") -> tuple[Cells, Understood]:
    """Read a JSON Lines file; a key that an object lacks is a missing cell.

    Whole numbers keep all their digits.

    Raises
    ------
    BatchRejectedError
        When a line is no object, or a value is a list or an object.
    """
    text = as_utf8(path, folder / "utf-8.jsonl")
    understood = Understood("JSON Lines", packed, text.encoding)
    with connect(folder) as database:
        try:
            database.execute(
                "CREATE TABLE lines AS SELECT json FROM read_json_objects($path, format = 'newline_delimited', "
                f"maximum_object_size = {MAX_ROW_BYTES})",
                {"path": str(text.path)},
            )
            names = _names(database)
            _refuse_nested(database, names)
            columns = ", ".join(f"json ->> {_key(name)} AS c{position}" for position, name in enumerate(names))
            rows = database.sql(f"SELECT {columns} FROM lines").to_arrow_table()
        except duckdb.Error as error:
            raise BatchRejectedError(f"not JSON Lines: {first_line(error)}") from None
    return Cells(tuple(names), rows), understood


def _names(database: duckdb.DuckDBPyConnection) -> list[str]:
    """The keys of all objects in the order in which they come."""
    found = database.execute(
        """
        SELECT key FROM (SELECT unnest(json_keys(json)) AS key, rowid AS line FROM lines)
        GROUP BY key ORDER BY min(line)
        """
    ).fetchall()
    if not found:
        raise BatchRejectedError("the file is empty: it has no object with a key")
    if len(found) > MAX_COLUMNS:
        raise BatchRejectedError(f"the objects have {len(found):,} keys; at most {MAX_COLUMNS:,} are read")
    first = database.execute("SELECT json_keys(json) FROM lines LIMIT 1").fetchone()
    order = {name: position for position, name in enumerate(first[0] if first else [])}
    return sorted((name for (name,) in found), key=lambda name: order.get(name, len(order)))


def _refuse_nested(database: duckdb.DuckDBPyConnection, names: list[str]) -> None:
    for name in names:
        nested = database.execute(
            f"SELECT rowid + 1 FROM lines WHERE json_type(json, {_key(name)}) IN ('ARRAY', 'OBJECT') LIMIT 1"
        ).fetchone()
        if nested is not None:
            raise BatchRejectedError(
                f"{name} holds a list or an object (line {nested[0]}); give its values columns of their own"
            )


def _key(name: str) -> str:
    """A key as a JSON path of one step, as SQL writes it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    return f"'$.\"{escaped}\"'"
