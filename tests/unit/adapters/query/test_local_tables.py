"""Queries on files as the functions of the log write them, with the values that they must give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contender.adapters.files.prediction_files import feedback_parquet, predictions_parquet
from contender.adapters.query.local_tables import OF_RECORDS, LocalTables, Rows, named_tables
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id, parse_prediction_id
from contender.predictions.label_join import Given, join
from contender.predictions.live_metrics import Outputs
from contender.predictions.record import Record, Shadow, log_record
from contender.query.batch_lists import batch_list
from contender.query.run_rows import run_row_key, run_row_line
from contender.query.saved_queries import saved_queries, saved_query
from contender.query.tables import tables_of
from tests.fakes import MemoryObjects

DAY = 86_400.0
AT = 1_767_225_600.0
"""The first second of 2026."""
POLICY = ServingPolicy(log_fraction=0.5)
SHOP = PipelineConfig(
    "shop", "binary", "late", positive="yes", numeric=("amount",), categorical=("Carrier",), serving=POLICY
)
FEATURES = [{"name": "amount", "kind": "numeric"}, {"name": "Carrier", "kind": "categorical"}]
MANIFEST = {"task": "binary", "classes": ["no", "yes"], "positive": "yes", "features": FEATURES}
RUN = {"run_id": "r1", "pipeline": "shop", "trigger": "upload", "verdict": "promoted", "drifted": True, "usd": 0.5}


def record(number: int, yes: float, *, day: int = 0, version: str = "v1", shadow: float | None = None) -> Record:
    at = AT + day * DAY
    return log_record(
        pipeline="shop",
        request_id=new_request_id(int(at * 1000), number.to_bytes(10, "big")),
        at=at,
        source="sync",
        variant="champion",
        version=version,
        latency_ms=2.0 + number,
        rows=[{"amount": 10 * number, "Carrier": "A"}],
        predictions=[[1 - yes, yes]],
        shadow=None if shadow is None else Shadow("v2", [[1 - shadow, shadow]], 1.0),
    )


def labelled(one: Record, label: str, *, hours: float) -> Any:
    name = f"{one.request_id}-0"
    given = Given(name, label, one.at + hours * 3_600, 0)
    joined = join(given, parse_prediction_id(name), one, None, Outputs.of(MANIFEST), Outputs.of(MANIFEST))
    assert joined is not None
    return joined


@pytest.fixture(scope="module")
def log() -> MemoryObjects:
    """Two days: on the first 0.8 and 0.4 for yes, both yes; on the second, by v2, 0.7, at first no and then yes.

    The first file is there twice under different names, as when a function was interrupted.
    """
    objects = MemoryObjects()
    first, second, third = record(0, 0.8, shadow=0.3), record(1, 0.4, shadow=0.2), record(2, 0.7, day=1, version="v2")
    body = predictions_parquet([first, second], MANIFEST, POLICY)
    for name in ("v1-a", "v1-b"):
        objects.put(f"predictions/shop/dt=2026-01-01/{name}.parquet", body)
    objects.put("predictions/shop/dt=2026-01-02/v2-a.parquet", predictions_parquet([third], MANIFEST, POLICY))
    truth = [labelled(first, "yes", hours=2), labelled(second, "yes", hours=4), labelled(third, "no", hours=1)]
    objects.put("feedback/shop/dt=2026-01-02/v1-a.parquet", feedback_parquet(truth, MANIFEST, POLICY))
    later = feedback_parquet([labelled(third, "yes", hours=24)], MANIFEST, POLICY)
    objects.put("feedback/shop/dt=2026-01-03/v2-a.parquet", later)
    objects.put("feedback/shop/unknown/dt=2026-01-03/x.jsonl", b"{}\n")
    keys = [f"batch/shop/out/june-1/part-0000{number}.parquet" for number in range(2)]
    for key in keys:
        rows = pa.table({"row": [1, 2], "prediction": ["yes", "no"], "model_version": ["v1", "v1"]})
        pq.write_table(rows, sink := pa.BufferOutputStream())
        objects.put(key, sink.getvalue().to_pybytes())
    objects.put("batch/shop/out/june-1/manifest.json", b"{}")
    objects.put("tables/batch/shop/month=2026-01/june-1.txt", batch_list("data", keys))
    return objects


def runs() -> Sequence[dict[str, Any]]:
    started = ("2026-01-31T23:59:59+00:00", "2026-02-01T00:00:00+00:00")
    return [{**RUN, "run_id": f"r{number}", "started_at": at, "seconds": 1_800.0} for number, at in enumerate(started)]


def asked(log: MemoryObjects, folder: Path, text: str, *, config: PipelineConfig = SHOP, since: str = "") -> Rows:
    tables = LocalTables(log, "data", folder, report=lambda _: None)
    for table in named_tables(text, tables_of(config)):
        if table.name in OF_RECORDS:
            tables.add_records(table, runs())
        else:
            tables.add(table, since=since)
    return tables.query(text)


def saved(log: MemoryObjects, folder: Path, name: str) -> list[dict[str, Any]]:
    found = asked(log, folder, saved_query(SHOP, name).sql)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_accuracy_by_day_and_version_counts_the_newest_label_of_each_prediction(
    log: MemoryObjects, tmp_path: Path
) -> None:
    first, second = saved(log, tmp_path, "quality-by-day-and-version")
    assert (first["day"], first["version"], first["labels"], first["accuracy"]) == (date(2026, 1, 1), "v1", 2, 0.5)
    assert first["mean_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)
    assert (second["day"], second["version"], second["labels"], second["accuracy"]) == (date(2026, 1, 2), "v2", 1, 1.0)


def test_who_disagreed_is_the_row_for_which_the_other_model_predicts_another_class(
    log: MemoryObjects, tmp_path: Path
) -> None:
    (only,) = saved(log, tmp_path, "who-disagreed")
    assert (only["prediction"], only["shadow_prediction"], only["shadow_version"]) == ("yes", "no", "v2")
    assert (only["at"], only["probability"]) == (datetime(2026, 1, 1), 0.8)


def test_predictions_by_day_count_a_repeated_row_once_and_stand_for_those_that_sampling_left_out(
    log: MemoryObjects, tmp_path: Path
) -> None:
    found = saved(log, tmp_path, "predictions-by-day")
    assert [(row["version"], row["prediction"], row["stored"], row["estimated"]) for row in found] == [
        ("v1", "no", 1, 2.0),
        ("v1", "yes", 1, 2.0),
        ("v2", "yes", 1, 2.0),
    ]
    assert [row["longest_ms"] for row in found] == [3.0, 2.0, 4.0]


def test_label_delay_is_from_the_answer_to_the_first_label(log: MemoryObjects, tmp_path: Path) -> None:
    found = saved(log, tmp_path, "label-delay")
    assert [(row["predictions"], row["labelled"], row["share"], row["mean_hours"]) for row in found] == [
        (2, 2, 1.0, 3.0),
        (1, 1, 1.0, 1.0),
    ]


def test_runs_and_batch_predictions_are_counted_by_month(log: MemoryObjects, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    found = saved(log, tmp_path / "runs", "runs-by-month")
    assert [(row["month"], row["runs"], row["drifted"], row["hours"], row["usd"]) for row in found] == [
        ("2026-01", 1, 1, 0.5, 0.5),
        ("2026-02", 1, 1, 0.5, 0.5),
    ]
    (tmp_path / "batch").mkdir()
    assert saved(log, tmp_path / "batch", "batch-by-version") == [
        {"month": "2026-01", "model_version": "v1", "predicted": 4}
    ]


def test_every_saved_query_of_every_task_runs_without_any_file(tmp_path: Path) -> None:
    for task, positive in (("binary", "yes"), ("multiclass", ""), ("regression", "")):
        config = PipelineConfig("shop", task, "late", positive=positive, numeric=("amount",))
        folder = tmp_path / task
        folder.mkdir()
        tables = LocalTables(MemoryObjects(), "data", folder, report=lambda _: None)
        for table in tables_of(config):
            if table.name in OF_RECORDS:
                tables.add_records(table, [])
            else:
                tables.add(table)
        assert all(tables.query(query.sql).rows == [] for query in saved_queries(config))


def test_a_column_that_older_files_lack_or_have_as_another_type_is_as_the_pipeline_file_says(
    log: MemoryObjects, tmp_path: Path
) -> None:
    config = PipelineConfig("shop", "binary", "late", positive="yes", numeric=("Carrier", "new"))
    text = "SELECT feature_carrier, feature_new, dt FROM predictions WHERE dt = '2026-01-02'"
    assert asked(log, tmp_path, text, config=config).rows == [(None, None, "2026-01-02")]


def test_only_days_from_the_first_one_asked_for_are_fetched(log: MemoryObjects, tmp_path: Path) -> None:
    text = "SELECT count(*) FROM predictions"
    assert asked(log, tmp_path, text, since="2026-01-02").rows == [(1,)]
    assert not list(tmp_path.rglob("dt=2026-01-01"))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT nothing FROM predictions",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/contender-sql-test.csv'",
        "INSTALL httpfs",
        "SELEKT 1",
    ],
)
def test_a_query_that_is_wrong_or_reaches_for_other_files_is_refused(
    log: MemoryObjects, tmp_path: Path, text: str
) -> None:
    with pytest.raises(InvalidInputError, match="the query cannot be run: "):
        asked(log, tmp_path, text)


def test_the_line_that_record_writes_has_the_row_that_the_laptop_makes(tmp_path: Path) -> None:
    (run, _) = runs()
    path = tmp_path / "runs" / run_row_key(run).removeprefix("tables/runs/shop/")
    path.parent.mkdir(parents=True)
    path.write_bytes(run_row_line(run))
    tables = LocalTables(MemoryObjects(), "data", tmp_path, report=lambda _: None)
    (table,) = [table for table in tables_of(SHOP) if table.name == "runs"]
    tables.add_records(table, [run])
    written = f"SELECT * FROM read_json('{path}', hive_partitioning = false)"
    names = ", ".join(column.name for column in table.columns if column.kind == "text")
    (made,) = tables.query(f"SELECT started_at, usd, {names} FROM runs").rows
    (kept,) = tables.query(f"SELECT CAST(started_at AS TIMESTAMP), usd, {names} FROM ({written})").rows
    assert made == kept
