"""What labels say: of files as they are logged, once for all windows, and never twice for the same start."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contender.adapters.files.feedback_files import FEEDBACK_FORMAT, read_feedback
from contender.errors import InvalidInputError
from contender.live.starts import Start
from contender.pipeline.config import PipelineConfig
from contender.pipeline.live_policy import LivePolicy
from contender.registry.versions import ModelRegistry
from contender.steps.judge_labels import LabelJudge
from contender.steps.measure_performance import PerformanceMeter
from tests.fakes import MemoryObjects

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CONFIG = PipelineConfig(
    name="shop",
    task="binary",
    target="late",
    numeric=("amount",),
    categorical=("carrier",),
    slices=("carrier",),
    live=LivePolicy(learn_from_feedback=True, max_caller_share=1.0, min_labels=500),
)
MANIFEST: dict[str, Any] = {
    "version": "v1",
    "task": "binary",
    "classes": ["no", "yes"],
    "positive": "yes",
    "overfit": {"auc": {"holdout": [0.83, 0.82, 0.84]}},
    "holdout": {"rows": 14_000, "blocks": list(range(7))},
}


def models() -> ModelRegistry:
    registry = ModelRegistry(MemoryObjects(), "shop")
    registry.write(MANIFEST, {})
    return registry


def log(data: MemoryObjects, day: int, *, turned: bool = False, labelled: int = 200, rows: int = 200) -> None:
    """The predictions of a day of March, and a file with the labels of the first of them, an hour later."""
    rng = np.random.default_rng(day)
    probability = rng.random(rows)
    label = (rng.random(rows) < probability) != turned
    at = datetime(2026, 3, day, 12, tzinfo=UTC)
    moments = pa.timestamp("ms", tz="UTC")
    columns: dict[str, Any] = {
        "prediction_id": [f"{day}-{row}" for row in range(rows)],
        "at": pa.array([at] * rows, moments),
        "version": ["v1"] * rows,
        "variant": ["champion"] * rows,
        "prediction": ["yes" if each > 0.5 else "no" for each in probability],
        "probability": probability,
        "feature_amount": probability,
        "feature_carrier": ["UA"] * rows,
    }
    truth = {
        "label": ["yes" if each else "no" for each in label],
        "received_at": pa.array([at + timedelta(hours=1)] * rows, moments),
        "loss": [0.5] * rows,
        "caller": ["one"] * rows,
    }
    for folder, found in (("predictions", pa.table(columns)), ("feedback", pa.table(columns | truth)[:labelled])):
        sink = io.BytesIO()
        pq.write_table(found, sink)
        data.put(f"{folder}/shop/dt=2026-03-{day:02d}/v1-{day:020x}.parquet", sink.getvalue())


def judge(data: MemoryObjects, starts: Sequence[Start] = ()) -> LabelJudge:
    def fetch(keys: Sequence[str]) -> Any:
        return (data.get(key).body for key in keys)

    return LabelJudge(CONFIG, data, models(), fetch, FEEDBACK_FORMAT, NOW, starts)


def test_a_fall_and_enough_new_labels_are_evidence_of_the_window() -> None:
    data = MemoryObjects()
    for day in range(1, 9):
        log(data, day, turned=day > 6)
    found = judge(data).evidence("v1", "2026-03-08")
    assert [(one.trigger, one.window) for one in found] == [
        ("performance-alarm", "2026-03-08"),
        ("fresh-labels", "2026-03-08"),
    ]
    assert found[1].figures["rows"] == 1_600.0


def test_what_a_run_was_started_for_is_no_evidence_for_the_next_one() -> None:
    data = MemoryObjects()
    for day in range(1, 9):
        log(data, day, turned=day in (5, 6))
    started = Start("performance-alarm", "2026-03-06", "v1", "2026-03-07T01:00:00+00:00")
    before, after = judge(data).evidence("v1", "w"), judge(data, [started]).evidence("v1", "w")
    assert [one.trigger for one in before] == ["performance-alarm", "fresh-labels"]
    assert [one.trigger for one in after] == ["fresh-labels"]


def test_without_labels_there_is_nothing_to_say() -> None:
    found = judge(MemoryObjects())
    assert (found.report(), found.evidence("v1", "w")) == (None, [])


def test_the_metric_of_days_is_measured_with_the_share_of_labels() -> None:
    data = MemoryObjects()
    for day in range(1, 5):
        log(data, day, labelled=100)
    meter = PerformanceMeter(data, CONFIG, models(), read_feedback)
    found = meter.measure(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, 23, tzinfo=UTC))
    assert found.coverage is not None
    assert (found.coverage.predictions, found.coverage.labels) == (800, 400)
    assert {one.part for one in found.figures} == {"all", "carrier=UA"}
    assert found.versions[0].holdout is not None
    assert found.to_dict()["coverage"]["delay_days"] == [pytest.approx(1 / 24), pytest.approx(1 / 24)]


def test_a_damaged_file_of_labels_is_named_where_a_person_asks_and_left_out_where_windows_are_judged() -> None:
    data = MemoryObjects()
    for day in range(1, 5):
        log(data, day)
    whole = judge(data).report()
    damaged = "feedback/shop/dt=2026-03-02/v1-damaged.parquet"
    data.put(damaged, b"PAR1")
    assert judge(data).report() == whole
    meter = PerformanceMeter(data, CONFIG, models(), read_feedback)
    with pytest.raises(InvalidInputError, match=rf"{damaged} cannot be read: 4 bytes are no file of feedback"):
        meter.measure(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, 23, tzinfo=UTC))
