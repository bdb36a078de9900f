"""DetectDrift learns from how far its estimates of earlier batches were off, once these have labels."""

from __future__ import annotations

from typing import Any

from contender.workflow.run_folder import DRIFT
from tests.unit.steps.loop_world import LoopWorld
from tests.unit.steps.test_when_to_train import arrive
from tests.unit.steps.test_when_to_train import world as world  # noqa: PLC0414 - a fixture


def drift(world: LoopWorld, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.folder(run_id).read(DRIFT)
    return found


def width(found: dict[str, Any]) -> float:
    mae = found["estimated"]["metrics"]["mae"]
    return float(mae["high"] - mae["low"])


def test_a_regressions_error_is_estimated_and_compared_with_the_labels(world: LoopWorld) -> None:
    arrive(world, 60, run_id="run-a")
    found = drift(world, "run-a")
    assert found["estimated"]["metrics"]["mae"]["value"] > 0.0
    assert "mean absolute error" in found["estimated"]["reason"]
    assert found["realised"]["verdict"] == "as estimated"


def test_an_estimate_that_was_far_off_makes_the_next_interval_wider(world: LoopWorld) -> None:
    arrive(world, 60, run_id="run-a", paid=5.0)
    arrive(world, 66, run_id="run-b", paid=5.0)
    first, second = drift(world, "run-a"), drift(world, "run-b")
    assert first["realised"]["verdict"] == "worse than estimated"
    assert second["estimated"]["freedom"] == first["estimated"]["freedom"] + 1
    assert width(second) > 3.0 * width(first)


def test_a_run_without_a_comparison_is_passed_over(world: LoopWorld) -> None:
    arrive(world, 60, run_id="run-a")
    before = drift(world, "run-a")
    world.folder("run-a").write(DRIFT, {**before, "realised": None})
    arrive(world, 66, run_id="run-b")
    assert drift(world, "run-b")["estimated"]["freedom"] == before["estimated"]["freedom"]
