"""The tables of a pipeline: columns by its file, and rows of runs as both engines read them."""

from __future__ import annotations

import json

import pytest

from contender.errors import NotFoundError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.serving_policy import ServingPolicy
from contender.query.batch_lists import batch_list, batch_list_key, listed_keys
from contender.query.run_rows import run_row_key, run_row_line
from contender.query.saved_queries import saved_query
from contender.query.tables import feature_columns, tables_of

SHOP = PipelineConfig("shop", "binary", "late", positive="Yes", numeric=("amount",), categorical=("carrier",))


def columns(config: PipelineConfig, name: str) -> dict[str, str]:
    (table,) = [table for table in tables_of(config) if table.name == name]
    return {column.name: column.kind for column in table.columns}


def test_what_is_predicted_is_text_for_classes_and_a_number_for_a_regression() -> None:
    prices = PipelineConfig("prices", "regression", "price", numeric=("area",))
    assert (columns(SHOP, "feedback")["label"], columns(prices, "feedback")["label"]) == ("text", "number")
    assert (columns(SHOP, "batch")["prediction"], columns(prices, "batch")["prediction"]) == ("text", "number")
    assert "correct" not in columns(prices, "feedback")
    assert columns(SHOP, "batch")["probability_yes"] == "number"


def test_features_are_columns_as_the_log_has_them() -> None:
    names = ("Amount", "card", "secret", "wind speed", "AMOUNT")
    policy = ServingPolicy(log_drop=("secret",), log_hash=("card",))
    config = PipelineConfig("shop", "binary", "late", numeric=names, serving=policy)
    found = {column.name: column.kind for column in feature_columns(config)}
    assert found == {"feature_amount": "number", "feature_card": "text"}


def test_a_run_is_one_line_below_the_month_in_which_it_started() -> None:
    record = {"pipeline": "shop", "run_id": "r1", "started_at": "2026-02-01T00:30:00+01:00", "verdict": "promoted"}
    assert run_row_key(record) == "tables/runs/shop/month=2026-01/r1.json"
    line = run_row_line(record)
    assert line.count(b"\n") == 1
    assert json.loads(line)["started_at"] == "2026-01-31 23:30:00.000"


def test_the_list_of_a_batch_job_names_its_files_and_nothing_else() -> None:
    keys = ["batch/shop/out/j/part-00000.parquet", "batch/shop/out/j/part-00001.parquet"]
    assert listed_keys(batch_list("data", keys), "data") == keys
    manifest = {"finished_at": "2026-11-30T10:00:00+00:00"}
    assert batch_list_key("shop", manifest, "j") == "tables/batch/shop/month=2026-11/j.txt"


def test_a_saved_query_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(NotFoundError, match="there are quality-by-day-and-version, who-disagreed"):
        saved_query(SHOP, "accuracy")
