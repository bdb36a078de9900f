"""The tables of a pipeline in DuckDB: fetches their files from the data bucket and answers queries.

DuckDB opens only the folder of the fetched files, and loads no extension.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from contender.errors import InvalidInputError, NotFoundError
from contender.ports import Objects
from contender.query.batch_lists import listed_keys
from contender.query.run_rows import experiment_row, run_row
from contender.query.tables import Column, Kind, TableDefinition

FETCHES_AT_ONCE = 16
TYPES: Mapping[Kind, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP",
}
OF_RECORDS: Mapping[str, tuple[Callable[[Mapping[str, Any]], dict[str, Any]], str]] = {
    "runs": (run_row, "started_at"),
    "experiments": (experiment_row, "ended_at"),
}
"""Tables whose rows are made from records, with the runs from before there were files: how, and which column has the
time of their partition."""
_ZONED = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True)
class Rows:
    """What a query gives: the columns' names, and rows of plain values."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class LocalTables:
    """Tables of one pipeline, by their names.

    Parameters
    ----------
    data, bucket : the data bucket and its name.
    folder : for the fetched files; it has to be empty.
    report : told of the progress, as text.
    """

    def __init__(self, data: Objects, bucket: str, folder: Path, *, report: Callable[[str], None]) -> None:
        self._data, self._bucket, self._folder, self._report = data, bucket, folder, report
        self._database = duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "temp_directory": str(folder / "spilled"),
            }
        )
        self._database.execute(f"SET allowed_directories = [{_text(str(folder))}]")
        self._database.execute("SET enable_external_access = false")

    def add(self, table: TableDefinition, *, since: str = "") -> None:
        """Fetch a table's files and make it known to queries.

        Parameters
        ----------
        since : the first partition to be fetched, as its folder is named; empty: all.
        """
        keys = self._keys(table, since)
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            for number, _ in enumerate(pool.map(lambda pair: self._fetch(*pair), keys), start=1):
                self._report(f"{table.name}: {number:,} of {len(keys):,} files")
        paths = [str(path) for _, path in keys]
        self._create(table, f"read_parquet({_texts(paths)}, union_by_name = true, hive_partitioning = true)", paths)

    def add_records(self, table: TableDefinition, records: Iterable[Mapping[str, Any]]) -> None:
        """Make a table of `OF_RECORDS` known to queries, from the records of all runs."""
        path, (row_of, month_of) = self._folder / f"{table.name}.json", OF_RECORDS[table.name]
        rows = [row_of(record) for record in records if table.name != "experiments" or record.get("experiment")]
        lines = (json.dumps(row | {table.partition: row[month_of][:7]}) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        types = ", ".join(f"{_quoted(column.name)}: '{TYPES[column.kind]}'" for column in _all_columns(table))
        source = f"read_json({_text(str(path))}, format = 'newline_delimited', columns = {{{types}}})"
        self._create(table, source, [str(path)] if rows else [])

    def query(self, sql: str) -> Rows:
        """What one statement gives.

        Raises
        ------
        InvalidInputError
            When it cannot be run; the message is DuckDB's.
        """
        try:
            found = self._database.execute(sql)
            columns = [name for name, *_ in found.description or ()]
            return Rows(columns, found.fetchall() if columns else [])
        except duckdb.Error as error:
            raise InvalidInputError(f"the query cannot be run: {error}") from None

    def _keys(self, table: TableDefinition, since: str) -> list[tuple[str, Path]]:
        """The objects of a table, and where each is put."""
        start = f"{table.prefix}{table.partition}="
        names = [key for key in self._data.keys(start) if key.removeprefix(start).partition("/")[0] >= since]
        if table.files != "list of parquet":
            return [(key, self._folder / table.name / key.removeprefix(table.prefix)) for key in names]
        return [
            (key, self._folder / table.name / Path(name.removeprefix(table.prefix)).parent / key.replace("/", "_"))
            for name in names
            for key in listed_keys(self._data.get(name).body, self._bucket)
        ]

    def _fetch(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._data.get_file(key, path)
        except NotFoundError as error:
            raise NotFoundError(
                f"{error}; it was deleted while the table was fetched, or after it was listed"
            ) from None

    def _create(self, table: TableDefinition, source: str, paths: Sequence[str]) -> None:
        kinds = dict(self._types_in(source)) if paths else {}
        chosen = ", ".join(_selected(column, kinds) for column in _all_columns(table))
        rows = f"FROM {source}" if paths else "WHERE false"
        self._database.execute(f"CREATE VIEW {_quoted(table.name)} AS SELECT {chosen} {rows}")

    def _types_in(self, source: str) -> Iterator[tuple[str, tuple[str, str]]]:
        """By the name in lower case: the name and DuckDB's type of each column of the files."""
        for name, kind, *_ in self._database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall():
            yield name.lower(), (name, kind)


def named_tables(sql: str, tables: Iterable[TableDefinition]) -> list[TableDefinition]:
    """The tables whose names a query has in it; only their files are fetched."""
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    return [table for table in tables if table.name in words]


def _all_columns(table: TableDefinition) -> tuple[Column, ...]:
    return (*table.columns, Column(table.partition, "text"))


def _selected(column: Column, found: Mapping[str, tuple[str, str]]) -> str:
    """A column as the definition has it, whatever type the files have; null where they have none."""
    target, name = TYPES[column.kind], _quoted(column.name)
    if column.name not in found:
        return f"CAST(NULL AS {target}) AS {name}"
    in_file, kind = found[column.name]
    value = _quoted(in_file)
    if kind == _ZONED and column.kind == "time":
        value = f"make_timestamp_ms(epoch_ms({value}))"  # what the log has is UTC
    return f"TRY_CAST({value} AS {target}) AS {name}"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _text(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
