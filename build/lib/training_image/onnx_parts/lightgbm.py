"""LightGBM's trees as an ONNX tree ensemble.

Our own, because the published converter rounds thresholds to the nearest float32: a row between two neighbouring
values then takes the other branch, seen with an error of 0.99 in probability. It is registered with skl2onnx, so that
a LightGBM model can be any pipeline's last step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from contender.errors import TrainingFailedError
from training_image.onnx_parts.float32 import round_down, upper_edge

ML = "ai.onnx.ml"
IDENTITIES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
EXPONENTIALS = ("poisson", "gamma", "tweedie")
"""Objectives whose sum of leaves is the prediction, or its logarithm."""


def register(classifier: type, regressor: type) -> None:
    """Tell skl2onnx how LightGBM's two estimators are converted; may be told again."""
    update_registered_converter(
        classifier,
        "ContenderLightGbmClassifier",
        calculate_linear_classifier_output_shapes,
        _convert,
        options={"zipmap": [True, False], "nocl": [True, False], "raw_scores": [True, False]},
    )
    update_registered_converter(
        regressor, "ContenderLightGbmRegressor", calculate_linear_regressor_output_shapes, _convert
    )


@dataclass
class Nodes:
    """The nodes of all trees as ONNX lists them, and the weights of their leaves."""

    tree: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    mode: list[str] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    missing_is_true: list[int] = field(default_factory=list)
    leaves: list[tuple[int, int, int, float]] = field(default_factory=list)
    """Of each leaf: tree, node, output, weight."""

    def add_tree(self, number: int, root: Mapping[str, Any], *, output: int, scale: float) -> None:
        """Every node of one tree, parents before children."""
        waiting, last = [(root, 0)], 0
        while waiting:
            node, place = waiting.pop()
            is_leaf = "leaf_value" in node
            if is_leaf:
                self.leaves.append((number, place, output, float(node["leaf_value"]) * scale))
                children = (0, 0)
            else:
                children = (last + 1, last + 2)
                waiting += [(node["left_child"], last + 1), (node["right_child"], last + 2)]
                last += 2
            self.tree.append(number)
            self.node.append(place)
            self.feature.append(0 if is_leaf else int(node["split_feature"]))
            self.mode.append("LEAF" if is_leaf else "BRANCH_LEQ")
            self.threshold.append(0.0 if is_leaf else float(round_down(np.float64(node["threshold"]))))
            self.true.append(children[0])
            self.false.append(children[1])
            self.missing_is_true.append(0 if is_leaf else int(missing_goes_left(node)))

    def attributes(self, kind: str) -> dict[str, Any]:
        """As the operator's attributes; `kind` is `class` or `target`."""
        trees, nodes, outputs, weights = (list(column) for column in zip(*self.leaves, strict=True))
        return {
            "nodes_treeids": self.tree,
            "nodes_nodeids": self.node,
            "nodes_featureids": self.feature,
            "nodes_modes": self.mode,
            "nodes_values": self.threshold,
            "nodes_truenodeids": self.true,
            "nodes_falsenodeids": self.false,
            "nodes_missing_value_tracks_true": self.missing_is_true,
            f"{kind}_treeids": trees,
            f"{kind}_nodeids": nodes,
            f"{kind}_ids": outputs,
            f"{kind}_weights": weights,
        }


def move_thresholds(model: Any) -> None:
    """Move each threshold, in place, to the largest float64 that rounds to its float32; no prediction changes.

    LightGBM lets thresholds be set in its text form only.
    """
    before = model.booster_
    lines = []
    for line in before.model_to_string().split("\n"):
        name, _, values = line.partition("=")
        if name == "threshold":
            edges = upper_edge(np.array(values.split(), dtype=np.float64))
            lines.append("threshold=" + " ".join(map(repr, edges.tolist())))
        elif name != "tree_sizes":  # in bytes; may be left out
            lines.append(line)
    model._Booster = type(before)(model_str="\n".join(lines))
    model._Booster.best_iteration, model._Booster.best_score = before.best_iteration, before.best_score


def missing_goes_left(node: Mapping[str, Any]) -> bool:
    """Where a missing value goes: to the learned side, or with the zeros where training saw none missing."""
    if node["missing_type"] == "None":
        return float(node["threshold"]) >= 0.0
    return bool(node["default_left"])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """skl2onnx's hook: the model as nodes of the graph.

    Raises
    ------
    TrainingFailedError
        When the model holds what an ONNX tree cannot say; the message says what to use instead.
    """
    told = operator.raw_operator.booster_.dump_model()
    objective, *options = told["objective"].split()
    _check(told, objective, options)
    outputs = told["num_tree_per_iteration"]
    nodes, scale = Nodes(), scale_of(told, options)
    for number, tree in enumerate(told["tree_info"]):
        nodes.add_tree(number, tree["tree_structure"], output=number % outputs, scale=scale)
    inputs, results = operator.input_full_names, operator.output_full_names
    if objective in ("binary", "multiclass"):
        attributes = nodes.attributes("class") | {
            "classlabels_int64s": [int(label) for label in operator.raw_operator.classes_],
            "post_transform": "LOGISTIC" if objective == "binary" else "SOFTMAX",
        }
        container.add_node("TreeEnsembleClassifier", inputs, results, op_domain=ML, op_version=1, **attributes)
        return
    attributes = nodes.attributes("target") | {"n_targets": 1, "post_transform": "NONE"}
    is_logarithm = objective in EXPONENTIALS
    summed = scope.get_unique_variable_name("logarithm") if is_logarithm else results[0]
    container.add_node("TreeEnsembleRegressor", inputs, summed, op_domain=ML, op_version=1, **attributes)
    if is_logarithm:
        container.add_node("Exp", summed, results[0], op_version=13)


def scale_of(told: Mapping[str, Any], options: list[str]) -> float:
    """What every leaf is multiplied by: a random forest's mean, and the steepness of the binary objective."""
    iterations = len(told["tree_info"]) // told["num_tree_per_iteration"]
    steepness = next((float(option.split(":")[1]) for option in options if option.startswith("sigmoid:")), 1.0)
    return steepness / (iterations if told["average_output"] else 1)


def _check(told: Mapping[str, Any], objective: str, options: list[str]) -> None:
    if objective not in ("binary", "multiclass", *IDENTITIES, *EXPONENTIALS) or "sqrt" in options:
        raise TrainingFailedError(
            f"LightGBM's objective {told['objective']!r} has no translation to ONNX; "
            "leave objective out of training.parameters"
        )
    for tree in told["tree_info"]:
        waiting = [tree["tree_structure"]]
        while waiting:
            node = waiting.pop()
            problem = _problem(node)
            if problem:
                raise TrainingFailedError(f"LightGBM's tree {tree['tree_index']} has {problem}")
            waiting += [node[side] for side in ("left_child", "right_child") if side in node]


def _problem(node: Mapping[str, Any]) -> str:
    if node.get("decision_type", "<=") != "<=":
        return "a split on categories, which ONNX lacks; leave categorical_feature out of training.parameters"
    if node.get("missing_type") == "Zero":
        return "zeros that count as missing, which ONNX lacks; leave zero_as_missing out of training.parameters"
    if "leaf_coeff" in node:
        return "a linear model in a leaf, which ONNX lacks; leave linear_tree out of training.parameters"
    return ""
