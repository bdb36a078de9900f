"""Serving is asked the champion's golden requests, and the doctor tells where it answers otherwise than training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contender.doctor.rehearsal import rehearsal_fault
from contender.registry.pointer import pointer_key
from contender.registry.versions import ModelRegistry
from contender.rollout.golden_requests import GOLDEN
from contender.rollout.rehearsal import ServingError
from tests.fakes import MemoryObjects
from tests.models import crown

REQUESTS = [{"rows": [{"x": 1.0}]}, {"rows": [{"x": 2.0}]}]
TRAINED = [[10.0], [20.0]]


@pytest.fixture
def registry() -> ModelRegistry:
    """A pipeline whose champion predicts ten times what it is asked."""
    made = ModelRegistry(MemoryObjects(), "shop")
    golden = json.dumps({"requests": REQUESTS, "predictions": TRAINED}).encode()
    manifest = {"version": "v1", "pipeline": "shop", "task": "regression", "classes": None, "positive": None}
    crown(made.objects, made.write(manifest, {GOLDEN: golden}))
    return made


def serving(times: float, version: str = "v1") -> Any:
    """A serving function whose predictions are so many times what it is asked."""

    def ask(question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = question["rehearse"]
        assert asked["version"] == "v1"
        predictions = [[{"prediction": times * row["x"]} for row in one["rows"]] for one in asked["requests"]]
        return {"answers": [{"model_version": version, "predictions": each} for each in predictions]}

    return ask


def test_serving_that_answers_as_training_did_has_no_fault(registry: ModelRegistry) -> None:
    assert rehearsal_fault(registry, serving(10.0)) == ""


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (serving(11.0), "v1 does not answer its golden requests as training did: 2 of 2 rows differ from training"),
        (serving(10.0, "v0"), "the answers come from 'v0', not from v1"),
        (lambda _question: {"answers": []}, "as training did"),
    ],
)
def test_serving_that_answers_otherwise_is_told(registry: ModelRegistry, ask: Any, said: str) -> None:
    assert said in rehearsal_fault(registry, ask)


def test_serving_that_fails_is_told(registry: ModelRegistry) -> None:
    def broken(_question: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ServingError("the serving function failed: out of memory")

    assert rehearsal_fault(registry, broken) == (
        "v1 does not answer its golden requests: the serving function failed: out of memory"
    )


@pytest.mark.parametrize("key", [pointer_key("shop"), f"models/shop/v1/{GOLDEN}"])
@pytest.mark.parametrize("body", [b"garbage", b""])
def test_what_is_lost_or_damaged_is_a_finding_of_its_own(registry: ModelRegistry, key: str, body: bytes) -> None:
    assert isinstance(registry.objects, MemoryObjects)
    if body:
        registry.objects.put(key, body)
    else:
        registry.objects.erase(key)
    assert rehearsal_fault(registry, serving(0.0)) == ""
