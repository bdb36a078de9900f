"""EvaluateChallenger on ports: who is compared with whom on which rows, and what is written down."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.data.dataset_fate import DatasetFate, Fate
from contender.data.datasets import DatasetStore
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


@pytest.mark.parametrize(("fate", "rows"), [("kept", 10 * ROWS_A_DAY), ("set aside", 5 * ROWS_A_DAY)])
def test_nobody_is_judged_on_a_batch_that_is_set_aside(world: LoopWorld, fate: Fate, rows: int) -> None:
    newer = world.add_dataset_of_days(range(40, 45))
    DatasetStore(world.data, "shop").decide(newer, DatasetFate(fate, "loss", "out of line", "run-3", "", ""))
    evaluate(world)

    assert world.folder("run-2").read(COMPARISON)["rows"] == rows


def refitted(off: float, judged_off: float | None, *, champion: tuple[float, float | None], days: range) -> LoopWorld:
    """A challenger with these days in addition to the champion's thirty. Both are off by this and that: what serves,
    and what was judged before a refit, where there was one."""
    world = LoopWorld()
    first = world.add_dataset_of_days(range(30))
    world.crown(world.add_model("v1", [first], off=champion[0], judged_off=champion[1]))
    datasets = [first, *([world.add_dataset_of_days(days)] if days else [])]
    world.add_model("v2", datasets, off=off, judged_off=judged_off, run_id="run-2")
    world.folder("run-2").write(TRAINING, TRAINED)
    return world


def test_a_challenger_is_judged_by_its_judged_model_and_the_champion_by_the_one_that_serves() -> None:
    world = refitted(90.0, 0.0, champion=(5.0, 70.0), days=range(30, 40))
    assert evaluate(world).verdict == "wins"
    report = world.folder("run-2").read(COMPARISON)
    assert report["rows"] == 5 * ROWS_A_DAY
    assert report["challenger"] < 1.0
    assert report["champion"] == pytest.approx(5.0, abs=1.0)
    assert report["refit_agrees"]["status"] == "passed"


@pytest.mark.parametrize(("days", "rows"), [(range(0), 5 * ROWS_A_DAY), (range(30, 32), 5 * ROWS_A_DAY)])
def test_a_champion_that_serves_newer_rows_than_the_challenger_was_judged_without_is_judged_without_them_too(
    days: range, rows: int
) -> None:
    """After a retrain on the same rows, or a batch that is shorter than the holdout."""
    world = refitted(90.0, 0.0, champion=(0.0, 5.0), days=days)
    assert evaluate(world).verdict == "wins"
    report = world.folder("run-2").read(COMPARISON)
    assert report["rows"] == rows
    assert report["challenger"] < 1.0
    assert report["champion"] == pytest.approx(5.0, abs=1.0)


def test_a_version_from_before_there_was_a_refit_is_judged_by_the_model_that_serves() -> None:
    world = refitted(0.0, None, champion=(5.0, None), days=range(30, 40))
    assert evaluate(world).verdict == "wins"
    report = world.folder("run-2").read(COMPARISON)
    assert report["challenger"] < 1.0
    assert report["champion"] == pytest.approx(5.0, abs=1.0)
    assert report["refit_agrees"]["status"] == "not judged"


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
