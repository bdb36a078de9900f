"""A batch job, function by function, as the state machine calls them; and a champion to predict with."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from contender.batch import JobFolder
from contender.promotion import promote, read_pointer
from contender.registry import MODEL, ModelRegistry
from tests.handlers.conftest import PIPELINE, STARTED_AT, Cloud, Context

FEATURES = [
    {"name": "amount", "kind": "numeric", "levels": []},
    {"name": "carrier", "kind": "categorical", "levels": ["A", "B"]},
]


def graph(slope: float) -> bytes:
    """P(true) = slope × amount, 0 where the amount is missing; whatever the carrier."""
    weights = np.array([[-slope, slope]], dtype=np.float32)
    nodes = [
        helper.make_node("Gather", ["input", "first"], ["gathered"], axis=1),
        helper.make_node("IsNaN", ["gathered"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "gathered"], ["amount"]),
        helper.make_node("MatMul", ["amount", "weights"], ["product"]),
        helper.make_node("Add", ["product", "offset"], ["probabilities"]),
    ]
    content = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [
            numpy_helper.from_array(np.array([0]), "first"),
            numpy_helper.from_array(np.zeros(1, dtype=np.float32), "zero"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1.0, 0.0], dtype=np.float32), "offset"),
        ],
    )
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def crown(cloud: Cloud, version: str = "v1", slope: float = 0.01) -> None:
    """Make a version with that slope, and make it the champion."""
    manifest = {
        "version": version,
        "pipeline": PIPELINE,
        "task": "binary",
        "classes": ["false", "true"],
        "positive": "true",
        "features": FEATURES,
    }
    model = ModelRegistry(cloud.models, PIPELINE).write(manifest, {MODEL: graph(slope)})
    current = read_pointer(cloud.models, PIPELINE)
    promote(
        cloud.models,
        pipeline=PIPELINE,
        version=version,
        manifest_sha256=model.manifest_sha256,
        judged_against=current.etag if current else None,
        run_id=version,
        fencing_token=1,
        now=STARTED_AT,
        reason="better",
    )


def csv(rows: int, *, first: int = 0) -> bytes:
    """Orders whose amount is their number, without a target."""
    lines = [f"{number},o{number},{'AB'[number % 2]}" for number in range(first, first + rows)]
    return "\n".join(["amount,order,carrier", *lines]).encode()


def parquet(frame: pd.DataFrame, **how: Any) -> bytes:
    body = io.BytesIO()
    frame.to_parquet(body, index=False, **how)
    return body.getvalue()


@dataclass
class Job:
    """One execution: what PlanBatch answered, and the state that the next function is told."""

    cloud: Cloud
    request: dict[str, Any]
    run_id: str = "batch-1"
    started_at: str = STARTED_AT

    def __post_init__(self) -> None:
        self.plan = self._call("plan_batch", self.request)

    def _call(self, function: str, state: dict[str, Any]) -> dict[str, Any]:
        event = {"run_id": self.run_id, "started_at": self.started_at, "state": state}
        answer = self.cloud.function(function).handler(json.loads(json.dumps(event)), Context())
        return json.loads(json.dumps(answer))

    @property
    def state(self) -> dict[str, Any]:
        return self.request | {"plan": self.plan}

    @property
    def folder(self) -> JobFolder:
        return JobFolder(self.cloud.data, PIPELINE, self.plan["job"])

    @property
    def parts(self) -> list[dict[str, Any]]:
        return json.loads(self.cloud.data.get(self.plan["parts_key"]).body)

    def predict(self, number: int) -> dict[str, Any]:
        return self._call("predict_part", self.state | {"part": self.parts[number]})

    def finish(self, **sections: Any) -> dict[str, Any]:
        return self._call("finish_batch", self.state | sections)

    def run(self) -> dict[str, Any]:
        """All of it; answers the manifest."""
        for number in range(self.plan["parts"]):
            self.predict(number)
        assert self.finish()["status"] == "finished"
        return json.loads(self.read("manifest.json"))

    def read(self, name: str) -> bytes:
        return self.folder.objects.get(self.folder.key(name)).body

    def predictions(self, number: int = 0) -> pd.DataFrame:
        return pq.read_table(io.BytesIO(self.read(f"part-{number:05d}.parquet"))).to_pandas()

    def rejected(self, number: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(f"rejected-{number:05d}.jsonl").splitlines()]

    def objects(self) -> dict[str, bytes]:
        """All that the job has written, by its name in the folder."""
        keys = self.cloud.data.keys(self.folder.prefix)
        return {key.removeprefix(self.folder.prefix): self.cloud.data.get(key).body for key in keys}


def put(cloud: Cloud, name: str, body: bytes) -> dict[str, Any]:
    """Put a file where it is looked for, and the input that its event gives to an execution."""
    key = f"batch/{PIPELINE}/in/{name}"
    answer = boto3.client("s3").put_object(Bucket="data", Key=key, Body=body)
    return {
        "trigger": "upload",
        "pipeline": PIPELINE,
        "bucket": "data",
        "key": key,
        "version_id": answer["VersionId"],
        "etag": answer["ETag"].strip('"'),
        "sequencer": "0055AED6DCD90281E5",
        "size": len(body),
        "event_time": "2026-01-01T00:00:00Z",
    }


def job(cloud: Cloud, body: bytes, *, name: str = "May ü 1.csv", part_rows: int = 0) -> Job:
    """A job of this file, planned."""
    return Job(cloud, put(cloud, name, body) | ({"part_rows": part_rows} if part_rows else {}))
