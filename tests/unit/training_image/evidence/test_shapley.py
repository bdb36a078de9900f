"""Contributions of trees and linear models are the Shapley values: by definition, by LightGBM's own and by shap's."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from training_image.evidence.shapley import linear_values, tree_values
from training_image.evidence.trees import LEAF, Ensemble, Tree, ensemble_of

with_shap = pytest.mark.skipif(
    importlib.util.find_spec("shap") is None, reason="shap has no build for Intel Macs with Python 3.11"
)

FEATURES = 4


def library() -> Any:
    """shap, whose import takes seconds and warns of its own dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("shap")


def rows_of(count: int = 400, *, seed: int = 1, missing: bool = True) -> tuple[NDArray[np.float32], NDArray[Any]]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(count, FEATURES)).astype(np.float32)
    signal = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + 0.3 * random.normal(size=count)
    if missing:
        matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix, signal


def boosted(model: Any, signal: NDArray[Any], matrix: NDArray[np.float32], classes: int) -> Any:
    target = signal if classes == 0 else np.digitize(signal, np.quantile(signal, np.arange(1, classes) / classes))
    return model.fit(matrix, target)


def by_definition(tree: Tree, row: NDArray[Any], features: int) -> NDArray[Any]:
    """Shapley's formula, with what is expected where some features are known read off the tree (Lundberg et al.)."""

    def expected(known: frozenset[int], node: int = 0) -> NDArray[Any]:
        feature = int(tree.feature[node])
        if feature == LEAF:
            leaf: NDArray[Any] = tree.values[node]
            return leaf
        left, right = int(tree.left[node]), int(tree.right[node])
        if feature in known:
            goes = bool(tree.missing_left[node]) if np.isnan(row[feature]) else row[feature] <= tree.threshold[node]
            return expected(known, left if goes else right)
        total = tree.cover[node]
        whole: NDArray[Any] = (
            tree.cover[left] * expected(known, left) + tree.cover[right] * expected(known, right)
        ) / total
        return whole

    found = np.zeros((features, tree.values.shape[1]))
    for feature in range(features):
        others = [each for each in range(features) if each != feature]
        for size in range(features):
            weight = factorial(size) * factorial(features - size - 1) / factorial(features)
            for chosen in combinations(others, size):
                known = frozenset(chosen)
                found[feature] += weight * (expected(known | {feature}) - expected(known))
    return found


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree of up to five levels that may ask for the same feature again on a path, with shares of all kinds."""
    columns: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "missing", "cover")}
    values: list[float] = []

    def grow(depth: int, cover: int) -> int:
        node = len(values)
        values.append(0.0)
        for column in columns.values():
            column.append(0)
        columns["cover"][node] = cover
        if depth == 0 or cover < 2 or (depth < 4 and draw(st.booleans())):
            columns["feature"][node] = LEAF
            values[node] = draw(st.integers(-5, 5))
            return node
        columns["feature"][node] = draw(st.integers(0, FEATURES - 1))
        columns["threshold"][node] = draw(st.integers(-2, 2))
        columns["missing"][node] = draw(st.booleans())
        first = draw(st.integers(1, cover - 1))
        columns["left"][node] = grow(depth - 1, first)
        columns["right"][node] = grow(depth - 1, cover - first)
        return node

    grow(5, 60)
    return Tree(
        np.array(columns["feature"]),
        np.array(columns["threshold"], dtype=float),
        np.array(columns["left"]),
        np.array(columns["right"]),
        np.array(columns["missing"], dtype=bool),
        np.array(columns["cover"], dtype=float),
        np.array(values, dtype=float)[:, None],
    )


@settings(max_examples=60, deadline=None)
@given(trees(), st.lists(st.one_of(st.integers(-3, 3), st.just(float("nan"))), min_size=FEATURES, max_size=FEATURES))
def test_a_trees_contributions_are_shapleys_by_definition(tree: Tree, listed: list[float]) -> None:
    row = np.array(listed, dtype=np.float32)
    found, _ = tree_values(Ensemble((tree,), np.zeros(1), "the target"), row[None])

    assert found[0] == pytest.approx(by_definition(tree, row, FEATURES), abs=1e-9)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_contributions_are_those_that_lightgbm_itself_gives(classes: int) -> None:
    matrix, signal = rows_of()
    make = LGBMClassifier if classes else LGBMRegressor
    model = boosted(make(n_estimators=20, verbose=-1, n_jobs=1), signal, matrix, classes)
    ensemble = ensemble_of(model)
    assert ensemble is not None

    found, expected = tree_values(ensemble, matrix[:50])
    own = model.booster_.predict(matrix[:50], pred_contrib=True).reshape(50, -1, FEATURES + 1)

    assert found.transpose(0, 2, 1) == pytest.approx(own[:, :, :FEATURES], abs=1e-9)
    assert expected == pytest.approx(own[0, :, FEATURES], abs=1e-9)


@with_shap
@pytest.mark.parametrize(
    ("model", "classes"),
    [
        (HistGradientBoostingRegressor(max_iter=20, early_stopping=False), 0),
        (HistGradientBoostingClassifier(max_iter=20, early_stopping=False), 2),
        (HistGradientBoostingClassifier(max_iter=10, early_stopping=False), 3),
        (RandomForestRegressor(5, min_samples_leaf=10, random_state=1), 0),
        (RandomForestClassifier(5, min_samples_leaf=10, random_state=1), 3),
        (DecisionTreeClassifier(min_samples_leaf=10, random_state=1), 2),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else f"{value} classes",
)
def test_contributions_are_those_of_shaps_tree_explainer(model: Any, classes: int) -> None:
    shap = library()
    matrix, signal = rows_of(missing="Hist" in type(model).__name__)
    fitted = boosted(model, signal, matrix, classes)
    ensemble = ensemble_of(fitted)
    assert ensemble is not None

    found, expected = tree_values(ensemble, matrix[:50])
    explainer = shap.TreeExplainer(fitted)
    theirs = np.asarray(explainer.shap_values(matrix[:50])).reshape(50, FEATURES, -1)

    assert found == pytest.approx(theirs, abs=1e-6)  # shap keeps float32 for some of them
    assert expected == pytest.approx(np.ravel(explainer.expected_value), abs=1e-6)


@with_shap
def test_a_linear_models_contributions_are_those_of_shaps_linear_explainer() -> None:
    shap = library()
    matrix, signal = rows_of(missing=False)
    columns = matrix.astype(np.float64)
    model = Ridge().fit(columns, signal)
    background = shap.maskers.Independent(columns, max_samples=len(columns))
    theirs = shap.LinearExplainer(model, background).shap_values(columns[:20])
    found = linear_values(model.coef_[None], columns[:20], columns.mean(axis=0), np.arange(FEATURES))

    assert found[:, :, 0] == pytest.approx(theirs, abs=1e-9)


def test_columns_made_of_one_feature_count_together() -> None:
    found = linear_values(
        np.array([[1.0, 10.0, -10.0]]), np.array([[2.0, 1.0, 0.0]]), np.array([0.0, 0.5, 0.5]), np.array([0, 1, 1])
    )

    assert found[0, :, 0].tolist() == [2.0, 10.0]  # 10 · (1 − 0.5) and −10 · (0 − 0.5)


def test_an_estimator_without_known_trees_has_none() -> None:
    assert ensemble_of(Ridge()) is None


def test_a_tree_of_one_leaf_contributes_nothing() -> None:
    nowhere = np.array([0])
    asks, missing = np.array([LEAF]), np.array([False])
    leaf = Tree(asks, np.array([0.0]), nowhere, nowhere, missing, np.array([9.0]), np.array([[3.0]]))
    values, expected = tree_values(Ensemble((leaf,), np.array([1.0]), "the target"), np.zeros((2, 1), np.float32))

    assert values.tolist() == [[[0.0]], [[0.0]]]
    assert expected.tolist() == [4.0]
