"""Champions that are wrong in serving: the champion's own graph with something after it.

A rehearsal would have stopped them; the drill calls the function that promotes as a run does that has passed one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contender.adapters.aws.kms import KmsSigner
from contender.cli.clouds import Workbench
from contender.cli.drill.faults.resources import physical_id
from contender.errors import ContenderError
from contender.registry.pointer import Pointer, require_pointer
from contender.registry.versions import MODEL, ModelRegistry
from contender.workflow.messages import Claim, Comparison

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
    ContenderError
        When it is not promoted.
    """
    registry, found = ModelRegistry(bench.models, bench.pipeline), require_pointer(bench.models, bench.pipeline)
    champion = registry.read(found.pointer.champion, manifest_sha256=found.pointer.manifest_sha256)
    files = {file: registry.file(champion, file) for file in champion.manifest["files"]}
    files[MODEL] = changed(files[MODEL], change)
    signer = KmsSigner(bench.cloud.client("kms"), bench.signing_key_arn)
    version = f"{champion.version}-{name}"
    model = registry.write({**champion.manifest, "version": version}, files, sign=signer.sign)
    comparison = Comparison(
        verdict="wins",
        reason=f"part of the drill: {name}",
        challenger=version,
        challenger_manifest_sha256=model.manifest_sha256,
        champion=champion.version,
        champion_etag=found.etag,
    )
    _promote(bench, comparison, run_id=f"drill-{name}", fencing_token=found.pointer.fencing_token)
    return require_pointer(bench.models, bench.pipeline).pointer


def _promote(bench: Workbench, comparison: Comparison, *, run_id: str, fencing_token: int) -> None:
    """Call the function of the state Promote, with the state that a run has after a won comparison and a rehearsal."""
    now = datetime.now(UTC).isoformat()
    claim = Claim("claimed", run_id, bench.pipeline, "manual", now, "part of the drill", fencing_token=fencing_token)
    state = {"pipeline": bench.pipeline, "claim": claim.to_dict(), "comparison": comparison.to_dict()}
    answer = bench.cloud.client("lambda").invoke(
        FunctionName=physical_id(bench, "workflow", begins="FunctionsPromote", kind="AWS::Lambda::Function"),
        Payload=json.dumps({"run_id": run_id, "started_at": now, "state": state}),
    )
    told = json.loads(answer["Payload"].read())
    if told.get("status") != "promoted":
        raise ContenderError(f"Promote was to make {comparison.challenger} the champion, but answered {told}")


def changed(model: bytes, change: Change) -> bytes:
    """A model whose predictions go through what `change` adds."""
    proto = onnx.load_from_string(model)
    (output,) = proto.graph.output
    inner = f"{output.name}_before_{len(proto.graph.node)}"  # another one than that of an earlier change
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
