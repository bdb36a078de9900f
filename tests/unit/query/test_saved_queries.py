"""Saved queries use what Athena's SQL and DuckDB have in common.

No engine of Athena runs here. What a query may use is named below, each with where both engines document it; what it
gives is tested on DuckDB in `tests/unit/adapters/query/test_local_tables.py`.
"""

from __future__ import annotations

import re

import pytest

from contender.pipeline.config import PipelineConfig
from contender.query.saved_queries import SavedQuery, saved_queries

FUNCTIONS = {
    "abs": "Trino: Mathematical functions. DuckDB: Numeric functions",
    "avg": "Aggregate functions of both; Trino gives a double for bigint and double",
    "cast": "Conversion functions. DuckDB: Casting",
    "count": "Aggregate functions of both",
    "date_diff": "date_diff(unit, timestamp1, timestamp2) in both",
    "max": "Aggregate functions of both",
    "min": "Aggregate functions of both",
    "row_number": "Window functions of both",
    "sqrt": "Mathematical functions. DuckDB: Numeric functions",
    "sum": "Aggregate functions of both",
}
TYPES = {"date", "double"}
CONFIGS = (
    PipelineConfig("shop", "binary", "late", positive="yes", numeric=("amount",)),
    PipelineConfig("plants", "multiclass", "kind", numeric=("petal",)),
    PipelineConfig("prices", "regression", "price", numeric=("area",)),
)
QUERIES = [pytest.param(query, id=f"{c.task}: {query.name}") for c in CONFIGS for query in saved_queries(c)]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_calls_only_functions_that_both_engines_have(query: SavedQuery) -> None:
    called = {name.lower() for name in re.findall(r"\b([a-z_]+)\(", query.sql)} - {"in"}
    called |= {name.lower() for name in re.findall(r"\b(CAST|COUNT)\(", query.sql)}
    assert called <= FUNCTIONS.keys()


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_nothing_that_one_engine_reads_otherwise(query: SavedQuery) -> None:
    text = re.sub(r"'[^']*'", "''", query.sql)
    assert set(re.findall(r'"(.*?)"', text)) <= {"at"}  # quoted names are as they stand in both
    assert "::" not in text  # DuckDB's casts
    assert ";" not in text
    assert "%" not in text  # DuckDB's modulo of doubles differs
    # Trino counts units that have passed, DuckDB the boundaries between: the same only for the smallest unit.
    assert set(re.findall(r"date_diff\('(\w+)'", query.sql)) <= {"millisecond"}
    assert not re.search(r"avg\([^)]*\d\.\d", text)  # 1.0 is a decimal in Trino: its average is rounded
    for kind in re.findall(r"CAST\(.*? AS (\w+)\)", text):
        assert kind.lower() in TYPES
    for group in re.findall(r"GROUP BY (.+)", text):
        assert not re.search(r"\bday\b", group)  # an alias is no column there in Trino


def test_every_query_has_a_name_that_a_shell_takes_and_a_question() -> None:
    for config in CONFIGS:
        queries = saved_queries(config)
        assert len({query.name for query in queries}) == len(queries)
        for query in queries:
            assert re.fullmatch(r"[a-z-]+", query.name)
            assert query.question.endswith("?") or "?" in query.question
