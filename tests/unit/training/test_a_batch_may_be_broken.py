"""A loss that is out of line on one batch starts no training: the next batch says whether the data has changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from contender.pipeline.training_policy import TrainingPolicy
from contender.training.staleness import ModelLosses
from contender.training.waiting_cost import RowsSince
from contender.training.worth_training import NewRows, WorthTraining, worth_training

CALM = [0.30, 0.31, 0.29, 0.30, 0.30]
LONG_AGO = 400
"""Rows since the newest training: more than the schedule waits for."""


def decided(now: float, earlier: Sequence[float], *, policy: TrainingPolicy | None = None) -> WorthTraining:
    losses = now + 0.001 * np.tile([-1.0, 1.0], 50)
    new = NewRows(
        rows=RowsSince(1600, LONG_AGO, 100.0, 100.0),
        trained_rows=1600,
        batches=4,
        unchanged_batches=len(earlier),
        models=[ModelLosses("v1", 0.1, losses)],
        blocks=np.repeat(np.array(["mon", "tue"], dtype=object), 50),
        earlier_losses=earlier,
        training_usd=0.005,
    )
    return worth_training(policy or TrainingPolicy(), new, loss_name="log loss")


def test_a_usual_batch_is_trained_on_when_the_schedule_says_so() -> None:
    found = decided(0.30, CALM)

    assert found.triggers == ("waiting",)
    assert not found.waits


@pytest.mark.parametrize("policy", [TrainingPolicy(), TrainingPolicy(retrain_growth=1.1, retrain_batches=1)])
def test_one_batch_out_of_line_starts_no_training_whatever_else_says_so(policy: TrainingPolicy) -> None:
    found = decided(0.60, CALM, policy=policy)

    assert found.waits
    assert not found.train
    assert not found.changed
    assert found.reason == (
        "The champion's log loss is 100 % higher than usual (0.6, median 0.3; a change counts from 0.375 on). This "
        "batch may be broken: the next one will show whether the data has changed, and until then nothing is trained."
    )


def test_a_second_batch_out_of_line_is_a_change_and_trains() -> None:
    found = decided(0.58, [*CALM, 0.60])

    assert found.changed_batches == 2
    assert "loss" in found.triggers
    assert not found.waits


@pytest.mark.parametrize("earlier", [[0.30], CALM[:4]])
def test_while_too_little_is_known_a_loss_above_all_others_trains_at_once(earlier: list[float]) -> None:
    found = decided(0.60, earlier)

    assert (found.changed_batches, found.triggers, found.waits) == (1, ("loss",), False)
    assert found.rows.known == 0
    assert found.reason.startswith("The champion's log loss is ")
    assert "higher than on any batch before (0.6, highest 0.3" in found.reason


def test_while_too_little_is_known_a_loss_of_the_usual_height_changes_nothing() -> None:
    found = decided(0.33, CALM[:3])

    assert (found.changed_batches, found.triggers) == (0, ("waiting",))


def test_whoever_does_not_watch_the_loss_is_not_hurried_either() -> None:
    assert decided(0.60, CALM[:2], policy=TrainingPolicy(retrain_loss_rise=0.0)).triggers == ("waiting",)


def test_a_batch_back_in_line_is_as_any_other() -> None:
    found = decided(0.30, [*CALM, 0.60])

    assert found.triggers == ("waiting",)
    assert not found.changed
    assert not found.waits


def test_whoever_does_not_watch_the_loss_does_not_wait() -> None:
    found = decided(0.60, CALM, policy=TrainingPolicy(retrain_loss_rise=0.0))

    assert found.triggers == ("waiting",)
    assert not found.waits


def test_after_a_change_a_high_loss_holds_nothing_up() -> None:
    """Three batches after it the loss may still be high: the models have few rows of the new kind."""
    losses = 0.60 + 0.001 * np.tile([-1.0, 1.0], 50)
    new = NewRows(
        rows=RowsSince(100, 200, 100.0, 100.0),
        trained_rows=1600,
        batches=2,
        unchanged_batches=3,
        models=[ModelLosses("v1", 0.1, losses)],
        blocks=np.repeat(np.array(["mon", "tue"], dtype=object), 50),
        earlier_losses=[*CALM, 0.60],
        training_usd=0.005,
    )

    assert worth_training(TrainingPolicy(), new, loss_name="log loss").train
