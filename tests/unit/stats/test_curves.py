"""Curves are scikit-learn's, thinned to what a picture needs, and bounded whatever the number of rows."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import auc, confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve

from contender.errors import InvalidInputError
from contender.stats.curves import (
    BINS,
    MAX_LABELS,
    MAX_POINTS,
    OTHER_LABELS,
    calibration_bins,
    curves,
    equal_bins,
    precision_recall_points,
    roc_points,
)

LABELS = ["no", "yes"]


def of_two_classes(rows: int, *, seed: int = 1, distinct: int = 10**9) -> tuple[NDArray[Any], NDArray[Any]]:
    """Truth and the positive class's score, which takes at most so many distinct values."""
    random = np.random.default_rng(seed)
    truth = (random.random(rows) < 0.3).astype(float)
    score = 1.0 / (1.0 + np.exp(-(1.5 * truth - 1.0 + random.normal(size=rows))))
    return truth, np.round(score * distinct) / distinct


def both(score: NDArray[Any]) -> NDArray[Any]:
    return np.column_stack([1.0 - score, score])


few_rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=60)


@given(few_rows)
def test_few_points_are_scikit_learns_roc_curve(rows: list[tuple[int, int]]) -> None:
    truth, score = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    points = roc_points(truth, score)

    if len(set(truth.tolist())) < 2:
        assert points == []
        return
    rate, found, _ = roc_curve(truth, score, drop_intermediate=False)
    assert points == pytest.approx(np.column_stack([rate, found]), abs=1e-6)


@given(few_rows)
def test_few_points_are_scikit_learns_precision_and_recall(rows: list[tuple[int, int]]) -> None:
    truth, score = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    points = precision_recall_points(truth, score)

    if not truth.any():
        assert points == []
        return
    precision, recall, _ = precision_recall_curve(truth, score)
    expected = np.column_stack([recall, precision])[:-1][::-1]  # scikit-learn ends with (0, 1), which is no threshold's
    until = int(np.argmax(expected[:, 0] == 1.0)) + 1
    assert points == pytest.approx(expected[:until], abs=1e-6)


@pytest.mark.parametrize("distinct", [7, 500, 10**9])
def test_a_thinned_curve_has_the_area_of_the_whole_one(distinct: int) -> None:
    truth, score = of_two_classes(20_000, distinct=distinct)
    points = np.array(roc_points(truth, score))

    assert len(points) <= MAX_POINTS
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1].tolist() == [1.0, 1.0]
    # Neighbours are at most 0.02 apart, right and up together: a chord hides a triangle of 0.00005, 100 of them 0.005;
    # a concave curve is far better than that.
    assert auc(points[:, 0], points[:, 1]) == pytest.approx(roc_auc_score(truth, score), abs=1e-3)


