"""EvaluateChallenger on ports: who is compared with whom on which rows, and what is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from contender.comparison.judgements import Judgement, Judgements
from contender.data.dataset_fate import DatasetFate, Fate
from contender.data.datasets import DatasetStore
from contender.data.identity_file import identity_bytes
from contender.data.relatives import groups_of
from contender.data.row_identities import RowIdentities
from contender.errors import TrainingFailedError
from contender.registry.learned_groups import GROUPS, LearnedGroups
from contender.rollout.paired_losses import HoldoutSpread
from contender.steps.evaluate_challenger import evaluate_challenger
from contender.storage import sha256
from contender.table import Table
from contender.workflow.messages import Comparison
from contender.workflow.run_folder import COMPARISON, CURVES, TRAINING
from tests.unit.steps.loop_world import ROWS_A_DAY, LoopWorld, orders

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
    spread = HoldoutSpread.from_dict(report["paired_spread"])
    assert (spread.rows, spread.blocks) == (5 * ROWS_A_DAY, 5)
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


def three_champions(*, newest: float, challenger: float) -> LoopWorld:
    """A first champion that is right, its successor, and a challenger, which are off by so much."""
    world = LoopWorld()
    made = {"created_at": "2026-01-01T00:00:00+00:00"}
    first = world.add_dataset_of_days(range(30))
    world.crown(world.add_model("v1", [first], **made))
    second = world.add_dataset_of_days(range(30, 40))
    world.crown(world.add_model("v2", [first, second], off=newest, **made))
    third = world.add_dataset_of_days(range(40, 50))
    world.add_model("v3", [first, second, third], off=challenger, run_id="run-2", **made)
    world.folder("run-2").write(TRAINING, {"status": "trained", "model_version": "v3"})
    return world


def test_an_earlier_champion_that_is_shown_to_be_ahead_of_the_champion_takes_its_place_again() -> None:
    world = three_champions(newest=1.0, challenger=1.0)
    comparison = evaluate(world)
    assert (comparison.verdict, comparison.challenger, comparison.judged) == ("wins", "v1", "v3")
    assert comparison.challenger_manifest_sha256 == world.registry.read("v1").manifest_sha256
    assert "So v1 serves again." in comparison.reason
    assert (comparison.difference or 0.0) > 0.0
    (kept,) = Judgements(world.data, "shop").read()
    assert (kept.version, kept.verdict, kept.best_champion) == ("v3", "loses", "v1")
    assert {(each.version, each.other) for each in kept.evidence} == {("v3", "v2"), ("v3", "v1"), ("v2", "v1")}


def test_after_a_lost_race_the_challenger_is_judged_again_and_not_who_was_to_take_its_place() -> None:
    world = three_champions(newest=1.0, challenger=1.0)
    lost = {"status": "lost_race", "reason": "", "version": "v1"}
    again = evaluate(world, comparison=evaluate(world).to_dict(), promotion=lost)
    assert (again.challenger, again.judged) == ("v1", "v3")


def test_champions_are_compared_on_every_row_since_and_the_challenger_on_those_that_it_has_not_seen() -> None:
    world = three_champions(newest=0.1, challenger=0.0)
    evaluate(world)
    (kept,) = Judgements(world.data, "shop").read()
    days = {(each.version, each.other): each.blocks for each in kept.evidence}
    assert days == {("v2", "v1"): 15, ("v3", "v2"): 5, ("v3", "v1"): 5}


def test_a_repeated_step_does_not_count_its_rows_twice_and_a_later_run_only_newer_ones() -> None:
    world = three_champions(newest=0.1, challenger=0.0)
    evaluate(world)
    (first,) = Judgements(world.data, "shop").read()
    evaluate(world)
    assert Judgements(world.data, "shop").read() == (first,)
    world.add_dataset_of_days(range(50, 53))
    drift = {"retrain": False, "drifted": False, "reason": "", "waiting": "v3"}
    evaluate(world, "run-3", drift=drift)
    _, second = Judgements(world.data, "shop").read()
    assert {each.blocks for each in second.evidence} == {3}


@pytest.mark.parametrize(("later", "rows", "verdict"), [(10, 15 * ROWS_A_DAY, "loses"), (0, 5 * ROWS_A_DAY, "loses")])
def test_a_challenger_that_is_older_than_the_champion_is_judged_on_rows_that_are_newer_than_both(
    later: int, rows: int, verdict: str
) -> None:
    world = LoopWorld()
    first, second = world.add_dataset_of_days(range(30)), world.add_dataset_of_days(range(30, 40))
    world.add_model("v1", [first], off=5.0, run_id="run-2")
    world.crown(world.add_model("v2", [first, second]))
    if later:
        world.add_dataset_of_days(range(40, 40 + later))
    world.folder("run-2").write(TRAINING, {"status": "trained", "model_version": "v1"})
    comparison = evaluate(world)
    assert (comparison.verdict, comparison.challenger, comparison.champion) == (verdict, "v1", "v2")
    assert world.folder("run-2").read(COMPARISON)["rows"] == rows


def test_an_older_challenger_waits_where_the_champion_has_seen_every_row() -> None:
    world = LoopWorld()
    first, second = world.add_dataset_of_days(range(30)), world.add_dataset_of_days(range(30, 40))
    world.add_model("v1", [first], off=5.0, run_id="run-2")
    world.crown(world.add_model("v2", [first, second], trained_through=40.0 * ROWS_A_DAY))
    world.folder("run-2").write(TRAINING, {"status": "trained", "model_version": "v1"})
    comparison = evaluate(world)
    assert comparison.verdict == "inconclusive"
    assert comparison.reason.startswith("Not enough data")


def test_rows_that_arrive_late_with_an_old_time_are_judged_on_by_nobody(world: LoopWorld) -> None:
    world.add_dataset_of_days(range(10, 14))
    evaluate(world)
    assert world.folder("run-2").read(COMPARISON)["rows"] == 5 * ROWS_A_DAY


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


class GroupedWorld(LoopWorld):
    """A pipeline for new customers: customer c30 buys on day 30 alone, the regular on every day."""

    @property
    def pipeline_file(self) -> str:
        return 'group = "customer"\n' + super().pipeline_file

    def add_orders(self, days: range, regular: float) -> str:
        rows = orders(days)
        day = np.repeat(np.array(days), ROWS_A_DAY)
        often = np.arange(len(rows)) % ROWS_A_DAY < regular * ROWS_A_DAY
        customers = np.where(often, "regular", [f"c{number}" for number in day]).astype(object)
        return self.add_dataset(Table({**rows.columns, "customer": customers}))


def grouped(regular: float) -> GroupedWorld:
    world = GroupedWorld()
    first = world.add_orders(range(30), regular)
    second = world.add_orders(range(30, 40), regular)
    parts = list(world.tables.values())
    learned = groups_of(parts[0], "customer")
    groups = {GROUPS: LearnedGroups(learned, learned).to_bytes()}
    world.crown(world.add_model("v1", [first], off=5.0, files=groups))
    world.add_model("v2", [first, second], run_id="run-2", files=groups)
    world.folder("run-2").write(TRAINING, TRAINED)
    return world


def test_rows_of_a_group_that_a_model_learned_judge_nobody_and_the_comparison_counts_them() -> None:
    world = grouped(regular=0.25)
    comparison = evaluate(world)
    report = world.folder("run-2").read(COMPARISON)
    assert (comparison.verdict, report["rows"]) == ("wins", 5 * ROWS_A_DAY * 3 // 4)
    said = "25 of 100 rows left out: their customer is in the training rows."
    assert comparison.reason.endswith(said)
    assert report["left_out"] == {"of": 100, "known": 0, "related": 25, "group": "customer", "said": said}


def test_where_all_rows_are_of_known_groups_no_model_can_be_compared_and_the_remedy_is_told() -> None:
    comparison = evaluate(grouped(regular=1.0))
    assert comparison.verdict == "inconclusive"
    assert "That leaves 0, too few to compare models. Upload rows with new values of customer" in comparison.reason


def test_corrections_judge_nobody_and_the_comparison_counts_them(world: LoopWorld) -> None:
    """The newest rows correct ten of the champion's: it may have learned what they correct."""
    store = DatasetStore(world.data, "shop")
    for manifest in store.manifests():
        start = 0 if manifest.sequence == 1 else 590  # the second version begins with ids of the first
        ids = np.arange(start, start + manifest.rows, dtype=np.uint64)
        ids = ids[::-1] if start else ids
        body = identity_bytes(RowIdentities(ids, ids, ids))
        world.data.put(store.key(manifest.version, "rows.bin"), body)
        told = replace(
            manifest, identities="rows.bin", identities_sha256=sha256(body), corrected=10 if start else 0
        ).to_dict()
        world.data.put(store.key(manifest.version, "manifest.json"), json.dumps(told).encode())
    comparison = evaluate(world)
    assert world.folder("run-2").read(COMPARISON)["rows"] == 5 * ROWS_A_DAY - 10
    assert comparison.reason.endswith("10 of 100 rows left out: an earlier upload has them.")
