"""A version of another environment that a person enters as a challenger: judged on rows that it has not seen."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.versions import ModelVersion
from contender.rollout.promotion import next_move
from contender.steps.detect_drift import detect_drift
from contender.steps.evaluate_challenger import evaluate_challenger
from contender.training.new_rows import newest_sequence
from contender.workflow.messages import Comparison, Drift
from contender.workflow.run_folder import COMPARISON
from tests.unit.steps.loop_world import CODE, ROWS_A_DAY, LoopWorld, orders

ELSEWHERE = "feedfacefeedface"
ENTERED = {"trigger": "manual", "challenger": "v2", "by": "Ada", "reason": "promoted from dev"}
WHO = "v2 was entered as a challenger by Ada: promoted from dev."


@pytest.fixture
def world() -> LoopWorld:
    """A champion that is off by 5, trained on 30 days; 15 more have come since."""
    world = LoopWorld()
    world.crown(world.add_model("v1", [world.add_dataset_of_days(range(30))], off=5.0))
    world.add_dataset_of_days(range(30, 45))
    return world


def bring(world: LoopWorld, *, off: float) -> ModelVersion:
    """A version that was trained elsewhere, on data through day 35 that is not here; it held out the last five days."""
    other = LoopWorld()
    made = other.add_model("v2", [other.add_dataset(orders(range(36)))], off=off)
    files = {name: other.registry.file(made, name) for name in made.manifest["files"]}
    return world.registry.write({**made.manifest, "datasets": [ELSEWHERE]}, files)


def detect(world: LoopWorld, **sections: Any) -> Drift:
    return detect_drift(
        world.state("run-2", **ENTERED, **sections),
        world.data,
        world.models,
        training_code=CODE,
        load_model=world.load_model,
        read_rows=world.read_rows,
        emit=world.emit,
    )


def evaluate(world: LoopWorld) -> Comparison:
    ticks = count()
    return evaluate_challenger(
        world.state("run-2", **ENTERED, drift=detect(world).to_dict()),
        world.data,
        world.models,
        load_model=world.load_model,
        read_rows=world.read_rows,
        import_metric=lambda config: None,
        clock=lambda: next(ticks) / 1e6,
        emit=world.emit,
    )


def test_it_waits_to_be_judged_and_nothing_is_trained(world: LoopWorld) -> None:
    bring(world, off=0.0)
    assert detect(world) == Drift(retrain=False, drifted=False, reason=WHO, waiting="v2")


@pytest.mark.parametrize(("off", "verdict"), [(0.0, "wins"), (9.0, "loses")])
def test_it_is_judged_on_the_rows_here_that_are_newer_than_its_own(world: LoopWorld, off: float, verdict: str) -> None:
    bring(world, off=off)
    found = evaluate(world)
    assert (found.verdict, found.challenger, found.champion) == (verdict, "v2", "v1")
    assert found.reason.startswith(WHO)
    # It held out days 31 to 35, and days 36 to 44 are newer.
    assert world.folder("run-2").read(COMPARISON)["rows"] == 14 * ROWS_A_DAY


def test_once_it_serves_only_newer_rows_are_new(world: LoopWorld) -> None:
    model = bring(world, off=0.0)
    newer = world.add_dataset_of_days(range(45, 50))
    manifests = world_manifests(world)
    assert [found.version for found in manifests][-1] == newer
    through = model.manifest["trained_through"]
    known = [found.sequence for found in manifests if found.order_to <= through]
    assert newest_sequence(model.manifest, manifests) == max(known) == 1


def world_manifests(world: LoopWorld) -> Any:
    from contender.data.datasets import DatasetStore

    return DatasetStore(world.data, "shop").manifests()


@pytest.mark.parametrize(("again", "by"), [(True, "Ada"), (False, "")])
def test_only_one_that_is_asked_for_again_comes_back_after_a_rollback(world: LoopWorld, again: bool, by: str) -> None:
    bring(world, off=0.0)
    found = evaluate(world)
    state = replace(world.state("run-2", **ENTERED, again=again), comparison=found)
    move = next_move(state, found, RolloutPolicy())
    assert (move.by_person, move.approved_by) == (again, by)
