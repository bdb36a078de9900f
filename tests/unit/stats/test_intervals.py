"""An interval of one figure covers the truth about as often as it says, also where rows come in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from contender.stats.intervals import RESAMPLES, Estimate, estimate, estimates
from contender.stats.metrics import METRICS
from contender.stats.resampling import resample

WORLDS = 200


def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says() -> None:
    """Days differ from each other: 30 of them, each with a mean of its own, and 20 rows a day."""
    random = np.random.default_rng(1)
    days = np.repeat(np.arange(30), 20)
    covered = 0
    for world in range(WORLDS):
        errors = np.abs(random.normal(size=600) * 0.5 + random.normal(size=30)[days])
        expected = np.sqrt(1.25) * np.sqrt(2.0 / np.pi)  # of |N(0, 0.5² + 1²)|
        sample = resample(days, 600, n_resamples=RESAMPLES, seed=world)
        found = estimate(METRICS["mae"], errors, np.zeros((600, 1)), sample)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= expected <= found.high

    # 95 % of 200 is 190; four standard errors of a binomial (3.1) below and above.
    assert 178 <= covered <= 200


def test_taking_rows_for_independent_would_have_been_too_sure() -> None:
    random = np.random.default_rng(2)
    days = np.repeat(np.arange(30), 20)
    errors = np.abs(random.normal(size=600) * 0.5 + random.normal(size=30)[days])
    by_day, by_row = (
        estimates([METRICS["mae"]], errors, np.zeros((600, 1)), blocks, seed=1)["mae"] for blocks in (days, None)
    )

    assert by_day.value == by_row.value
    assert by_day.high is not None
    assert by_row.high is not None
    assert by_day.high - by_day.low > 2.0 * (by_row.high - by_row.low)  # type: ignore[operator]


def test_an_interval_stays_where_the_metric_can_be() -> None:
    truth = np.tile([0.0, 1.0], 10)
    score = np.where(truth == 1.0, 0.8, 0.2)
    score[:2] = score[1::-1]
    found = estimates([METRICS["auc"]], truth, np.column_stack([1 - score, score]), None, seed=1)["auc"]

    assert found.low is not None
    assert 0.0 < found.low < 1.0
    assert found.high == 1.0


@pytest.mark.parametrize("blocks", [["a"] * 4, ["a", "a", "b", "b"]])
def test_blocks_too_few_to_vary_leave_the_value_alone(blocks: list[str]) -> None:
    truth, predictions = np.array([0.0, 0.0, 1.0, 1.0]), np.tile([0.4, 0.6], (4, 1))
    found = estimates([METRICS["auc"]], truth, predictions, blocks, seed=1)["auc"]

    assert found == Estimate(0.5)
    assert found.to_list() == [0.5, None, None]
