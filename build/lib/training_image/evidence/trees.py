"""The trees of a trained ensemble in one form, whichever library grew them; input of exact Shapley values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from training_image.onnx_parts.lightgbm import missing_goes_left, scale_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAF = -1
LOG_ODDS, PROBABILITY, VALUE, LOGARITHM = "log-odds", "probability", "the target", "the target's logarithm"
LINKED = ("poisson", "gamma", "tweedie")
"""Losses whose sum of leaves is the logarithm of the prediction."""

BOOSTED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
SINGLE = (DecisionTreeClassifier, DecisionTreeRegressor)


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree of t nodes, the root first.

    Attributes
    ----------
    feature : (t,) which column a node asks for; `LEAF` where it asks nothing.
    threshold : (t,) a row with at most so much goes left.
    left, right : (t,) children.
    missing_left : (t,) whether a row without the value goes left.
    cover : (t,) how many training rows came to the node, by weight where the library keeps that.
    values : (t, k) what a leaf adds to each of k outputs.
    """

    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    missing_left: NDArray[np.bool_]
    cover: Floats
    values: Floats


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees whose leaves add up, from `start` (k,), to outputs in `unit`."""

    trees: tuple[Tree, ...]
    start: Floats
    unit: str


def ensemble_of(model: Any) -> Ensemble | None:
    """A trained estimator's trees; None for an estimator without known trees."""
    if isinstance(model, BOOSTED):
        return _histogram_boosting(model)
    if isinstance(model, FORESTS):
        return _forest(model.estimators_, model)
    if isinstance(model, SINGLE):
        return _forest([model], model)
    if type(model).__module__.startswith("lightgbm.") and hasattr(model, "booster_"):
        return _lightgbm(model)
    return None


def _histogram_boosting(model: Any) -> Ensemble | None:
    classifies = isinstance(model, HistGradientBoostingClassifier)
    outputs = len(model._predictors[0])
    trees = []
    for iteration in model._predictors:
        for output, predictor in enumerate(iteration):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                return None
            is_leaf = nodes["is_leaf"].astype(bool)
            values = np.zeros((len(nodes), outputs))
            values[:, output] = np.where(is_leaf, nodes["value"], 0.0)
            trees.append(
                Tree(
                    np.where(is_leaf, LEAF, nodes["feature_idx"]),
                    nodes["num_threshold"].astype(np.float64),
                    nodes["left"].astype(np.int64),
                    nodes["right"].astype(np.int64),
                    nodes["missing_go_to_left"].astype(bool),
                    nodes["count"].astype(np.float64),
                    values,
                )
            )
    start = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
    unit = LOG_ODDS if classifies else LOGARITHM if model.loss in LINKED else VALUE
    return Ensemble(tuple(trees), start, unit)


def _forest(members: Sequence[Any], model: Any) -> Ensemble:
    """scikit-learn's own trees, averaged; of a classifier the leaves hold shares of the classes."""
    classifies = hasattr(model, "classes_")
    trees = []
    for member in members:
        tree = member.tree_
        is_leaf = tree.children_left < 0
        found = tree.value[:, 0, :]
        if classifies:
            found = found / found.sum(axis=1, keepdims=True)
        trees.append(
            Tree(
                np.where(is_leaf, LEAF, tree.feature),
                tree.threshold.copy(),
                tree.children_left.astype(np.int64),
                tree.children_right.astype(np.int64),
                tree.missing_go_to_left.astype(bool),
                tree.weighted_n_node_samples.copy(),
                np.where(is_leaf[:, None], found, 0.0) / len(members),
            )
        )
    return Ensemble(tuple(trees), np.zeros(trees[0].values.shape[1]), PROBABILITY if classifies else VALUE)


def _lightgbm(model: Any) -> Ensemble:
    told = model.booster_.dump_model()
    outputs, (objective, *options) = told["num_tree_per_iteration"], told["objective"].split()
    scale = scale_of(told, options)
    trees = tuple(
        _of_nodes(tree["tree_structure"], number % outputs, outputs, scale)
        for number, tree in enumerate(told["tree_info"])
    )
    classifies = hasattr(model, "classes_")
    return Ensemble(trees, np.zeros(outputs), LOG_ODDS if classifies else LOGARITHM if objective in LINKED else VALUE)


def _of_nodes(root: Mapping[str, Any], output: int, outputs: int, scale: float) -> Tree:
    """One of LightGBM's trees, from its nested nodes."""
    listed: list[Mapping[str, Any]] = [root]
    children: list[tuple[int, int]] = []
    for node in listed:  # grows as it is read: parents before children
        if "left_child" in node:
            children.append((len(listed), len(listed) + 1))
            listed += [node["left_child"], node["right_child"]]
        else:
            children.append((0, 0))
    is_leaf = np.array(["left_child" not in node for node in listed])
    values = np.zeros((len(listed), outputs))
    values[:, output] = [float(node["leaf_value"]) * scale if "leaf_value" in node else 0.0 for node in listed]
    left, right = (np.array(side, dtype=np.int64) for side in zip(*children, strict=True))
    return Tree(
        np.array([LEAF if leaf else node["split_feature"] for leaf, node in zip(is_leaf, listed, strict=True)]),
        np.array([0.0 if leaf else node["threshold"] for leaf, node in zip(is_leaf, listed, strict=True)]),
        left,
        right,
        np.array([not leaf and missing_goes_left(node) for leaf, node in zip(is_leaf, listed, strict=True)]),
        np.array([float(node.get("internal_count", node.get("leaf_count", 1))) for node in listed]),
        values,
    )
