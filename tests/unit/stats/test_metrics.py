"""Metrics against scikit-learn, with ties and weights; group replicates against the row form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as oracle

from contender.errors import InvalidInputError
from contender.stats.metrics import BINARY, METRICS, MULTICLASS, REGRESSION, Metric, metric_for, metric_names, prepared

TASK_CASES = [(task, name) for task in (BINARY, MULTICLASS, REGRESSION) for name in metric_names(task)]


def a_case(
    task: str, seed: int, rows: int = 200
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Targets, predictions rounded so that scores tie, and weights of which some are zero."""
    generator = np.random.default_rng(seed)
    weights = generator.integers(0, 4, rows).astype(float)
    if task == REGRESSION:
        truth = generator.normal(size=rows)
        return truth, (truth + generator.normal(size=rows))[:, None], weights
    classes = 2 if task == BINARY else 4
    raw = np.round(generator.dirichlet(np.ones(classes), rows) + 0.05, 1)
    return generator.integers(0, classes, rows).astype(float), raw / raw.sum(axis=1, keepdims=True), weights


def expected(name: str, task: str, truth: NDArray[np.float64], p: NDArray[np.float64], w: NDArray[np.float64]) -> float:
    called = p.argmax(axis=1)
    labels = list(range(p.shape[1]))
    values = {
        "auc": lambda: oracle.roc_auc_score(truth, p[:, 1], sample_weight=w),
        "log_loss": lambda: oracle.log_loss(truth, p, sample_weight=w, labels=labels),
        "brier": lambda: oracle.brier_score_loss(
            truth, p[:, 1] if task == BINARY else p, sample_weight=w, labels=labels
        ),
        "accuracy": lambda: oracle.accuracy_score(truth, called, sample_weight=w),
        "macro_f1": lambda: oracle.f1_score(truth, called, average="macro", sample_weight=w),
        "mae": lambda: oracle.mean_absolute_error(truth, p[:, 0], sample_weight=w),
        "rmse": lambda: oracle.root_mean_squared_error(truth, p[:, 0], sample_weight=w),
    }
    return float(values[name]())


@pytest.mark.parametrize(("task", "name"), TASK_CASES)
@pytest.mark.parametrize("seed", range(5))
def test_a_weighted_metric_with_ties_is_that_of_scikit_learn(task: str, name: str, seed: int) -> None:
    truth, predictions, weights = a_case(task, seed)
    assert METRICS[name].score(truth, predictions, weights) == pytest.approx(
        expected(name, task, truth, predictions, weights), abs=1e-12
    )


@pytest.mark.parametrize(("task", "name"), TASK_CASES)
def test_group_replicates_are_the_row_form_with_each_rows_group_weight(task: str, name: str) -> None:
    truth, predictions, _ = a_case(task, 7)
    generator = np.random.default_rng(8)
    group = generator.integers(0, 9, len(truth))
    counts = generator.integers(0, 3, (20, 9)).astype(float)
    metric = METRICS[name]
    fast = metric.score_groups(truth, predictions, group, counts)
    slow = [metric.score(truth, predictions, weights[group]) for weights in counts]
    np.testing.assert_allclose(fast, np.array(slow, dtype=float), atol=1e-12)


def test_a_users_own_metric_needs_the_row_form_only() -> None:
    def hit_rate(
        y: NDArray[np.float64], predictions: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> float | None:
        return float(np.average(np.abs(y - predictions[:, 0]) < 1.0, weights=weights)) if weights.sum() else None

    metric = Metric("hit_rate", "hit rate", (REGRESSION,), True, False, hit_rate)
    values = metric.score_groups(np.array([0.0, 0.0]), np.array([[0.5], [2.0]]), np.array([0, 1]), np.eye(2))
    assert values.tolist() == [1.0, 0.0]
    assert np.isnan(metric.score_groups(np.zeros(1), np.zeros((1, 1)), np.zeros(1, dtype=int), np.zeros((1, 1)))[0])


@given(st.integers(0, 2**32 - 1))
def test_row_order_does_not_change_a_metric(seed: int) -> None:
    for task, name in TASK_CASES:
        truth, predictions, weights = a_case(task, seed, rows=30)
        order = np.random.default_rng(seed).permutation(len(truth))
        before = METRICS[name].score(truth, predictions, weights)
        after = METRICS[name].score(truth[order], predictions[order], weights[order])
        assert before is after is None or before == pytest.approx(after, abs=1e-12)


def test_a_swap_of_the_positive_class_leaves_the_auc_of_the_swapped_scores() -> None:
    truth, predictions, weights = a_case(BINARY, 3)
    auc = METRICS["auc"]
    assert auc.score(truth, predictions, weights, positive=0) == pytest.approx(
        auc.score(1 - truth, predictions[:, ::-1], weights), abs=1e-12
    )


def test_the_auc_of_one_class_is_undefined_and_says_so_with_none() -> None:
    assert METRICS["auc"].score([1, 1], [[0.1, 0.9], [0.2, 0.8]]) is None
    assert METRICS["auc"].score([0, 1], [[0.1, 0.9], [0.2, 0.8]], [1.0, 0.0]) is None


@pytest.mark.parametrize(("task", "name"), TASK_CASES)
def test_no_rows_and_no_weight_are_undefined(task: str, name: str) -> None:
    truth, predictions, _ = a_case(task, 1)
    assert METRICS[name].score(truth[:0], predictions[:0]) is None
    assert METRICS[name].score(truth, predictions, np.zeros(len(truth))) is None


def test_a_certain_and_wrong_prediction_costs_a_finite_log_loss() -> None:
    # -log(1e-15), the smallest probability that is told apart from zero
    assert METRICS["log_loss"].score([1], [[1.0, 0.0]]) == pytest.approx(34.5388, abs=1e-4)


def test_every_task_has_a_default_metric_and_it_is_named_first() -> None:
    assert [metric_for(task).name for task in (BINARY, MULTICLASS, REGRESSION)] == ["auc", "log_loss", "mae"]
    assert metric_names(MULTICLASS)[0] == "log_loss"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: metric_for("ranking"),
            "task must be one of binary, multiclass, regression, but got 'ranking'",
        ),
        (
            lambda: metric_for(REGRESSION, "auc"),
            "metric must be one of mae, rmse for regression, but got 'auc'",
        ),
        (lambda: METRICS["auc"].score([1.0], [[0.5]]), "'auc' is for binary predictions"),
        (lambda: METRICS["mae"].score([1.0], [[np.nan]]), "predictions must be finite, but got 1"),
        (lambda: METRICS["mae"].score([1.0, 2.0], [[1.0]]), r"predictions must have shape \(2, k\)"),
        (lambda: METRICS["mae"].score([[1.0]], [[1.0]]), "y must have one dimension"),
        (lambda: METRICS["auc"].score([2], [[0.5, 0.5]]), "class indices from 0 to 1, but got 2.0"),
        (lambda: METRICS["auc"].score([0.5], [[0.5, 0.5]]), "class indices"),
        (lambda: METRICS["mae"].score([1.0], [[1.0]], [-1.0]), "weights must be finite and not negative"),
        (lambda: METRICS["mae"].score([1.0], [[1.0]], [1.0, 1.0]), "weights must have shape"),
        (
            lambda: prepared([1], [[0.5, 0.5]], positive=2),
            "positive must be 0 or 1 for two classes, but got 2",
        ),
    ],
)
def test_an_unusable_argument_is_named_with_its_bound_and_value(call: object, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        call()  # type: ignore[operator]
