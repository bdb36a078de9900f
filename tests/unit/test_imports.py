"""What a function loads when it starts: a cold start is paid for by whoever waits."""

from __future__ import annotations

from functools import cache

import pytest

from contender.cli.main import COMMANDS
from tests.cold_starts import ROOT, handler, modules_after, packages

SERVING_LOADS_NO = {"scipy", "sklearn", "pandas", "pyarrow"}
LOOP_LOADS_NO = SERVING_LOADS_NO | {"numpy", "onnxruntime"}
DATA_LOADS_NO = {"sklearn", "skl2onnx", "onnx", "aws_cdk", "typer", "rich", "localcloud", "training_image"}

FORBIDDEN = {
    "serve": SERVING_LOADS_NO | DATA_LOADS_NO | {"boto3", "pydantic"},
    "claim": LOOP_LOADS_NO | DATA_LOADS_NO,
    "promote": LOOP_LOADS_NO | DATA_LOADS_NO,
    "record": LOOP_LOADS_NO | DATA_LOADS_NO,
    "pulse": LOOP_LOADS_NO | DATA_LOADS_NO,
    "judge_experiment": LOOP_LOADS_NO | DATA_LOADS_NO,
    "watch": LOOP_LOADS_NO | DATA_LOADS_NO,
    "roll_back": LOOP_LOADS_NO | DATA_LOADS_NO,
    "rehearse": LOOP_LOADS_NO | DATA_LOADS_NO,
    "approval": LOOP_LOADS_NO | DATA_LOADS_NO,
    "authorize": LOOP_LOADS_NO | DATA_LOADS_NO,
    "recent_runs": LOOP_LOADS_NO | DATA_LOADS_NO,
    "notify": LOOP_LOADS_NO | DATA_LOADS_NO,
    "tell": LOOP_LOADS_NO | DATA_LOADS_NO,
    "send_digest": LOOP_LOADS_NO | DATA_LOADS_NO,
    "validate_batch": DATA_LOADS_NO | {"onnxruntime"},
    "detect_drift": DATA_LOADS_NO,
    "judge_window": DATA_LOADS_NO | {"onnxruntime"},
    "evaluate_challenger": DATA_LOADS_NO,
    "plan_batch": DATA_LOADS_NO | {"onnxruntime"},
    "predict_part": DATA_LOADS_NO | {"scipy"},
    "finish_batch": LOOP_LOADS_NO | DATA_LOADS_NO,
    "keep_predictions": DATA_LOADS_NO | {"onnxruntime", "scipy", "pandas"},
    "keep_feedback": DATA_LOADS_NO | {"onnxruntime", "scipy", "pandas"},
    "predict_queued": SERVING_LOADS_NO | DATA_LOADS_NO | {"boto3", "pydantic"},
}

COMMON = ("aws_lambda_powertools", "boto3", "numpy", "pyarrow.parquet", "pandas", "scipy.stats", "onnxruntime")
"""What takes longest to load. Functions that may load it are forked from one process that has, in this order."""


def commons(forbidden: set[str]) -> list[str]:
    return [name for name in COMMON if name.split(".")[0] not in forbidden]


@cache
def after_all() -> dict[frozenset[str], set[str]]:
    """The modules after the starts of all functions together that may not load the same, by what they may not."""
    groups: dict[frozenset[str], list[str]] = {}
    for name, forbidden in FORBIDDEN.items():
        groups.setdefault(frozenset(forbidden), []).append(handler(name))
    found = modules_after(list(groups.values()), [commons(set(forbidden)) for forbidden in groups])
    return dict(zip(groups, found, strict=True))


def after_start(name: str) -> set[str]:
    """The modules of a function after its start: where none of a group loads what it may not, those of all of them."""
    together = after_all()[frozenset(FORBIDDEN[name])]
    if packages(together) & FORBIDDEN[name]:
        (together,) = modules_after([[handler(name)]], [commons(FORBIDDEN[name])])
    return together


def test_every_function_is_looked_at() -> None:
    assert set(FORBIDDEN) == {handler.parent.name for handler in (ROOT / "lambdas").glob("*/handler.py")}


@pytest.mark.slow  # starts each function's imports anew
@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_function_loads_nothing_that_it_does_not_need(name: str) -> None:
    assert packages(after_start(name)) & FORBIDDEN[name] == set()


@pytest.mark.slow  # starts interpreters
def test_serving_speaks_to_aws_without_its_sdk_also_where_it_is_traced() -> None:
    """Powertools loads `botocore` itself, a file of a few lines. The X-Ray SDK would load sessions: Lambda traces the
    function without it."""
    (modules,) = modules_after([[handler("serve")]], POWERTOOLS_TRACE_DISABLED="")
    assert modules & {"boto3", "botocore.session", "botocore.credentials", "aws_xray_sdk"} == set()


@pytest.mark.slow  # starts interpreters
def test_a_function_loads_the_x_ray_sdk_where_it_is_traced_and_only_there() -> None:
    (where_it_is,) = modules_after([[handler("claim")]], POWERTOOLS_TRACE_DISABLED="false")
    assert "aws_xray_sdk" in packages(where_it_is)
    assert "aws_xray_sdk" not in packages(after_start("claim"))


@pytest.mark.slow  # starts interpreters
def test_serving_loads_its_documents_when_somebody_asks_for_them() -> None:
    """They take 11 ms of a start of 200."""
    documents = {"contender.serving.openapi", "contender.serving.openapi_schemas", "lambdas.serve.documents"}
    assert after_start("serve") & documents == set()


@pytest.mark.slow  # starts interpreters
def test_the_core_loads_nothing_of_aws() -> None:
    core = [path.relative_to(ROOT) for path in (ROOT / "contender").rglob("*.py") if path.stem != "__init__"]
    inner = [path for path in core if path.parts[1] not in ("adapters", "cli")]
    (modules,) = modules_after([[".".join(path.with_suffix("").parts) for path in inner]])
    of_aws_and_adapters = {"boto3", "botocore", "pandas", "pyarrow", "onnxruntime", "sklearn", "aws_cdk"}
    assert packages(modules) & of_aws_and_adapters == set()


@pytest.mark.slow  # starts interpreters
def test_the_command_line_starts_without_what_only_some_commands_compute_with() -> None:
    """Each takes a second or more to load, and every command would."""
    status, everything = modules_after(
        [["contender.cli.commands.status"], [f"contender.cli.commands.{name}" for name in COMMANDS]],
        [["contender.cli.main"]] * 2,
    )
    assert everything & {"scipy.stats", "sklearn", "mlflow", "matplotlib"} == set()
    assert status & {"pandas", "pyarrow", "duckdb", "onnxruntime"} == set()
