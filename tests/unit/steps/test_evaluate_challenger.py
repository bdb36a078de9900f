"""EvaluateChallenger on ports: who is compared with whom on which rows, and what is written down."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.errors import TrainingFailedError
from contender.steps.evaluate_challenger import evaluate_challenger
from contender.workflow.messages import Comparison
from contender.workflow.run_folder import COMPARISON, CURVES, TRAINING
from tests.unit.steps.loop_world import ROWS_A_DAY, LoopWorld

TRAINED = {"status": "trained", "model_version": "v2"}


def evaluate(world: LoopWorld, run_id: str = "run-2", **sections: Any) -> Comparison:
    ticks = count()
    return evaluate_challenger(
        world.state(run_id, **sections),
        world.data,
        world.models,
        load_model=world.load_model,
        read_rows=world.read_rows,
        import_metric=lambda config: None,
        clock=lambda: next(ticks) / 1e6,
        emit=world.emit,
    )


@pytest.fixture
def world() -> LoopWorld:
    """A champion that is off by 5, and a challenger of run 2 that is right, trained on ten days more."""
    world = LoopWorld()
    first = world.add_dataset_of_days(range(30))
    world.crown(world.add_model("v1", [first], off=5.0))
    world.add_model("v2", [first, world.add_dataset_of_days(range(30, 40))], run_id="run-2")
    world.folder("run-2").write(TRAINING, TRAINED)
    return world


def test_a_better_challenger_wins_on_the_rows_that_neither_has_seen(world: LoopWorld) -> None:
    comparison = evaluate(world)
    assert (comparison.verdict, comparison.challenger, comparison.champion) == ("wins", "v2", "v1")
    report = world.folder("run-2").read(COMPARISON)
    assert (report["rows"], report["challenger_version"]) == (5 * ROWS_A_DAY, "v2")
    assert world.folder("run-2").read(CURVES)["champion_version"] == "v1"
    (kept,) = Judgements(world.data, "shop").read()
    assert (kept.version, kept.run_id, kept.verdict, kept.rows) == ("v2", "run-2", "wins", 5 * ROWS_A_DAY)
    assert world.emitted["Improvement"] == comparison.difference


def test_rows_that_came_after_the_training_count_too(world: LoopWorld) -> None:
    world.add_dataset_of_days(range(40, 44))
    evaluate(world)
    assert world.folder("run-2").read(COMPARISON)["rows"] == 9 * ROWS_A_DAY


def test_a_challenger_that_waited_says_so(world: LoopWorld) -> None:
    Judgements(world.data, "shop").write(Judgement("v2", "run-2", "inconclusive", 60, 750.0))
    drift = {"retrain": False, "drifted": False, "reason": "", "waiting": "v2"}
    reason = evaluate(world, "run-3", drift=drift).reason
    assert reason.startswith("v2 waited for more rows and was judged again on 100 rows (last time 60).")


def test_a_version_that_is_the_champion_by_now_is_not_compared_with_itself(world: LoopWorld) -> None:
    world.folder("run-2").write(TRAINING, {"status": "trained", "model_version": "v1"})
    comparison = evaluate(world)
    assert (comparison.verdict, comparison.challenger, comparison.champion) == ("loses", "v1", "v1")
    assert Judgements(world.data, "shop").read() == ()


@pytest.mark.parametrize(
    ("training", "trouble"),
    [(None, "the training task left no result"), ({"status": "failed", "reason": "no memory"}, "no memory")],
)
def test_a_training_that_left_no_model_is_an_error(world: LoopWorld, training: Any, trouble: str) -> None:
    if training is not None:
        world.folder("run-9").write(TRAINING, training)
    with pytest.raises(TrainingFailedError, match=trouble):
        evaluate(world, "run-9")
