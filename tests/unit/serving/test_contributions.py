"""Contributions of features: the axioms that name them, on models of every kind."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.serving.contributions import EXACT_FEATURES, MOST_EVALUATIONS, contributions, of_answer

Rows = NDArray[np.float32]


class Counted:
    """A model that knows how many rows it was asked."""

    def __init__(self, seed: int, features: int) -> None:
        random = np.random.default_rng(seed)
        self.weights = random.normal(size=(features, 8))
        self.last = random.normal(size=8)
        self.asked = 0

    def __call__(self, rows: Rows) -> NDArray[np.float64]:
        """Smooth, with interactions of all features, and missing values taken for -1."""
        self.asked += len(rows)
        known = np.where(np.isnan(rows), -1.0, rows.astype(np.float64))
        return np.asarray(np.tanh(known @ self.weights / 4) @ self.last)


def rows_of(seed: int, features: int) -> tuple[Rows, Rows]:
    random = np.random.default_rng(seed + 1)
    row, typical = random.normal(size=(2, features)).astype(np.float32)
    row[random.random(features) < 0.2] = np.nan
    return row, typical


def by_all_orders(model: Counted, row: Rows, typical: Rows) -> NDArray[np.float64]:
    """The definition, word for word."""
    total, orders = np.zeros(len(row)), list(permutations(range(len(row))))
    for order in orders:
        now = typical.copy()
        for feature in order:
            before = model(now[None])[0]
            now[feature] = row[feature]
            total[feature] += model(now[None])[0] - before
    return total / len(orders)


@given(seed=st.integers(0, 10_000), features=st.integers(1, 5))
@settings(max_examples=25)
def test_contributions_are_the_mean_over_all_orders_of_replacing_features(seed: int, features: int) -> None:
    model, (row, typical) = Counted(seed, features), rows_of(seed, features)
    found = contributions(model, row, typical)
    np.testing.assert_allclose(found.values, by_all_orders(model, row, typical), atol=1e-12)
    assert found.exact


@given(seed=st.integers(0, 10_000), features=st.integers(1, 40))
@settings(max_examples=40)
def test_contributions_add_up_to_the_prediction_minus_the_typical_one(seed: int, features: int) -> None:
    model, (row, typical) = Counted(seed, features), rows_of(seed, features)
    found = contributions(model, row, typical)
    assert found.typical == pytest.approx(model(typical[None])[0])
    assert found.values.sum() == pytest.approx(model(row[None])[0] - found.typical, abs=1e-9)
    assert found.exact == (features <= EXACT_FEATURES)


@given(seed=st.integers(0, 10_000), features=st.integers(1, 30))
@settings(max_examples=25)
def test_a_feature_that_the_model_does_not_use_contributes_nothing(seed: int, features: int) -> None:
    model, (row, typical) = Counted(seed, features), rows_of(seed, features)
    model.weights[features // 2] = 0.0
    found = contributions(model, row, typical)
    assert found.values[features // 2] == pytest.approx(0.0, abs=1e-12)


def test_features_that_the_model_treats_alike_contribute_alike() -> None:
    model = Counted(3, 6)
    model.weights[4] = model.weights[1]
    row, typical = np.arange(6, dtype=np.float32), np.zeros(6, dtype=np.float32)
    row[4] = row[1]
    found = contributions(model, row, typical)
    assert found.values[4] == pytest.approx(found.values[1])


@pytest.mark.parametrize("features", [5, 30])
def test_in_a_linear_model_each_feature_contributes_its_own_term(features: int) -> None:
    weights = np.linspace(-2, 3, features)
    row, typical = np.random.default_rng(0).normal(size=(2, features)).astype(np.float32)
    found = contributions(lambda rows: rows.astype(np.float64) @ weights, row, typical)
    np.testing.assert_allclose(found.values, weights * (row.astype(float) - typical), atol=1e-9)
    if not found.exact:
        np.testing.assert_allclose(found.standard_errors, 0.0, atol=1e-9)


def test_only_features_that_differ_are_asked_about() -> None:
    """Forty features, three of them not typical: eight predictions, and exact; a missing value equals a missing one."""
    model = Counted(1, 40)
    typical = np.ones(40, dtype=np.float32)
    typical[7] = np.nan
    row = typical.copy()
    row[[3, 20, 39]] = 5.0
    found = contributions(model, row, typical)
    assert (model.asked, found.exact) == (8, True)
    assert set(np.flatnonzero(found.values)) <= {3, 20, 39}


def test_the_typical_row_itself_has_no_contributions() -> None:
    typical = np.ones(4, dtype=np.float32)
    found = contributions(Counted(0, 4), typical, typical)
    assert found.values.tolist() == [0.0] * 4


@pytest.mark.parametrize("features", [13, 20, 100, 300])
def test_sampled_contributions_take_few_predictions_whatever_the_number_of_features(features: int) -> None:
    model, (row, typical) = Counted(2, features), rows_of(2, features)
    contributions(model, row, typical)
    assert model.asked <= max(MOST_EVALUATIONS, 4 * features)


def test_sampled_contributions_are_as_close_to_the_exact_ones_as_their_standard_errors_say() -> None:
    """A 13th feature that does nothing but differ makes the same model one that is sampled: errors of 12 × 40 values,
    as multiples of their standard errors, are spread as a t distribution is, and not shifted."""
    errors = []
    for seed in range(40):
        model, (row, typical) = Counted(seed, 13), rows_of(seed, 13)
        row = np.nan_to_num(row, nan=2.0)
        model.weights[12] = 0.0
        sampled = contributions(model, row, typical)
        row[12] = typical[12]
        exact = contributions(model, row, typical)
        assert exact.exact
        assert sampled.standard_errors is not None
        errors.extend((sampled.values - exact.values)[:12] / sampled.standard_errors[:12])
    # The same orders are drawn for every row, so that these are 40 × 12 views of one draw: wide bounds.
    assert np.mean(np.abs(errors) < 2.0) > 0.85
    assert abs(np.mean(errors)) < 0.3


def test_the_same_row_has_the_same_contributions_whenever_it_is_asked_for() -> None:
    model, (row, typical) = Counted(5, 25), rows_of(5, 25)
    first, second = contributions(model, row, typical), contributions(model, row, typical)
    assert first.values.tolist() == second.values.tolist()


def manifest(task: str, classes: list[str] | None) -> dict[str, Any]:
    return {"task": task, "classes": classes, "positive": "b", "features": [{"name": "x"}, {"name": "y"}]}


def test_contributions_are_to_the_positive_class_the_predicted_class_or_the_value() -> None:
    def three(rows: Rows) -> NDArray[np.float64]:
        return np.column_stack([rows[:, 0], rows[:, 1], np.full(len(rows), 0.5)]).astype(np.float64)

    rows, typical = np.array([[1.0, 0.0], [0.0, 0.75]], dtype=np.float32), np.zeros(2, dtype=np.float32)
    binary = list(of_answer(lambda m: three(m)[:, :2], rows, typical, manifest("binary", ["a", "b"])))
    assert [(row["to_probability_of"], row["values"]) for row in binary] == [
        ("b", {"x": 0.0, "y": 0.0}),
        ("b", {"x": 0.0, "y": 0.75}),
    ]
    several = list(of_answer(three, rows, typical, manifest("multiclass", ["a", "b", "c"])))
    assert [(row["to_probability_of"], row["values"]) for row in several] == [
        ("a", {"x": 1.0, "y": 0.0}),
        ("b", {"x": 0.0, "y": 0.75}),
    ]
    (value, _) = of_answer(lambda m: three(m)[:, :1], rows, typical, manifest("regression", None))
    assert value == {"typical": 0.0, "exact": True, "values": {"x": 1.0, "y": 0.0}}


def test_sampled_contributions_are_said_to_be_sampled() -> None:
    model, (row, typical) = Counted(5, 25), rows_of(5, 25)
    said = contributions(model, row, typical).to_dict([f"f{number}" for number in range(25)])
    assert said["exact"] is False
    assert set(said["standard_errors"]) == set(said["values"])
