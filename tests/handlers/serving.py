"""A serving function with a real graph, asked as API Gateway asks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from contender.registry.versions import MODEL, ModelRegistry, ModelVersion
from tests import models
from tests.handlers.conftest import Cloud, Context

ROW = {"amount": 10, "carrier": "A"}
FEATURES = [
    {"name": "amount", "kind": "numeric", "levels": []},
    {"name": "carrier", "kind": "categorical", "levels": ["A", "B"]},
]
MANIFEST = {
    "version": "v1",
    "pipeline": "shop",
    "task": "binary",
    "target": "late",
    "positive": "true",
    "classes": ["false", "true"],
    "features": FEATURES,
    "typical": {"amount": 50.0, "carrier": "B"},
    "metrics": {"auc": 0.7},
    "trained_rows": 100,
    "datasets": ["d1"],
}


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


def publish(cloud: Cloud, version: str, slope: float, **manifest: Any) -> ModelVersion:
    """Write a model version."""
    return ModelRegistry(cloud.models, "shop").write(
        {**MANIFEST, "version": version, **manifest}, {MODEL: graph(slope)}
    )


def crown(cloud: Cloud, version: str = "v1", slope: float = 0.01, **manifest: Any) -> None:
    """Write a model version and make it champion."""
    models.crown(cloud.models, publish(cloud, version, slope, **manifest))


def first_model() -> None:
    crown(Cloud())


def event(
    method: str,
    path: str,
    body: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    encoded: bool = False,
) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"} if headers is None else dict(headers),
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default", "requestId": "r"},
        "body": body,
        "isBase64Encoded": encoded,
    }


def call(cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
    """The whole answer to an event, when the work after it is done as well."""
    serve = cloud.function("serve")
    answer: dict[str, Any] = serve.handler(asked, Context())
    serve.after_answer.wait()
    return answer


def ask(cloud: Cloud, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
    """Status and body; what is no text is sent as JSON."""
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    answer = call(cloud, event(method, path, text, **more))
    return answer["statusCode"], json.loads(answer["body"])


def predict(cloud: Cloud, *rows: Mapping[str, Any], **more: Any) -> tuple[int, Any]:
    return ask(cloud, "POST", "/v1/predict", {"rows": rows, **more})


def look_again(cloud: Cloud) -> None:
    """As if the time between two looks at the pointer had passed."""
    cloud.function("serve").service.follower._looked_at = float("-inf")


def taken(queue: str) -> list[dict[str, Any]]:
    """The messages in a queue, which is empty then."""
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId", "MessageDeduplicationId"]
    ).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]) | {"attributes": message.get("Attributes", {})})
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
