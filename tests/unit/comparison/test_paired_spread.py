"""How losses of two models vary on their holdout: as Watch counts them, by row and by block."""

from __future__ import annotations

import numpy as np
import pytest

from contender.comparison.paired_spread import paired_spread
from contender.predictions.live_metrics import Outputs, score
from contender.registry.candidate import Answers

DAY = np.repeat(np.arange(5), 40)


def test_losses_are_those_that_live_metrics_count() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 200)
    yes = random.uniform(0.05, 0.95, (2, 200))
    models = tuple(np.stack([1.0 - each, each], axis=1) for each in yes)
    found = paired_spread(Answers(truth.astype(float), ("no", "yes"), 1, models), DAY)
    outputs = Outputs("binary", ("no", "yes"), "yes")
    mine, theirs = (
        np.array(
            [score(row, outputs.classes[label], outputs).loss for row, label in zip(each.tolist(), truth, strict=True)]
        )
        for each in models
    )
    difference = (mine - theirs).reshape(5, 40)
    assert found is not None
    assert (found.rows, found.blocks, found.mean_inverse_rows) == (200, 5, 1 / 40)
    assert found.within.difference == pytest.approx(difference.var(axis=1, ddof=1).mean())
    assert found.between.difference == pytest.approx(difference.mean(axis=1).var(ddof=1))
    assert found.within.champion == pytest.approx(theirs.reshape(5, 40).var(axis=1, ddof=1).mean())


def test_rows_of_a_class_that_one_of_the_two_does_not_know_are_left_out() -> None:
    truth = np.tile([0.0, 1.0, 2.0, 1.0], 50)
    challenger = np.full((200, 3), 1 / 3)
    champion = np.tile([0.5, 0.5, 0.0], (200, 1))
    found = paired_spread(Answers(truth, ("a", "b", "new"), 1, (challenger, champion)), DAY)
    assert found is not None
    assert found.rows == 150


def test_a_regression_has_squared_errors() -> None:
    truth = np.linspace(0.0, 1.0, 200)
    challenger, champion = (truth + 2.0)[:, None], (truth + np.tile([1.0, 3.0], 100))[:, None]
    found = paired_spread(Answers(truth, (), 1, (challenger, champion)), DAY)
    assert found is not None
    assert found.within.difference == pytest.approx(16.0 * 200 / 195)  # 3 and -5
    assert found.between.difference == pytest.approx(0.0, abs=1e-20)
