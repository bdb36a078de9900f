"""Serve as API Gateway calls it, with a real graph."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contender.promotion import promote, read_pointer, roll_back
from contender.registry import MODEL, ModelRegistry
from tests.handlers.conftest import Cloud, Context

Metrics = Callable[[], list[dict[str, Any]]]


def graph(slope: float) -> bytes:
    """P(true) = slope × amount, whatever the carrier."""
    weights = np.array([[-slope, slope]], dtype=np.float32)
    nodes = [
        helper.make_node("Gather", ["input", "first"], ["amount"], axis=1),
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
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1.0, 0.0], dtype=np.float32), "offset"),
        ],
    )
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def crown(cloud: Cloud, version: str, slope: float) -> None:
    manifest = {
        "version": version,
        "pipeline": "shop",
        "task": "binary",
        "target": "late",
        "positive": "true",
        "classes": ["false", "true"],
        "features": [
            {"name": "amount", "kind": "numeric", "levels": []},
            {"name": "carrier", "kind": "categorical", "levels": ["A", "B"]},
        ],
        "metrics": {"auc": 0.7},
        "trained_rows": 100,
        "datasets": ["d1"],
    }
    model = ModelRegistry(cloud.models, "shop").write(manifest, {MODEL: graph(slope)})
    current = read_pointer(cloud.models, "shop")
    promote(
        cloud.models,
        pipeline="shop",
        version=version,
        manifest_sha256=model.manifest_sha256,
        judged_against=current.etag if current else None,
        run_id=version,
        fencing_token=1,
        now="2026-01-01T00:00:00+00:00",
        reason="better",
    )


@pytest.fixture
def serving(cloud: Cloud) -> Cloud:
    crown(cloud, "v1", 0.01)
    return cloud


def ask(cloud: Cloud, method: str, path: str, body: str | None = None, *, encoded: bool = False) -> tuple[int, Any]:
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default", "requestId": "r"},
        "body": body,
        "isBase64Encoded": encoded,
    }
    answer = cloud.function("serve").handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


def predict(cloud: Cloud, *rows: dict[str, Any]) -> tuple[int, Any]:
    return ask(cloud, "POST", "/v1/predict", json.dumps({"rows": rows}))


def look_again(cloud: Cloud) -> None:
    """As if the time between two looks at the pointer had passed."""
    follower = cloud.function("serve").follower
    follower._looked_at = float("-inf")


def test_a_prediction_carries_the_model_version_and_an_id(serving: Cloud, emitted: Metrics) -> None:
    status, body = predict(serving, {"amount": 70, "carrier": "A"}, {"amount": 20, "carrier": None})
    assert status == 200
    assert body["model_version"] == "v1"
    first, second = body["predictions"]
    assert (first["prediction"], first["probability"]) == ("true", pytest.approx(0.7))
    assert (second["prediction"], second["probability"]) == ("false", pytest.approx(0.2))
    assert first["prediction_id"] == body["prediction_id"] + "-0"
    metrics = emitted()[-1]
    assert (metrics["Predictions"], metrics["pipeline"]) == ([2.0], "shop")


def test_two_requests_have_two_prediction_ids(serving: Cloud) -> None:
    ids = {predict(serving, {"amount": 1, "carrier": "A"})[1]["prediction_id"] for _ in range(2)}
    assert len(ids) == 2


def test_an_encoded_body_is_read(serving: Cloud) -> None:
    body = base64.b64encode(json.dumps({"rows": [{"amount": 1, "carrier": "ü"}]}).encode()).decode()
    assert ask(serving, "POST", "/v1/predict", body, encoded=True)[0] == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "the body is not JSON"),
        ("", "the body is not JSON"),
        ("{", "the body is not JSON"),
        ("[" * 100_000, "the body is not JSON"),
        ("9" * 5_000, "the body is not JSON"),
        ("[]", 'the body must be {"rows": [{…}, …]}'),
        ('{"rows": []}', "rows must hold 1 to 5000 rows, but got 0"),
        ('{"rows": [{"amount": 1}]}', "rows[0].carrier is missing; send null when it is not known"),
        ('{"rows": [{"amount": NaN, "carrier": "A"}]}', "rows[0].amount must be a finite number, but got nan"),
        ('{"rows": [{"amount": "1", "carrier": "A"}]}', "rows[0].amount must be a number or null, but got '1'"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(serving: Cloud, body: str | None, said: str) -> None:
    status, answer = ask(serving, "POST", "/v1/predict", body)
    assert status == 400
    assert said in answer["error"]


def test_a_body_that_is_not_what_its_encoding_says_is_a_bad_request(serving: Cloud) -> None:
    assert ask(serving, "POST", "/v1/predict", "é%%%", encoded=True)[0] == 400


def test_the_model_says_what_it_is(serving: Cloud) -> None:
    status, body = ask(serving, "GET", "/v1/model")
    assert status == 200
    assert (body["model_version"], body["task"], body["previous"]) == ("v1", "binary", None)
    assert body["serving_since"] == "2026-01-01T00:00:00+00:00"
    assert [feature["name"] for feature in body["features"]] == ["amount", "carrier"]


def test_health_names_the_version(serving: Cloud) -> None:
    assert ask(serving, "GET", "/health") == (200, {"status": "ok", "model_version": "v1"})


@pytest.mark.parametrize(("method", "path"), [("GET", "/v2/predict"), ("GET", "/v1/predict"), ("POST", "/health")])
def test_an_unknown_route_is_not_found(serving: Cloud, method: str, path: str) -> None:
    assert ask(serving, method, path)[0] == 404


@pytest.mark.parametrize(("method", "path"), [("GET", "/health"), ("GET", "/v1/model"), ("POST", "/v1/predict")])
def test_before_the_first_champion_nobody_is_served(cloud: Cloud, method: str, path: str) -> None:
    status, body = ask(cloud, method, path, '{"rows": [{}]}')
    assert (status, body) == (503, {"error": "shop has no champion yet; upload data to train the first one"})


def test_a_new_champion_and_a_rollback_are_followed(serving: Cloud) -> None:
    row = {"amount": 10, "carrier": "A"}
    assert predict(serving, row)[1]["model_version"] == "v1"
    crown(serving, "v2", 0.05)
    look_again(serving)
    _, body = predict(serving, row)
    assert (body["model_version"], body["predictions"][0]["probability"]) == ("v2", pytest.approx(0.5))
    roll_back(serving.models, pipeline="shop", swap_id="back", now="later", reason="bad", by_person=True)
    look_again(serving)
    assert predict(serving, row)[1]["model_version"] == "v1"


def test_a_model_that_was_tampered_with_is_not_served(serving: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(serving, {"amount": 10, "carrier": "A"})[0] == 200
    crown(serving, "v2", 0.05)
    serving.models.put("models/shop/v2/" + MODEL, onnx.ModelProto().SerializeToString() + graph(0.9))
    look_again(serving)
    assert predict(serving, {"amount": 10, "carrier": "A"})[1]["model_version"] == "v1"
    assert "the last good model serves on" in capsys.readouterr().out
