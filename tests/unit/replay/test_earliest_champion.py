"""A history whose first champion comes too late is refused before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from contender.cli.replay_training import held_out
from contender.errors import InvalidInputError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.replay.arms import Trained, arms_of
from contender.replay.simulate import simulate
from contender.replay.tuning import FIRST_PART, batches_needed
from contender.table import BLOCK, ORDER, Table
from tests.unit.replay.test_simulate import CONFIG, PROMOTION, Levels, past, training

WEEKS = past(*(0.0,) * 6)
"""Six batches of eight days, 25 rows a day."""


def proven(**changes: int) -> PipelineConfig:
    """Twelve days are held out, if there are twice as many."""
    return replace(CONFIG, training=training(holdout_blocks=12), promotion=replace(PROMOTION, rule="proven", **changes))


def never_trained(_config: PipelineConfig, _table: Table) -> Trained:
    raise AssertionError("nothing is to be trained")


def refused(
    config: PipelineConfig, *, start: int = 1, scored: int = 1, others: Sequence[tuple[str, PipelineConfig]] = ()
) -> str:
    arms = arms_of(config, others=others)
    with pytest.raises(InvalidInputError) as error:
        simulate(WEEKS, arms, train=never_trained, start=start, held_out=held_out, scored=scored)
    return str(error.value)


def test_one_that_no_batch_can_give_is_refused_before_the_first_training() -> None:
    assert refused(proven(min_blocks=13)) == (
        "policy contender: none of the 6 batches can give a first champion: even with all of them, the holdout has "
        "300 rows in 12 blocks; the minimum is 20 rows and 13 blocks; give a longer history, or a policy that needs "
        "less data"
    )


def test_one_that_only_the_last_batch_can_give_is_refused_too() -> None:
    wide = replace(proven(min_blocks=24), training=training(holdout_blocks=24))
    assert refused(wide) == (
        "policy contender: the first champion can come with batch-05 at the earliest, batch 6 of 6, which leaves 0 to "
        "score, but 1 must be left: before that, the holdout has 500 rows in 20 blocks; the minimum is 20 rows and 24 "
        "blocks; give a longer history, or smaller batches with --every"
    )


def test_blocks_that_cannot_be_divided_count_as_too_few() -> None:
    gap = replace(CONFIG, training=training(gap_blocks=45))
    said = refused(gap)
    assert "batch 6 of 6" in said
    assert "before that, training needs at least 47 blocks" in said


def test_each_policy_that_is_compared_needs_a_champion() -> None:
    assert refused(CONFIG, others=[("strict", proven(min_blocks=13))]).startswith("policy strict: none of the 6")


def test_as_many_batches_must_be_left_as_are_to_be_scored() -> None:
    said = refused(CONFIG, start=3, scored=batches_needed(FIRST_PART))
    assert "batch 3 of 6, which leaves 3 to score, but 9 must be left: the first training comes after 3 batches" in said


def test_a_first_champion_that_serves_provisionally_needs_no_rows_of_a_comparison() -> None:
    """As `contender.comparison.compare.first_champion` judges: its rows count under the rule `proven` only."""
    few = replace(CONFIG, promotion=replace(PROMOTION, min_rows=10_000))
    found = simulate(WEEKS, arms_of(few), train=Levels(), held_out=held_out)
    assert found.first == 0


def test_what_may_come_in_time_is_replayed() -> None:
    trains = Levels()
    simulate(WEEKS, arms_of(proven(min_blocks=12)), train=trains, held_out=held_out, start=3)
    assert trains.asked


def test_rows_of_a_group_that_is_learned_are_not_held_out() -> None:
    """The split is the training's own: two of the holdout's four rows belong to customers that are learned."""
    config = PipelineConfig(
        name="shop", task="regression", target="y", numeric=("x",), group="customer",
        training=TrainingPolicy(holdout_blocks=2),
    )  # fmt: skip
    order = np.arange(12.0)
    names = np.array([*"abcdefghaxby"], dtype=object)
    rows = Table({"customer": names, ORDER: order, BLOCK: (order // 2).astype(str).astype(object)})
    assert held_out(config, rows) == (2, 2)
    with pytest.raises(TrainingFailedError, match="cannot be judged"):
        held_out(config, Table({**rows.columns, "customer": np.full(12, "a", dtype=object)}))
