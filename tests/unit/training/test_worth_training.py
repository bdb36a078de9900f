"""Whether a training is worth its cost: each reason, what is said, and what bad input does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.pipeline.training_policy import TrainingPolicy
from contender.training.staleness import ModelLosses
from contender.training.waiting_cost import RowsSince
from contender.training.worth_training import NewRows, WorthTraining, worth_training

DAYS = np.repeat([f"2026-01-0{day}" for day in range(1, 8)], 20).astype(object)
CALM = [0.3] * 8
JUMPED = [*CALM, 0.52]
"""The batch before was out of line as well."""
OFF = {"retrain_wait": 0.0, "retrain_loss_rise": 0.0}


def champion(loss: float = 0.3, *, age: float = 0.1) -> ModelLosses:
    return ModelLosses("v2", age, loss + np.random.default_rng(0).normal(0.0, 0.01, len(DAYS)))


def decide(
    known: int = 1600, since: int = 100, *, policy: dict[str, Any] | None = None, **changes: Any
) -> WorthTraining:
    new = {
        "rows": RowsSince(known, since, 100.0, 140.0),
        "trained_rows": known,
        "batches": since // 100,
        "unchanged_batches": 16,
        "models": [champion()],
        "blocks": DAYS,
        "earlier_losses": CALM,
        "training_usd": 0.005,
    }
    return worth_training(TrainingPolicy(**(policy or {})), NewRows(**new | changes), loss_name="log loss")


def test_it_is_not_worth_it_before_its_time_and_both_costs_are_said() -> None:
    found = decide(1600, 200)
    assert (found.train, found.triggers) == (False, ())
    assert found.reason == (
        "Waiting costs about 0.0018 log loss a week, $0.0046 since the newest training; a training costs $0.0050."
    )


def test_it_is_when_waiting_has_cost_as_much() -> None:
    found = decide(1600, 300)
    assert found.triggers == ("waiting",)
    assert found.reason.startswith("Waiting costs more than a training. Waiting costs about 0.0017 log loss a week")


def test_a_price_of_the_users_own_replaces_the_schedule() -> None:
    assert not decide(1600, 300, policy={"error_price_usd": 1e-4}).train
    assert decide(1600, 100, policy={"error_price_usd": 1.0}).triggers == ("waiting",)


def test_a_loss_far_above_the_last_batches_is_a_change_after_which_the_rows_count_anew() -> None:
    found = decide(1600, 100, models=[champion(0.5)], earlier_losses=JUMPED)
    assert (found.changed, found.triggers, found.rows.known, found.waiting) == (True, ("loss",), 0, None)
    assert found.reason == (
        "The champion's log loss is 67 % higher than usual (0.5007, median 0.3; a change counts from 0.375 on). "
        "The cost of waiting is unknown: no model was trained since the data changed."
    )


def test_right_after_a_change_a_high_loss_is_no_further_one() -> None:
    jumped = {"models": [champion(0.5)], "earlier_losses": JUMPED}
    assert not decide(100, 0, unchanged_batches=3, **jumped).changed
    assert decide(100, 0, unchanged_batches=4, **jumped).changed


def test_without_rows_that_were_known_since_the_change_the_next_ones_are_worth_a_training() -> None:
    assert decide(0, 100, unchanged_batches=1).triggers == ("waiting",)
    assert decide(0, 100, unchanged_batches=1, policy={"error_price_usd": 1e-9}).triggers == ("waiting",)


@pytest.mark.parametrize(
    ("policy", "since", "trigger", "said"),
    [
        (
            {"retrain_growth": 2.0},
            1600,
            "growth",
            "There are 3,200 rows, 2 times as many as the newest model had (1,600).",
        ),
        ({"retrain_growth": 2.0}, 1599, "", "Waiting costs about"),
        ({"retrain_growth": 12.0}, 17_600, "growth", "There are 19,200 rows, 12 times as many"),
        ({"retrain_batches": 2}, 200, "age", "2 batches have arrived since the newest training; the limit is 2."),
        ({"retrain_batches": 2}, 100, "", "Waiting costs about"),
        ({"retrain_batches": 1}, 100, "age", "1 batch has arrived since the newest training; the limit is 1."),
        ({}, 10**6, "", "Waiting costs about"),
    ],
)
def test_growth_and_age_are_reasons_of_their_own(policy: dict[str, Any], since: int, trigger: str, said: str) -> None:
    found = decide(1600, since, policy=OFF | policy)
    assert found.triggers == ((trigger,) if trigger else ())
    assert found.reason.startswith(said)


def test_several_reasons_are_all_said() -> None:
    policy = {"retrain_growth": 2.0, "retrain_batches": 9}
    found = decide(1600, 1600, policy=policy, models=[champion(0.5)], earlier_losses=JUMPED)
    assert found.triggers == ("loss", "growth", "age")


def test_with_everything_off_nothing_is_worth_it_and_no_price_is_made_up() -> None:
    found = decide(1600, 10**6, policy=OFF, models=[champion(5.0)])
    assert not found.train
    assert found.waiting is not None
    assert found.waiting.price_usd is None
    assert "$" not in found.reason


def test_what_earlier_champions_show_changes_what_waiting_costs_and_not_the_schedule() -> None:
    random = np.random.default_rng(1)
    old = ModelLosses("v1", 1.1, champion().losses + 0.2 * 0.3 + random.normal(0.0, 0.001, len(DAYS)))
    alone, seen = decide(1600, 200), decide(1600, 200, models=[champion(), old])
    assert (seen.train, seen.aging.models, seen.aging.is_known) == (alone.train, 2, True)
    assert alone.waiting is not None
    assert seen.waiting is not None
    assert seen.waiting.excess > 2.0 * alone.waiting.excess
    assert seen.waiting.usd == pytest.approx(alone.waiting.usd)
    paid = {"error_price_usd": 0.01}
    assert decide(1600, 200, policy=paid, models=[champion(), old]).train
    assert not decide(1600, 200, policy=paid).train


@pytest.mark.parametrize("losses", [np.full(len(DAYS), np.nan), np.full(len(DAYS), np.inf)])
def test_a_champion_without_a_finite_loss_is_decided_by_the_schedule(losses: Any) -> None:
    broken = [ModelLosses("v2", 0.1, losses)]
    assert decide(1600, 300, models=broken).triggers == ("waiting",)
    found = decide(1600, 100, models=broken)
    assert not found.train
    assert found.reason == "The cost of waiting is unknown: the champion has no finite log loss on these rows."


def test_without_time_the_cost_is_that_of_a_batch() -> None:
    found = decide(rows=RowsSince(1600, 100, 100.0, None))
    assert found.reason.startswith("Waiting costs about 0.0014 log loss a batch")


def test_which_models_were_not_asked_is_kept() -> None:
    assert decide(not_asked={"v0": "it is not signed"}).to_dict()["not_asked"] == {"v0": "it is not signed"}


@given(
    known=st.integers(0, 10**6),
    since=st.integers(0, 10**6),
    loss=st.floats(0.0, 10.0),
    earlier=st.lists(st.floats(0.0, 10.0), max_size=9),
    price=st.sampled_from([0.0, 0.1]),
    rows=st.integers(0, 140),
)
def test_whatever_is_known_the_decision_is_json_and_has_a_reason(
    known: int, since: int, loss: float, earlier: list[float], price: float, rows: int
) -> None:
    model = ModelLosses("v2", 0.1, np.full(rows, loss))
    found = decide(
        known, since, policy={"error_price_usd": price}, models=[model], blocks=DAYS[:rows], earlier_losses=earlier
    )
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["train"] == bool(content["triggers"])
    assert content["reason"]
