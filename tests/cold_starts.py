"""What a module loads in a fresh interpreter, as a function does that starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

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
"""Every variable that a function reads when it starts."""

LOAD_EACH = """
import importlib, json, os, sys
common, each = json.loads(sys.argv[1])
for name in common:
    importlib.import_module(name)
for number, names in enumerate(each):
    child = os.fork()
    if not child:
        for name in names:
            importlib.import_module(name)
        print(json.dumps([number, sorted(sys.modules)]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""


def modules_after(each: Sequence[Sequence[str]], common: Sequence[str] = (), **variables: str) -> list[set[str]]:
    """All modules in a fresh interpreter after these imports, for each of them and the `common` ones, with these
    variables beside all functions' own."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | ENVIRONMENT | variables
    command = [sys.executable, "-W", "error", "-c", LOAD_EACH, json.dumps([common, each])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]  # a function may log while it starts
    found = dict(json.loads(line) for line in lines)
    return [set(found[number]) for number in range(len(each))]


def packages(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def handler(function: str) -> str:
    """The module of a function's handler."""
    return f"lambdas.{function}.handler"
