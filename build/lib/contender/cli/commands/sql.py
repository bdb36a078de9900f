"""`contender sql`: SQL over predictions, labels, runs and batch predictions."""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.adapters.query.local_tables import OF_RECORDS, LocalTables, Rows, named_tables
from contender.cli.clouds import Workbench
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    pipeline_config,
    workbench,
)
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.query.saved_queries import saved_queries, saved_query
from contender.query.tables import TableDefinition, tables_of

MOST_RUNS = 10_000


def sql(
    pipeline: PipelineOption,
    query: Annotated[str, typer.Argument(help="One statement; - reads standard input.")] = "",
    saved: Annotated[str, typer.Option("--saved", help="Run the saved query of this name.")] = "",
    listing: Annotated[bool, typer.Option("--list", help="List tables, columns and saved queries.")] = False,
    since: Annotated[
        str, typer.Option(help="First day of predictions and feedback to read, as 2026-11-30. Default: all.")
    ] = "",
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of text.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Query predictions, feedback, runs and batch predictions with SQL, on this machine.

    The tables are those of the Athena workgroup; DuckDB reads the files of those that the query names.

    Example: contender sql --pipeline flights "select version, count(*) from predictions group by version"
    """
    config = pipeline_config(pipeline)
    if listing:
        _list(config, as_json=as_json)
        return
    text = _text_of(query, saved, config)
    _check_day(since)
    found = run_query(workbench(pipeline, environment), config, text, since=since)
    if as_json:
        print_json([dict(zip(found.columns, map(_plain, row), strict=True)) for row in found.rows])
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(found.columns)
        writer.writerows([_plain(value) for value in row] for row in found.rows)
    else:
        print_table(found.columns, [[Text(_shown(value)) for value in row] for row in found.rows])
        console.print(f"[dim]{len(found.rows):,} row{'s' * (len(found.rows) != 1)}[/dim]")


def run_query(bench: Workbench, config: PipelineConfig, text: str, *, since: str = "") -> Rows:
    """What a query gives on the tables of a pipeline.

    Raises
    ------
    InvalidInputError
        When the query cannot be run.
    """
    with tempfile.TemporaryDirectory() as folder, errors.status("reading") as status:
        tables = LocalTables(bench.data, bench.data.bucket, Path(folder).resolve(), report=status.update)
        for table in named_tables(text, tables_of(config)):
            if table.name in OF_RECORDS:
                tables.add_records(table, bench.ledger.runs(bench.pipeline, limit=MOST_RUNS))
            else:
                tables.add(table, since=since if table.every == "day" else since[:7])
        status.update("running the query")
        return tables.query(text)


def _text_of(query: str, saved: str, config: PipelineConfig) -> str:
    if bool(query) == bool(saved):
        raise InvalidInputError("give one query, or a saved one with --saved NAME; contender sql --list shows them")
    if saved:
        return saved_query(config, saved).sql
    return typer.get_text_stream("stdin").read() if query == "-" else query


def _check_day(since: str) -> None:
    try:
        if since and date.fromisoformat(since).isoformat() != since:
            raise ValueError
    except ValueError:
        raise InvalidInputError(f"since must be a day such as 2026-11-30, but got {since!r}") from None


def _list(config: PipelineConfig, *, as_json: bool) -> None:
    tables, queries = tables_of(config), saved_queries(config)
    if as_json:
        print_json({"tables": {one.name: _columns(one) for one in tables}, "saved": {q.name: q.sql for q in queries}})
        return
    print_table(("table", "columns"), [(Text(one.name), Text(", ".join(_columns(one)))) for one in tables])
    console.print()
    print_table(("saved query", "question"), [(Text(one.name), Text(one.question)) for one in queries])


def _columns(table: TableDefinition) -> Mapping[str, str]:
    return {column.name: column.kind for column in table.columns} | {table.partition: "text"}


def _plain(value: Any) -> Any:
    """A value as JSON and CSV take it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | dict | None) else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float | Decimal):
        return f"{float(value):.6g}"
    return str(_plain(value))


def add_to(app: typer.Typer) -> None:
    """Add `contender sql` to the app."""
    app.command()(sql)
