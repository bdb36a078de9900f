"""DetectDrift sets a dataset version aside that looks broken, and the next run decides about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contender.data.dataset_fate import DatasetFate
from contender.data.datasets import DatasetStore
from contender.steps.scoring_run import ScoringRun
from contender.training.window import without
from contender.workflow.messages import Drift
from contender.workflow.run_folder import DRIFT
from tests.unit.steps.loop_world import LoopWorld, orders
from tests.unit.steps.test_detect_drift import detect, uploaded
from tests.unit.steps.test_when_to_train import BATCH_DAYS, arrive, shop_of_ten_batches


@pytest.fixture
def world() -> LoopWorld:
    return shop_of_ten_batches()


def arrive_again(world: LoopWorld, old: int, *, first_day: int, run_id: str) -> Drift:
    """An old file, as if it were of these days."""
    old_rows, new = orders(range(old, old + BATCH_DAYS)), orders(range(first_day, first_day + BATCH_DAYS))
    new.columns.update({name: old_rows[name] for name in ("amount", "paid")})
    return detect(world, run_id, **uploaded(world.add_dataset(new, run_id=run_id)))


def fates(world: LoopWorld) -> dict[str, tuple[str, str]]:
    found = DatasetStore(world.data, "shop").fates()
    return {str(int(version)): (each.fate, each.sign) for version, each in found.items()}


def usable(world: LoopWorld, run_id: str) -> list[int]:
    """The numbers of the dataset versions that this run would train and judge on."""
    run = ScoringRun(world.data, world.models, "shop", run_id, world.load_model, world.read_rows)
    return [found.sequence for found in without(run.datasets.manifests(), run.left_out())]


def batches(world: LoopWorld, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.folder(run_id).read(DRIFT)["batches"]
    return found


def test_an_old_file_again_starts_no_training_and_the_next_one_leaves_it_out(world: LoopWorld) -> None:
    assert not arrive(world, 60, run_id="calm").retrain
    again = arrive_again(world, 12, first_day=66, run_id="again")  # the second batch: a training would be due

    assert (again.retrain, again.set_aside) == (False, ("0000000000000012",))
    assert again.reason.startswith(
        "orders.csv looks broken and is not trained on until the next batch has arrived: "
        "100 % of its rows were in orders.csv already."
    )
    assert fates(world) == {"12": ("set aside", "repeated")}
    assert usable(world, "again") == list(range(1, 12))
    assert list(batches(world, "again")["left_out"]) == ["0000000000000012"]

    following = arrive(world, 72, run_id="following")

    assert (following.retrain, following.set_aside) == (True, ())
    assert following.reason.startswith("orders.csv is left out of training: 100 % of its rows were in orders.csv")
    assert fates(world) == {"12": ("left out", "repeated")}
    assert usable(world, "following") == [*range(1, 12), 13]
    assert batches(world, "following")["decided"]["0000000000000012"]["fate"] == "left out"


def test_a_run_that_is_repeated_decides_the_same(world: LoopWorld) -> None:
    arrive(world, 60, run_id="calm")
    arrive_again(world, 12, first_day=66, run_id="again")
    version = world.add_dataset(orders(range(72, 78)), run_id="following")
    first, second = (detect(world, "following", **uploaded(version)) for _ in range(2))

    assert first == second
    assert fates(world) == {"12": ("left out", "repeated")}


def test_the_signs_of_several_files_of_one_run_decide_about_each_other(world: LoopWorld) -> None:
    arrive(world, 60, run_id="calm")
    for day, times in ((66, 1000.0), (72, 1.0)):
        table = orders(range(day, day + BATCH_DAYS))
        table.columns["amount"] = table["amount"] * times
        world.add_dataset(table, run_id="two")
    drift = detect(world, "two", **uploaded("0000000000000012", "0000000000000013"))

    assert fates(world) == {"12": ("left out", "range")}
    assert drift.rows == 120  # the other file's
    assert drift.retrain


def test_a_change_of_unit_that_stays_is_a_change_of_the_data_and_is_trained_on(world: LoopWorld) -> None:
    arrive(world, 60, run_id="calm")
    found = []
    for day, run_id in ((66, "first"), (72, "second")):
        table = orders(range(day, day + BATCH_DAYS))
        table.columns["amount"] = table["amount"] * 1000.0
        found.append(detect(world, run_id, **uploaded(world.add_dataset(table, run_id=run_id))))

    assert [each.retrain for each in found] == [False, True]
    assert fates(world) == {"12": ("confirmed", "range")}
    assert found[1].reason.startswith("The data has changed, so orders.csv was not broken")
    kept = world.folder("second").read(DRIFT)["training"]
    assert (kept["unchanged_since"], kept["rows"]["known"]) == (12, 0)


def test_who_asks_for_a_model_gets_one_without_what_is_set_aside(world: LoopWorld) -> None:
    arrive(world, 60, run_id="calm")
    arrive_again(world, 12, first_day=66, run_id="again")
    asked = detect(world, "asked", trigger="manual")

    assert (asked.retrain, asked.rows) == (True, 120)
    assert usable(world, "asked") == list(range(1, 12))


def test_a_person_decides_otherwise_and_no_run_changes_that(world: LoopWorld) -> None:
    arrive(world, 60, run_id="calm")
    arrive_again(world, 12, first_day=66, run_id="again")
    store = DatasetStore(world.data, "shop")
    store.decide("0000000000000012", DatasetFate("kept", "", "they really came twice", "", "Ada", "2026-01-01"))
    store.decide("0000000000000011", DatasetFate("left out", "", "a strike", "", "Ada", "2026-01-01"))
    arrive(world, 72, run_id="following")

    assert fates(world) == {"11": ("left out", ""), "12": ("kept", "")}
    assert usable(world, "following") == [*range(1, 11), 12, 13]


def test_a_pipeline_may_train_on_whatever_comes(world: LoopWorld) -> None:
    world.training = 'suspect_batches = "train"'
    arrive(world, 60, run_id="calm")
    again = arrive_again(world, 12, first_day=66, run_id="again")

    assert (again.retrain, again.set_aside, fates(world)) == (True, (), {})


def test_the_champion_is_asked_about_each_row_once(world: LoopWorld) -> None:
    asked: list[int] = []
    load = world.load_model

    class Counting:
        def __init__(self, model: Any) -> None:
            self._model = model

        def predict(self, table: Any) -> np.ndarray[Any, Any]:
            asked.append(len(table))
            found: np.ndarray[Any, Any] = self._model.predict(table)
            return found

    world.load_model = lambda *args, **named: Counting(load(*args, **named))  # type: ignore[method-assign, assignment]
    arrive(world, 60, run_id="calm")

    assert asked == [120]


def test_rows_that_are_set_aside_are_no_evidence_of_drift_later(world: LoopWorld) -> None:
    table = orders(range(60, 66))
    table.columns["amount"] = table["amount"] + 1_000.0
    drifted = detect(world, "odd", **uploaded(world.add_dataset(table, run_id="odd")))

    assert drifted.drifted
    assert world.folder("odd").read(DRIFT)["since_order"] is None
    assert not arrive(world, 66, run_id="calm").drifted
