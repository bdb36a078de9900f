"""DetectDrift's decision whether a training is worth its cost: what it asks, remembers and writes down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contender.drift.batch_check import reference_of
from contender.errors import IntegrityError
from contender.registry.candidate import Candidate
from contender.registry.versions import MODEL, REFERENCE
from contender.workflow.messages import Drift
from contender.workflow.run_folder import DRIFT
from tests.unit.steps.loop_world import FakeModel, LoopWorld, orders
from tests.unit.steps.test_detect_drift import detect, uploaded

FIRST_DAYS, BATCH_DAYS = 60, 6
TEN = [f"{number:016d}" for number in range(1, 11)]


@pytest.fixture
def world() -> LoopWorld:
    return shop_of_ten_batches()


def shop_of_ten_batches() -> LoopWorld:
    """A shop whose champion was trained on ten batches of six days, with the default reasons to train."""
    world = LoopWorld(training="")
    datasets = [
        world.add_dataset(orders(range(day, day + BATCH_DAYS)), run_id=f"run-{day}")
        for day in range(0, FIRST_DAYS, BATCH_DAYS)
    ]
    champion = add_champion(world, "v3", datasets)
    world.crown(champion)
    return world


def add_champion(world: LoopWorld, name: str, datasets: list[str], *, off: float = 0.0) -> Any:
    table = orders(range(30))
    held = np.arange(len(table)) >= len(table) // 2
    model = Candidate({"classes": None, "positive": None}, FakeModel(off).predict)
    reference = reference_of(world.config, table, held, model)
    return world.add_model(name, datasets, off=off, files={REFERENCE: reference.to_bytes()})


def arrive(world: LoopWorld, first_day: int, *, run_id: str, check: Any = None, paid: float = 0.0) -> Drift:
    table = orders(range(first_day, first_day + BATCH_DAYS))
    table.columns["paid"] = table["paid"] + paid
    version = world.add_dataset(table, run_id=run_id)
    return detect(world, run_id, check=check, **uploaded(version))


def training(world: LoopWorld, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.folder(run_id).read(DRIFT)["training"]
    return found


def test_it_waits_for_0_7_times_the_square_root_of_the_batches_before(world: LoopWorld) -> None:
    """Ten batches count as 6.7, whose root is 2.6: the second batch after the training is the one."""
    first = arrive(world, 60, run_id="run-a")
    assert (first.retrain, first.drifted) == (False, False)
    assert first.reason.startswith(first.training)
    assert first.training.startswith("Waiting costs about 0.00")
    second = arrive(world, 66, run_id="run-b")
    assert (second.retrain, second.drifted) == (True, False)
    assert second.training.startswith("Waiting costs more than a training. ")
    found = training(world, "run-b")
    assert (found["triggers"], found["batches"], found["rows"]["known"], found["rows"]["since"]) == (
        ["waiting"], 2, 1200, 240
    )  # fmt: skip
    assert world.emitted["WaitingCostUsd"] > world.emitted["TrainingCostUsd"] > 0.0


def test_a_challenger_that_lost_was_a_training_too(world: LoopWorld) -> None:
    arrive(world, 60, run_id="run-a")
    world.add_model("v4", [*TEN, "0000000000000011"])
    assert not arrive(world, 66, run_id="run-b").retrain
    assert training(world, "run-b")["batches"] == 1


def test_earlier_champions_are_asked_and_show_how_fast_models_age(world: LoopWorld) -> None:
    for name, batches in (("v1", 2), ("v2", 5)):
        world.crown(add_champion(world, name, TEN[:batches], off=3.0 - batches / 3))
    world.crown(add_champion(world, "v9", TEN))
    arrive(world, 60, run_id="run-a")
    found = training(world, "run-a")
    assert (found["aging"]["models"], found["aging"]["blocks"], found["not_asked"]) == (4, 6, {})
    assert found["aging"]["measured"] > 0.0


def test_one_that_is_damaged_unsigned_or_knows_the_rows_is_left_out_and_the_reason_is_kept(world: LoopWorld) -> None:
    everything = [*TEN, "0000000000000011"]
    for name, datasets in (("v1", TEN[:5]), ("v2", everything)):
        world.tables[b"part 10"] = world.tables.get(b"part 10", orders(range(60, 66)))
        world.crown(add_champion(world, name, datasets))
    del world.tables[b"part 10"]
    world.crown(add_champion(world, "v9", TEN))
    world.models.put("models/shop/v3/" + MODEL, b"0.5")

    def refuse(_reader: Any, model: Any) -> None:
        if model.version == "v1":
            raise IntegrityError("v1 is not signed")

    arrive(world, 60, run_id="run-a", check=refuse)
    why = training(world, "run-a")["not_asked"]
    assert sorted(why) == ["v1", "v2", "v3"]
    assert "sha256" in why["v3"]
    assert why["v1"] == "v1 is not signed"
    assert why["v2"] == "it was trained on some of these rows"


@pytest.mark.slow  # trains for each batch
def test_a_jump_of_the_loss_waits_and_if_the_next_batch_confirms_it_the_rows_count_anew(world: LoopWorld) -> None:
    for number, day in enumerate(range(60, 96, 6)):
        arrive(world, day, run_id=f"calm-{number}")
    assert training(world, "calm-5")["rise"]["usual"] == pytest.approx(0.8, abs=0.1)
    jumped = arrive(world, 96, run_id="jump", paid=5.0)
    assert (jumped.retrain, training(world, "jump")["waits"]) == (False, True)
    assert jumped.training.startswith("The champion's absolute error is 5")
    assert training(world, "jump")["unchanged_since"] == 0
    confirmed = arrive(world, 102, run_id="confirmed", paid=5.0)
    assert (confirmed.retrain, training(world, "confirmed")["triggers"][0]) == (True, "loss")
    assert training(world, "confirmed")["unchanged_since"] == 17
    arrive(world, 108, run_id="after", paid=5.0)
    after = training(world, "after")
    assert (after["changed"], after["unchanged_since"], after["rows"]["known"]) == (False, 17, 0)
