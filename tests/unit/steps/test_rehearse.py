"""Rehearse on ports: what is asked of the serving function, and what becomes of its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.golden_requests import GOLDEN
from contender.rollout.rehearsal import ServingError
from contender.steps.rehearse import Ask, rehearse_challenger
from contender.workflow.messages import Rehearsal
from contender.workflow.run_folder import REHEARSAL
from tests.unit.steps.loop_world import LoopWorld

REQUESTS = [{"rows": [{"amount": 1.0}]}, {"rows": [{"amount": 2.0}]}]
GOLDEN_FILE = json.dumps({"requests": REQUESTS, "predictions": [[1.0], [2.0]]}).encode()
ANSWERS = {
    "answers": [{"model_version": "v2", "predictions": [{"prediction": value}]} for value in (1.0, 2.0)],
    "load_ms": 40.0, "request_ms": [0.5, 0.7], "memory_mb": 120.0, "model_bytes": 4,
}  # fmt: skip


def rehearse(world: LoopWorld, ask: Ask, *, files: Mapping[str, bytes] | None = None, sha256: str = "") -> Rehearsal:
    facts = {"version": "v2", "task": "regression", "classes": None, "positive": None}
    version = world.registry.write(facts, {GOLDEN: GOLDEN_FILE} if files is None else files)
    comparison = {
        "verdict": "wins", "reason": "", "challenger": "v2",
        "challenger_manifest_sha256": sha256 or version.manifest_sha256,
    }  # fmt: skip
    return rehearse_challenger(
        world.state(comparison=comparison),
        world.data,
        world.models,
        ask=ask,
        policy=RolloutPolicy(),
        max_model_mib=200.0,
        emit=world.emit,
    )


def test_a_challenger_that_answers_as_in_training_passes_and_its_report_is_kept() -> None:
    world, asked = LoopWorld(), []

    def ask(question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(question)
        return ANSWERS

    rehearsal = rehearse(world, ask)
    assert (rehearsal.status, rehearsal.load_ms, rehearsal.p50_ms, rehearsal.memory_mib) == ("passed", 40.0, 0.6, 120.0)
    assert world.folder().read(REHEARSAL)["reason"] == rehearsal.reason
    assert world.emitted == {"RehearsalsFailed": 0}
    manifest_sha256 = world.registry.read("v2").manifest_sha256
    assert asked == [{"rehearse": {"version": "v2", "manifest_sha256": manifest_sha256, "requests": REQUESTS}}]


def test_a_function_without_a_usable_answer_is_a_failed_rehearsal() -> None:
    def broken(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ServingError("the serving function failed: boom")

    world = LoopWorld()
    rehearsal = rehearse(world, broken)
    assert (rehearsal.status, "boom" in rehearsal.reason) == ("failed", True)
    assert world.emitted == {"RehearsalsFailed": 1}


def nobody(_: Mapping[str, Any]) -> Mapping[str, Any]:
    raise AssertionError("nobody is to be asked")


def test_a_version_without_golden_requests_is_not_asked() -> None:
    rehearsal = rehearse(LoopWorld(), nobody, files={"model.onnx": b""})
    assert rehearsal.status == "failed"
    assert "contender retrain --pipeline shop" in rehearsal.reason


def test_a_version_that_was_changed_since_it_was_judged_is_not_asked() -> None:
    rehearsal = rehearse(LoopWorld(), nobody, sha256="another")
    assert (rehearsal.status, "was changed since" in rehearsal.reason) == ("failed", True)


def test_a_state_without_a_comparison_is_refused() -> None:
    world = LoopWorld()
    with pytest.raises(InvalidInputError, match="Rehearse needs the section comparison"):
        rehearse_challenger(
            world.state(), world.data, world.models, ask=nobody, policy=RolloutPolicy(), max_model_mib=1.0,
            emit=world.emit,
        )  # fmt: skip
