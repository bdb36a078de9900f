"""Where a regression errs, against scikit-learn's trees and cases that can be worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from contender.drift.performance.estimate import estimate
from contender.drift.performance.estimate_check import check_estimate
from contender.drift.performance.loss_tree import MIN_ROWS, LossTree, fit_loss_tree
from contender.errors import InvalidInputError

Floats = NDArray[np.float64]


def rows(seed: int, count: int, values: int = 9) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Cells of three features, predictions, and a truth that is further from them where the first cell is large."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, values, (count, 3)).astype(np.uint8)
    predictions = random.normal(0.0, 3.0, count).round(1)
    return codes, predictions, predictions + random.normal(size=count) * (1.0 + codes[:, 0])


@given(st.integers(0, 1000), st.integers(MIN_ROWS, 300), st.integers(1, 40))
def test_the_first_split_explains_as_much_as_scikit_learns(seed: int, count: int, least: int) -> None:
    codes, predictions, truth = rows(seed, count)
    tree = fit_loss_tree(codes, np.zeros(count), truth - predictions, leaves=2, least=least)
    errors = np.abs(truth - predictions)
    theirs = DecisionTreeRegressor(max_leaf_nodes=2, min_samples_leaf=least).fit(codes, errors).predict(codes)
    ours = tree.expected(codes, np.zeros(count))[0]
    assert ((ours - errors) ** 2).sum() == pytest.approx(((theirs - errors) ** 2).sum())


@given(st.integers(0, 1000), st.integers(MIN_ROWS, 400), st.integers(1, 20), st.integers(1, 60))
def test_the_expected_losses_of_the_rows_that_it_learned_from_are_their_own_on_average(
    seed: int, count: int, leaves: int, least: int
) -> None:
    codes, predictions, truth = rows(seed, count)
    tree = fit_loss_tree(codes, predictions, truth, leaves=leaves, least=least)
    absolute, squared = tree.expected(codes, predictions)
    assert absolute.mean() == pytest.approx(np.abs(truth - predictions).mean())
    assert squared.mean() == pytest.approx(((truth - predictions) ** 2).mean())
    assert np.all(squared >= absolute**2 * (1.0 - 1e-9))  # as of any mean of squares
    assert len(np.unique(absolute)) <= leaves
    assert min(np.unique(absolute, return_counts=True)[1]) >= min(least, count)


@given(st.integers(0, 1000), st.floats(0.01, 1000.0))
def test_a_target_in_another_unit_has_errors_in_that_unit(seed: int, unit: float) -> None:
    codes, predictions, truth = rows(seed, 200)
    plain = fit_loss_tree(codes, predictions, truth).expected(codes, predictions)
    scaled = fit_loss_tree(codes, unit * predictions, unit * truth).expected(codes, unit * predictions)
    np.testing.assert_allclose(scaled[0], unit * plain[0], rtol=1e-6)
    np.testing.assert_allclose(scaled[1], unit**2 * plain[1], rtol=1e-6)


def test_rows_that_moved_to_where_the_errors_are_large_are_expected_to_err_more() -> None:
    """Half of the rows err by 1, half by 3: of three quarters of the latter, the mean is 2.5 and its square mean 7."""
    codes = np.repeat([[0], [5]], 100, axis=0).astype(np.uint8)
    tree = fit_loss_tree(codes, np.zeros(200), np.repeat([1.0, 3.0], 100))
    found = estimate(tree, np.zeros((40, 1)), codes=np.repeat([[0], [5]], [10, 30], axis=0).astype(np.uint8))
    assert found.metrics["mae"].value == pytest.approx(2.5)
    assert found.metrics["rmse"].value == pytest.approx(np.sqrt(7.0))


def test_errors_that_grow_with_the_prediction_are_followed() -> None:
    codes, predictions = np.zeros((400, 1), dtype=np.uint8), np.tile([1.0, 10.0], 200)
    tree = fit_loss_tree(codes, predictions, predictions * 1.1)
    assert tree.expected(codes[:2], np.array([1.0, 10.0]))[0] == pytest.approx([0.1, 1.0])


def test_missing_values_have_a_side_of_their_own() -> None:
    codes = np.repeat([[7], [255]], 60, axis=0).astype(np.uint8)
    tree = fit_loss_tree(codes, np.zeros(120), np.repeat([1.0, 2.0], 60))
    assert tree.expected(np.array([[7], [255]], dtype=np.uint8), np.zeros(2))[0].tolist() == [1.0, 2.0]


def test_a_tree_survives_being_stored() -> None:
    codes, predictions, truth = rows(1, 500)
    tree = fit_loss_tree(codes, predictions, truth)
    assert LossTree.from_dict(json.loads(json.dumps(tree.to_dict()))) == tree
    assert len(tree.feature) > 3


def test_too_few_rows_have_no_estimate_and_say_why() -> None:
    codes, predictions, truth = rows(1, 99)
    found = estimate(fit_loss_tree(codes, predictions, truth), predictions[:, None], codes=codes)
    assert found.reason == "not estimated: the model was judged on 99 rows, but losses need at least 100"
    assert check_estimate(found, truth, predictions[:, None]).verdict == "not checked"


def test_without_earlier_periods_there_is_a_value_and_no_interval() -> None:
    codes, predictions, truth = rows(1, 300)
    found = estimate(fit_loss_tree(codes, predictions, truth), predictions[:, None], codes=codes)
    assert found.metrics["mae"].value is not None
    assert (found.metrics["mae"].low, found.metrics["mae"].high) == (None, None)
    assert "too few for an interval" in found.metrics["mae"].reason
    assert check_estimate(found, truth, predictions[:, None]).verdict == "not checked"


@pytest.mark.parametrize(
    ("codes", "predictions", "message"),
    [
        (np.zeros((150, 1), np.uint8), np.zeros(149), "must have as many rows"),
        (np.zeros(150, np.uint8), np.zeros(150), "must have as many rows"),
        (np.zeros((150, 1), np.uint8), np.full(150, np.inf), "must be finite"),
    ],
)
def test_unusable_rows_are_refused(codes: Any, predictions: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        fit_loss_tree(codes, predictions, np.zeros(150))


def test_an_estimate_needs_the_cells_of_its_rows() -> None:
    codes, predictions, truth = rows(1, 300)
    with pytest.raises(InvalidInputError, match="codes must have a row for each of the 300 predictions"):
        estimate(fit_loss_tree(codes, predictions, truth), predictions[:, None])
