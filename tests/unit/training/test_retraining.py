"""Why a model is trained although nothing has drifted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.training.retraining import grown, why_requested
from contender.training.settings import settings_of
from contender.workflow.messages import Trigger

CONFIG = parse_pipeline('name = "a"\ntask = "regression"\ntarget = "y"\nnumeric = ["x"]')
NEWEST = {"code": {"sha": "c0de"}, "settings": settings_of(CONFIG), "datasets": []}


def growing(times: float) -> PipelineConfig:
    config: PipelineConfig = replace(CONFIG, training=replace(CONFIG.training, retrain_growth=times))
    return config


@pytest.mark.parametrize(
    ("times", "rows", "before", "due"),
    [(10.0, 99, 10, False), (10.0, 100, 10, True), (2.5, 25, 10, True), (0.0, 10**9, 1, False), (10.0, 5, 0, True)],
)
def test_a_model_is_due_when_there_is_so_much_more_data(times: float, rows: int, before: int, due: bool) -> None:
    assert bool(grown(growing(times), rows=rows, rows_before=before)) is due


def test_how_many_times_as_much_data_is_said_in_plain_figures() -> None:
    assert "1.7 times as many as the newest model had (10)" in grown(growing(1.5), rows=17, rows_before=10)
    assert "1,234 times as many as the newest model had (10)" in grown(growing(1.5), rows=12_340, rows_before=10)


@pytest.mark.parametrize("trigger", ["manual", "alarm", "code-change"])
def test_who_asks_for_a_model_is_a_reason_of_its_own(trigger: Trigger) -> None:
    assert why_requested(trigger, CONFIG, NEWEST, code="c0de") == f"A new model was requested ({trigger})."


@pytest.mark.parametrize(
    ("trigger", "code", "newest", "wanted"),
    [
        ("schedule", "c0de", NEWEST, False),
        ("schedule", "other", NEWEST, True),
        ("schedule", "c0de", NEWEST | {"settings": NEWEST["settings"] | {"target": "z"}}, True),
        ("schedule", "other", {"code": {"sha": "c0de"}}, False),  # a version that did not keep its settings
        ("upload", "other", NEWEST, False),
    ],
)
def test_a_schedule_finds_that_the_training_was_changed(trigger: Trigger, code: str, newest: Any, wanted: bool) -> None:
    assert bool(why_requested(trigger, CONFIG, newest, code=code)) is wanted