def test_a_thinned_curve_keeps_real_points_only() -> None:
    truth, score = of_two_classes(5_000)
    rate, found, _ = roc_curve(truth, score, drop_intermediate=False)
    real = {(float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in zip(rate, found, strict=True)}

    assert {(x, y) for x, y in roc_points(truth, score)} <= real


@given(few_rows, st.integers(2, 12))
def test_bins_hold_every_row_once_and_equal_values_together(rows: list[tuple[int, int]], bins: int) -> None:
    values = np.array([value for _, value in rows], dtype=float)
    found = equal_bins(values, bins)

    assert sorted(np.concatenate(found).tolist()) == list(range(len(values)))
    assert len(found) <= bins
    for lower, upper in pairwise(found):
        assert values[lower].max() < values[upper].min()


def test_bins_of_different_values_are_of_equal_size() -> None:
    assert [len(rows) for rows in equal_bins(np.arange(1_000.0))] == [100] * BINS


def test_calibration_says_what_was_claimed_and_what_came() -> None:
    claimed = np.repeat([0.2, 0.7], 10)
    event = np.array([1.0] * 2 + [0.0] * 8 + [1.0] * 5 + [0.0] * 5)

    assert calibration_bins(event, claimed) == [
        {"low": 0.2, "high": 0.2, "predicted": 0.2, "observed": 0.2, "rows": 10},
        {"low": 0.7, "high": 0.7, "predicted": 0.7, "observed": 0.5, "rows": 10},
    ]


def test_the_confusion_matrix_is_scikit_learns() -> None:
    random = np.random.default_rng(2)
    truth, predictions = random.integers(0, 4, 500), random.dirichlet(np.ones(4), 500)
    found = curves(truth, predictions, labels=list("abcd"))["confusion"]

    assert found["labels"] == list("abcd")
    assert found["counts"] == confusion_matrix(truth, predictions.argmax(axis=1)).tolist()


def test_many_classes_are_counted_together_beyond_the_most_frequent() -> None:
    random = np.random.default_rng(3)
    classes = MAX_LABELS + 15
    truth = np.concatenate([np.repeat(np.arange(MAX_LABELS - 1), 50), np.arange(classes)])
    predictions = np.eye(classes)[truth] * 0.5 + random.dirichlet(np.ones(classes), len(truth)) * 0.5
    found = curves(truth, predictions, labels=[f"class {i}" for i in range(classes)])["confusion"]

    assert len(found["counts"]) == len(found["labels"]) == MAX_LABELS
    assert found["labels"][-1] == OTHER_LABELS
    assert np.sum(found["counts"]) == len(truth)


def test_each_class_is_told_from_the_rest() -> None:
    random = np.random.default_rng(4)
    truth, predictions = random.integers(0, 3, 300), random.dirichlet(np.ones(3), 300)
    found = curves(truth, predictions, labels=list("abc"))["auc"]

    for position, one in enumerate(found):
        assert one["rows"] == int((truth == position).sum())
        assert one["auc"] == pytest.approx(roc_auc_score(truth == position, predictions[:, position]), abs=1e-6)


def test_a_class_that_does_not_occur_has_no_area() -> None:
    found = curves([0, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], labels=list("abc"))

    assert found["auc"][2] == {"label": "c", "rows": 0, "auc": None}


def test_the_positive_class_may_be_the_first() -> None:
    truth, score = of_two_classes(400)
    turned = curves(1.0 - truth, both(score)[:, ::-1], labels=["yes", "no"], positive=0)

    assert turned == curves(truth, both(score), labels=LABELS)


def test_residuals_are_truth_less_prediction() -> None:
    truth = np.arange(100.0)
    found = curves(truth, (truth - np.where(truth < 50, 1.0, -3.0))[:, None])

    assert sum(found["residuals"]["counts"]) == 100
    assert found["residuals"]["edges"][0] == -3.0
    assert found["residuals"]["edges"][-1] == 1.0
    assert {one["share"]: one["residual"] for one in found["quantiles"]} == {
        0.05: -3.0,
        0.25: -3.0,
        0.5: -1.0,  # halfway between the two values
        0.75: 1.0,
        0.95: 1.0,
    }


def test_a_far_residual_does_not_flatten_all_others() -> None:
    random = np.random.default_rng(5)
    truth = random.normal(size=5_000)
    truth[0] = 1e9
    found = curves(truth, np.zeros((5_000, 1)))["residuals"]

    assert found["edges"][-1] < 4.0
    assert sum(found["counts"]) == 5_000
    assert max(found["counts"]) < 1_000


def test_one_prediction_for_all_rows_still_has_a_picture() -> None:
    found = curves([3.0, 3.0], [[3.0], [3.0]])

    assert sum(found["residuals"]["counts"]) == 2
    assert found["predicted"] == [{"predicted": 3.0, "observed": 3.0, "rows": 2}]


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_no_rows_leave_no_points(classes: int) -> None:
    found = curves([], np.empty((0, classes)), labels=[str(i) for i in range(classes)])

    assert found["rows"] == 0
    assert found.get("roc", []) == []
    assert found.get("calibration", []) == []


def test_one_class_only_leaves_the_roc_curve_empty() -> None:
    found = curves([1, 1], [[0.2, 0.8], [0.4, 0.6]], labels=LABELS)

    assert found["roc"] == []
    assert found["confusion"]["counts"] == [[0, 0], [0, 2]]


def test_what_is_kept_of_a_million_rows_is_small_and_plain_json() -> None:
    truth, score = of_two_classes(200_000)
    text = json.dumps(curves(truth, both(score), labels=LABELS), allow_nan=False)

    assert len(text) < 12_000


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="labels must name each of the 2 classes of predictions, but got 1"):
        curves([0], [[0.5, 0.5]], labels=["no"])
