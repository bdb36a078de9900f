"""Arms decide when to train as DetectDrift does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contender.pipeline.drift_policy import DriftPolicy
from contender.pipeline.training_policy import TrainingPolicy
from contender.replay.moment import training_part
from contender.replay.report import Step
from tests.unit.replay.test_simulate import CALM, PROMOTION, Levels, config_of, past, run

NO_DRIFT = DriftPolicy(min_rows=10**6)
"""Every batch has too few rows for the drift check."""
NO_HARM = replace(PROMOTION, margin=1.0)
"""No loss counts as harm, so that no challenger waits until more is known about the champion and is promoted then."""


def steps(levels: list[float], **training: float) -> list[Step]:
    """What the pipeline's own policy did with these batches."""
    policy = TrainingPolicy(**{"holdout_blocks": 3, "retrain_wait": 0.0, "retrain_loss_rise": 0.0} | training)
    return list(
        run(past(*levels), Levels(), config_of(training=policy, drift=NO_DRIFT, promotion=NO_HARM)).arms[0].steps
    )


def trained(levels: list[float], **training: float) -> list[int]:
    return [step.batch for step in steps(levels, **training) if step.trained]


@pytest.mark.parametrize(
    ("training", "when"),
    [
        ({}, [0]),
        ({"retrain_batches": 3}, [0, 3, 6]),
        ({"retrain_growth": 2.0}, [0, 1, 3, 7]),
        ({"retrain_wait": 1.0}, [0, 1, 3, 5]),  # roots of 1, 2, 4 and 6 batches: 1, 1.4, 2 and 2.4
        ({"error_price_usd": 1e9}, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_a_calm_world_is_trained_on_when_it_is_worth_it(training: dict[str, float], when: list[int]) -> None:
    assert trained([0.0] * 8, **training) == when


def test_a_batch_that_is_skipped_says_what_waiting_costs() -> None:
    skipped = [step for step in steps(list(CALM), retrain_wait=3.0) if step.verdict == "skipped"]
    assert skipped
    assert all(step.reason.startswith("Waiting costs about ") for step in skipped)
    assert "a training costs $0.0019." in skipped[0].reason  # two minutes of the fake training


@pytest.mark.slow  # replays months
def test_a_jump_of_the_loss_starts_a_training_when_the_next_batch_confirms_it() -> None:
    levels = [0.0] * 6 + [9.0] * 4
    assert trained(levels, retrain_loss_rise=0.25)[:2] == [0, 7]
    assert trained([0.0] * 10, retrain_loss_rise=0.25) == [0]


def test_policies_that_differ_in_when_they_train_share_their_trainings() -> None:
    slow, fast = (
        config_of(training=TrainingPolicy(retrain_wait=wait, retrain_batches=batches))
        for wait, batches in ((0.6, 0), (0.0, 2))
    )
    assert training_part(slow) == training_part(fast)
