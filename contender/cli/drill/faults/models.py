"""Champions that are wrong in serving: the champion's own graph with something after it.

A rehearsal would have stopped them; the drill moves the pointer as a run's promotion does, without a rehearsal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contender.adapters.aws.kms import KmsSigner
from contender.cli.clouds import Workbench
from contender.registry.pointer import Pointer, require_pointer
from contender.registry.swaps import promote
from contender.registry.versions import MODEL, ModelRegistry

Change = Callable[[onnx.GraphProto, str, str], None]
"""Adds nodes to a graph, from the tensor that held its predictions to the one that is to hold them."""

BEYOND = 99
"""A column that no prediction has."""


def serve(bench: Workbench, change: Change, *, name: str) -> Pointer:
    """Make a changed copy of the champion the champion, through the registry and the pointer; it is signed.

    Raises
    ------
    NotFoundError
        When there is no champion to copy.
    """
    registry, found = ModelRegistry(bench.models, bench.pipeline), require_pointer(bench.models, bench.pipeline)
    champion = registry.read(found.pointer.champion, manifest_sha256=found.pointer.manifest_sha256)
    files = {file: registry.file(champion, file) for file in champion.manifest["files"]}
    files[MODEL] = changed(files[MODEL], change)
    signer = KmsSigner(bench.cloud.client("kms"), bench.signing_key_arn)
    version = f"{champion.version}-{name}"
    model = registry.write({**champion.manifest, "version": version}, files, sign=signer.sign)
    pointer = promote(
        bench.models,
        pipeline=bench.pipeline,
        version=version,
        manifest_sha256=model.manifest_sha256,
        judged_against=found.etag,
        run_id=f"drill-{name}",
        fencing_token=found.pointer.fencing_token,
        now=datetime.now(UTC).isoformat(),
        reason=f"part of the drill: {name}",
    )
    bench.ledger.append_promotion(bench.pipeline, asdict(pointer) | {"kind": "promotion"})
    return pointer


def changed(model: bytes, change: Change) -> bytes:
    """A model whose predictions go through what `change` adds."""
    proto = onnx.load_from_string(model)
    (output,) = proto.graph.output
    inner = f"{output.name}_before_the_drill"
    for node in proto.graph.node:
        node.output[:] = [inner if name == output.name else name for name in node.output]
        node.input[:] = [inner if name == output.name else name for name in node.input]
    change(proto.graph, inner, output.name)
    return bytes(proto.SerializeToString())


def failing(graph: onnx.GraphProto, inner: str, output: str) -> None:
    """Every prediction asks for a column that is not there: the runtime fails, and the request with it."""
    columns = graph.output[0].type.tensor_type.shape.dim[-1].dim_value or 1
    _constant(graph, "drill_columns", np.full(columns, BEYOND, dtype=np.int64))
    graph.node.append(helper.make_node("Gather", [inner, "drill_columns"], [output], axis=1))


def unchanged(graph: onnx.GraphProto, inner: str, output: str) -> None:
    """Predictions stay as they are."""
    graph.node.append(helper.make_node("Identity", [inner], [output]))


def certain(probabilities: Sequence[float]) -> Change:
    """Every row gets these probabilities, whatever it holds."""

    def change(graph: onnx.GraphProto, inner: str, output: str) -> None:
        _constant(graph, "drill_zero", np.zeros(1, dtype=np.float32))
        _constant(graph, "drill_answer", np.asarray([probabilities], dtype=np.float32))
        graph.node.append(helper.make_node("Mul", [inner, "drill_zero"], ["drill_nothing"]))
        graph.node.append(helper.make_node("Add", ["drill_nothing", "drill_answer"], [output]))

    return change


def slow(rounds: int) -> Change:
    """Predictions stay as they are, and come after so many rounds of a loop, about a microsecond each."""

    def change(graph: onnx.GraphProto, inner: str, output: str) -> None:
        _constant(graph, "drill_rounds", np.array(rounds, dtype=np.int64))
        _constant(graph, "drill_on", np.array(True))
        _constant(graph, "drill_zero", np.zeros(1, dtype=np.float32))
        graph.node.extend(
            [
                # By the shape of the input, so that the loop is not done when the model is loaded.
                helper.make_node("Shape", [graph.input[0].name], ["drill_shape"]),
                helper.make_node("Cast", ["drill_shape"], ["drill_start"], to=TensorProto.FLOAT),
                helper.make_node("Loop", ["drill_rounds", "drill_on", "drill_start"], ["drill_end"], body=_one_round()),
                helper.make_node("ReduceMax", ["drill_end"], ["drill_most"], keepdims=0),
                helper.make_node("Mul", ["drill_most", "drill_zero"], ["drill_nothing"]),
                helper.make_node("Add", [inner, "drill_nothing"], [output]),
            ]
        )

    return change


def _one_round() -> onnx.GraphProto:
    """The body of a loop that counts down to zero and stays there."""
    value = helper.make_tensor_value_info
    return helper.make_graph(
        [
            helper.make_node("Identity", ["on_before"], ["on_after"]),
            helper.make_node("Relu", ["count_before"], ["count_after"]),
        ],
        "drill_round",
        [
            value("round", TensorProto.INT64, []),
            value("on_before", TensorProto.BOOL, []),
            value("count_before", TensorProto.FLOAT, None),
        ],
        [value("on_after", TensorProto.BOOL, []), value("count_after", TensorProto.FLOAT, None)],
    )


def _constant(graph: onnx.GraphProto, name: str, value: Any) -> None:
    graph.initializer.append(numpy_helper.from_array(value, name))
