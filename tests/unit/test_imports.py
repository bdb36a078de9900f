"""What a function loads when it starts: a cold start is paid for by whoever waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SERVING_LOADS_NO = {"scipy", "sklearn", "pandas", "pyarrow"}
LOOP_LOADS_NO = SERVING_LOADS_NO | {"numpy", "onnxruntime"}
DATA_LOADS_NO = {"sklearn", "skl2onnx", "onnx", "aws_cdk", "typer", "rich", "localcloud", "training_image"}

FORBIDDEN = {
    "serve": SERVING_LOADS_NO | DATA_LOADS_NO | {"boto3", "pydantic"},
    "claim": LOOP_LOADS_NO | DATA_LOADS_NO,
    "promote": LOOP_LOADS_NO | DATA_LOADS_NO,
    "record": LOOP_LOADS_NO | DATA_LOADS_NO,
    "watch": LOOP_LOADS_NO | DATA_LOADS_NO,
    "roll_back": LOOP_LOADS_NO | DATA_LOADS_NO,
    "rehearse": LOOP_LOADS_NO | DATA_LOADS_NO,
    "approval": LOOP_LOADS_NO | DATA_LOADS_NO,
    "authorize": LOOP_LOADS_NO | DATA_LOADS_NO,
    "notify": LOOP_LOADS_NO | DATA_LOADS_NO,
    "validate_batch": DATA_LOADS_NO | {"onnxruntime"},
    "detect_drift": DATA_LOADS_NO,
    "evaluate_challenger": DATA_LOADS_NO,
    "plan_batch": DATA_LOADS_NO | {"onnxruntime"},
    "predict_part": DATA_LOADS_NO | {"scipy"},
    "finish_batch": LOOP_LOADS_NO | DATA_LOADS_NO,
    "keep_predictions": DATA_LOADS_NO | {"onnxruntime", "scipy", "pandas"},
    "keep_feedback": DATA_LOADS_NO | {"onnxruntime", "scipy", "pandas"},
    "predict_queued": SERVING_LOADS_NO | DATA_LOADS_NO | {"boto3", "pydantic"},
}

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "PIPELINE": "shop",
    "DATA_BUCKET": "data",
    "MODEL_BUCKET": "models",
    "RUNS_TABLE": "runs",
    "TRAINING_CODE": "c0de",
    "PIPELINE_FILE": "s3://assets/pipeline.toml",
    "ROLLOUT_POLICY": "{}",
    "ALARM": "champion-fails",
    "TASK": "binary",
    "PREDICTIONS_TABLE": "predictions",
    "MAX_RECEIVES": "4",
    "PREDICTION_LOG_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/log",
    "FEEDBACK_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/feedback",
    "ASYNC_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/async.fifo",
    "SERVING_POLICY": "{}",
    "API_KEY_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "SERVE_FUNCTION_NAME": "contender-test-shop-serve",
    "MAX_MODEL_MIB": "200.0",
    "ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",
    "POWERTOOLS_METRICS_NAMESPACE": "Contender",
    "POWERTOOLS_SERVICE_NAME": "function",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


def loaded_by(module: str) -> set[str]:
    """The top-level packages in a fresh interpreter after this import."""
    return {name.split(".")[0] for name in modules_after(module)}


def modules_after(module: str, **variables: str) -> set[str]:
    """All modules in a fresh interpreter after this import, with these variables beside all functions' own."""
    program = f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= ENVIRONMENT | variables
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))  # a function may log while it starts


def test_every_function_is_looked_at() -> None:
    assert set(FORBIDDEN) == {handler.parent.name for handler in (ROOT / "lambdas").glob("*/handler.py")}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_function_loads_nothing_that_it_does_not_need(name: str) -> None:
    assert loaded_by(f"lambdas.{name}.handler") & FORBIDDEN[name] == set()


def test_serving_speaks_to_aws_without_its_sdk_also_where_it_is_traced() -> None:
    """Powertools loads `botocore` itself, a file of a few lines. The X-Ray SDK would load sessions: Lambda traces the
    function without it."""
    modules = modules_after("lambdas.serve.handler", POWERTOOLS_TRACE_DISABLED="")
    assert modules & {"boto3", "botocore.session", "botocore.credentials", "aws_xray_sdk"} == set()


def test_serving_loads_its_documents_when_somebody_asks_for_them() -> None:
    """They take 11 ms of a start of 200."""
    modules = modules_after("lambdas.serve.handler")
    assert (
        modules & {"contender.serving.openapi", "contender.serving.openapi_schemas", "lambdas.serve.documents"} == set()
    )


def test_the_core_loads_nothing_of_aws() -> None:
    core = [path.relative_to(ROOT) for path in (ROOT / "contender").rglob("*.py") if path.stem != "__init__"]
    inner = [path for path in core if path.parts[1] not in ("adapters", "cli")]
    modules = ", ".join(".".join(path.with_suffix("").parts) for path in inner)
    assert loaded_by(modules) & {"boto3", "botocore", "pandas", "pyarrow", "onnxruntime", "sklearn", "aws_cdk"} == set()
