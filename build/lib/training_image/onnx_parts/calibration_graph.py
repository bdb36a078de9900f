"""Calibration as nodes at the end of a classifier's ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from training_image.onnx_parts.calibration import FARTHEST

OPSET = 18
RENAMED = {"class_ids": "target_ids", "class_nodeids": "target_nodeids", "class_treeids": "target_treeids",
           "class_weights": "target_weights"}  # fmt: skip
UNUSED = ("classlabels_int64s", "classlabels_strings", "post_transform")


def append_calibration(model: onnx.ModelProto, output: str, parameters: Sequence[float], smoothing: float) -> None:
    """Turn a graph's probabilities (n, classes) into calibrated ones, in place; the output keeps its name.

    Parameters
    ----------
    output : the probabilities' name in the graph.
    parameters, smoothing : as `training_image.onnx_parts.calibration.Calibrated` has them.
    """
    if not any(opset.domain == "" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", OPSET))
    steps = _Steps(model.graph)
    if len(parameters) == 2:
        slope, intercept = parameters
        odds = _own_odds(steps, output) or _odds(steps, steps.renamed(output), smoothing)
        odds = steps.add("Clip", odds, steps.number(-FARTHEST), steps.number(FARTHEST))
        turned = steps.add("Add", steps.add("Mul", odds, steps.number(slope)), steps.number(intercept))
        likely = steps.add("Sigmoid", turned)
        unlikely = steps.add("Sigmoid", steps.add("Neg", turned))
        steps.add("Concat", unlikely, likely, to=output, axis=1)
        return
    smoothed = steps.add("Add", steps.renamed(output), steps.number(smoothing))
    cooled = steps.add("Div", steps.add("Log", smoothed), steps.number(parameters[0]))
    steps.add("Softmax", cooled, to=output, axis=1)


class _Steps:
    """Nodes added to a graph one after the other, each name once."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self._numbers = count()

    def name(self) -> str:
        return f"calibration_{next(self._numbers)}"

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        to = to or self.name()
        self.graph.node.append(helper.make_node(kind, list(inputs), [to], **attributes))
        return to

    def number(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def constant(self, values: np.ndarray) -> str:
        name = self.name()
        self.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def renamed(self, output: str) -> str:
        """Give way to an output of the same name."""
        name = self.name()
        for node in self.graph.node:
            node.output[:] = [name if each == output else each for each in node.output]
        return name


def _odds(steps: _Steps, probabilities: str, smoothing: float) -> str:
    """Log odds (n, 1) of probabilities (n, 2)."""
    smoothed = steps.add("Add", probabilities, steps.number(smoothing))
    logarithms = steps.add("Log", smoothed)
    of_class = [steps.add("Gather", logarithms, steps.constant(np.array([place])), axis=1) for place in (0, 1)]
    return steps.add("Sub", of_class[1], of_class[0])


def _own_odds(steps: _Steps, output: str) -> str:
    """The log odds (n, 1) that the last node makes its probabilities of; empty where it has none.

    1 - p of a float32 p near 1 has lost most of its digits, and a slope below 1 would show it.
    """
    node = next(node for node in steps.graph.node if output in node.output)
    attributes = {each.name: each for each in node.attribute}
    if node.op_type not in ("TreeEnsembleClassifier", "LinearClassifier") or "post_transform" not in attributes:
        return ""
    if attributes["post_transform"].s != b"LOGISTIC":
        return ""
    if node.op_type == "LinearClassifier":
        attributes["post_transform"].s = b"NONE"
        return steps.add("Gather", steps.renamed(output), steps.constant(np.array([1])), axis=1)
    kept = [attribute for name, attribute in attributes.items() if name not in UNUSED]
    for attribute in kept:
        attribute.name = RENAMED.get(attribute.name, attribute.name)
    kept += [helper.make_attribute("n_targets", 1), helper.make_attribute("post_transform", "NONE")]
    node.op_type = "TreeEnsembleRegressor"
    del node.attribute[:]
    node.attribute.extend(kept)
    odds = steps.name()
    node.output[:] = [odds]
    return odds
