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
    "STAGE_NAME": "contender-prod",
    "STAGE": "contender-prod",
    "ACCOUNT_ID": "123456789012",
    "DATA_BUCKET": "data",
    "MODEL_BUCKET": "models",
    "ENVIRONMENT": "prod",
    "CELL_STYLE": '{"missing": [], "decimal": ".", "day_first": false}',
    "RUNS_TABLE": "runs",
    "TRAINING_CODE": "c0de",
    "PIPELINES": "[]",
    "EXECUTION_ARN": "arn:aws:states:us-east-1:123456789012:execution:{pipeline}:{run}",
    "PIPELINE_FILE": "s3://assets/pipeline.toml",
    "ROLLOUT_POLICY": "{}",
    "ALARM": "champion-fails",
    "TASK": "binary",
    "CONTROL_WEIGHT": "0.0",
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
    "MACHINES": "[]",
    "LOG_GROUPS": "[]",
    "PAGE_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:page",
    "TICKET_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:ticket",
    "INFO_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:info",
    "POWERTOOLS_METRICS_NAMESPACE": "Contender",
    "POWERTOOLS_SERVICE_NAME": "function",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
"""Every variable that a function reads when it starts."""

LOAD_EACH = """
import importlib, json, os, sys

def in_a_fork(work):
    child = os.fork()
    if not child:
        work()
        sys.stdout.flush()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)

def finish(number, names):
    for name in names:
        importlib.import_module(name)
    print(json.dumps([number, sorted(sys.modules)]))

def load(starts, depth):
    for number, common, names in starts:
        if len(common) == depth:
            in_a_fork(lambda: finish(number, names))
    longer = [start for start in starts if len(start[1]) > depth]
    for name in dict.fromkeys(common[depth] for _, common, _ in longer):
        in_a_fork(lambda: importlib.import_module(name) and load([s for s in longer if s[1][depth] == name], depth + 1))

load(json.loads(sys.argv[1]), 0)
"""
"""A process for each start, forked from those that have loaded what it has in common with others."""


def modules_after(
    each: Sequence[Sequence[str]], commons: Sequence[Sequence[str]] | None = None, **variables: str
) -> list[set[str]]:
    """All modules in a fresh interpreter after these imports, for each of them and what comes before it of `commons`,
    with these variables beside all functions' own."""
    starts = [
        (number, list(common), names)
        for number, (common, names) in enumerate(zip(commons or [()] * len(each), each, strict=True))
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | ENVIRONMENT | variables
    command = [sys.executable, "-W", "error", "-c", LOAD_EACH, json.dumps(starts)]
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
