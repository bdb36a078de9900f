"""Why a model is trained whatever the data is like."""

from __future__ import annotations

from typing import Any

import pytest

from contender.pipeline.config import parse_pipeline
from contender.training.retraining import why_requested
from contender.training.settings import settings_of
from contender.workflow.messages import Trigger

CONFIG = parse_pipeline('name = "a"\ntask = "regression"\ntarget = "y"\nnumeric = ["x"]')
NEWEST = {"code": {"sha": "c0de"}, "settings": settings_of(CONFIG), "datasets": []}


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
