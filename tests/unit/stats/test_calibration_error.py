"""Calibration error: closed forms, chance taken off, and the guard that asks for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.comparison.guards.calibration import calibrated
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.calibration_error import (
    CALIBRATION_ERRORS,
    calibration_error,
    calibration_error_of_groups,
    squared_error,
)
from contender.stats.metrics import BINARY, MULTICLASS, REGRESSION
from contender.stats.resampling import Holdout, resample

Floats = NDArray[np.float64]


def as_columns(positive: Floats) -> Floats:
    return np.stack([1.0 - positive, positive], axis=1)


def binary(rows: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Truth, and the probabilities that it was drawn with."""
    random = np.random.default_rng(seed)
    chance = random.random(rows)
    return (random.random(rows) < chance).astype(np.float64), chance


def holdout_of(truth: Floats, days: int = 20) -> Holdout:
    return Holdout(truth, resample(np.arange(len(truth)) % days, len(truth), n_resamples=500, seed=0))


def test_right_probabilities_have_an_error_of_zero_on_average_however_few_the_rows() -> None:
    found = [calibration_error(*shaped, np.ones(300)) for shaped in (_case(300, seed) for seed in range(400))]
    values = np.array(found, dtype=float)
    # A raw reliability would be about 10 bins x 1/6 (the mean of p(1 - p)) / 300 rows = 0.0056.
    assert abs(values.mean()) < 4.0 * values.std() / 20.0
    assert values.mean() < 0.001


def _case(rows: int, seed: int) -> tuple[Floats, Floats]:
    truth, chance = binary(rows, seed)
    return truth, as_columns(chance)


def test_probabilities_that_are_off_by_a_constant_have_its_square() -> None:
    truth = (np.random.default_rng(1).random(200_000) < 0.3).astype(np.float64)
    off = as_columns(np.full(200_000, 0.5))
    assert calibration_error(truth, off, np.ones(len(truth))) == pytest.approx(0.04, abs=0.002)  # (0.5 - 0.3)²


def test_of_more_classes_the_likeliest_counts() -> None:
    random = np.random.default_rng(2)
    truth = random.integers(0, 3, 60_000).astype(np.float64)
    sure = np.tile([0.9, 0.05, 0.05], (60_000, 1))  # right in a third of the rows, claimed 0.9
    assert calibration_error(truth, sure, np.ones(60_000)) == pytest.approx((0.9 - 1.0 / 3.0) ** 2, abs=0.01)


def test_of_a_regression_it_is_the_square_of_the_mean_error_less_its_variance() -> None:
    error = np.random.default_rng(3).normal(0.5, 1.0, 500)
    found = calibration_error(np.zeros(500), error[:, None], np.ones(500))
    assert found == pytest.approx(error.mean() ** 2 - error.var(ddof=1) / 500, abs=1e-12)
    assert squared_error(np.zeros(500), error[:, None]) == pytest.approx((error**2).mean())


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([BINARY, MULTICLASS, REGRESSION]))
def test_group_replicates_are_the_row_form_and_row_order_changes_nothing(seed: int, task: str) -> None:
    random = np.random.default_rng(seed)
    columns = {BINARY: 2, MULTICLASS: 4, REGRESSION: 1}[task]
    predictions = random.normal(size=(150, 1)) if columns == 1 else random.dirichlet(np.ones(columns), 150).round(2)
    truth = random.normal(size=150) if columns == 1 else random.integers(0, columns, 150).astype(float)
    group, counts = random.integers(0, 7, 150), random.integers(0, 4, (10, 7)).astype(float)
    fast = calibration_error_of_groups(truth, predictions, group, counts)
    slow = [calibration_error(truth, predictions, weights[group]) for weights in counts]
    np.testing.assert_allclose(fast, np.array(slow, dtype=float), atol=1e-12)
    order = random.permutation(150)
    shuffled = calibration_error_of_groups(truth[order], predictions[order], group[order], counts)
    np.testing.assert_allclose(fast, shuffled, atol=1e-12)


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row_say_nothing(columns: int, rows: int) -> None:
    assert calibration_error(np.zeros(rows), np.full((rows, columns), 1.0 / columns), np.ones(rows)) is None


def test_a_challenger_that_exaggerates_is_held_back_and_one_as_calibrated_is_not() -> None:
    truth, chance = binary(4000)
    holdout, policy = holdout_of(truth), PromotionPolicy()
    champion = as_columns(chance)
    exaggerated = as_columns((chance > 0.5) * 0.98 + 0.01)
    found = calibrated(holdout, champion, exaggerated, policy)
    assert (found.status, found.champion is not None, found.challenger) == (
        "failed",
        True,
        pytest.approx(0.075, abs=0.02),
    )
    assert found.reason.startswith("The challenger is worse calibrated than the champion by more than 0.0")
    assert calibrated(holdout, champion, champion, policy).status == "passed"
    assert calibrated(holdout, exaggerated, champion, policy).status == "passed"


def test_the_margin_is_a_fraction_of_the_champions_squared_error() -> None:
    random = np.random.default_rng(5)
    truth = random.normal(size=3000)
    champion, biased = truth + random.normal(size=3000), truth + random.normal(size=3000) + 0.5
    holdout = holdout_of(truth)
    strict = calibrated(holdout, champion[:, None], biased[:, None], PromotionPolicy(calibration_margin=0.1))
    lenient = calibrated(holdout, champion[:, None], biased[:, None], PromotionPolicy(calibration_margin=0.4))
    assert strict.margin == pytest.approx(0.1 * ((champion - truth) ** 2).mean())
    assert (strict.status, lenient.status) == ("failed", "passed")  # bias² is 0.25 of a squared error of 1


def test_constants_and_one_class_are_judged_without_a_warning() -> None:
    for truth in (np.zeros(400), np.ones(400), np.arange(400) % 2.0):
        half = as_columns(np.full(400, 0.5))
        found = calibrated(holdout_of(truth), half, half, PromotionPolicy())
        assert (found.status, found.difference) == ("passed", 0.0)


def test_every_task_has_its_measure() -> None:
    assert {task: metric.tasks for task, metric in CALIBRATION_ERRORS.items()} == {
        task: (task,) for task in (BINARY, MULTICLASS, REGRESSION)
    }
