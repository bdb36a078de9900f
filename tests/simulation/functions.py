"""The functions of the loop: the modules of `lambdas/`, with clients of the simulated cloud and its clock.

The modules are imported once, as copies of their own, while boto3 gives out stand-ins. A stand-in passes each call on
to the client of the world that is being simulated. `lambdas.step.step` is replaced by what calls the handler's work
without logging, tracing and metrics: thousands of lines a second would be all that the simulation does.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3

from contender.data import intake
from contender.mails.place import Place
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.workflow.messages import RunState

FOLDERS = {
    "Claim": "claim",
    "ValidateBatch": "validate_batch",
    "DetectDrift": "detect_drift",
    "EvaluateChallenger": "evaluate_challenger",
    "Rehearse": "rehearse",
    "Approval": "approval",
    "Promote": "promote",
    "Watch": "watch",
    "RollBack": "roll_back",
    "Record": "record",
    "Notify": "notify",
}
LAMBDA_SECONDS = {"ValidateBatch": 600.0, "DetectDrift": 600.0, "EvaluateChallenger": 900.0, "Rehearse": 300.0}
"""When Lambda ends a function of its own accord (`stacks/workflow.py`); `USUAL_SECONDS` where nothing is said."""
USUAL_SECONDS = 60.0
ENVIRONMENT = {
    "PIPELINE": "shop",
    "STAGE_NAME": "contender-prod",
    "ACCOUNT_ID": "123456789012",
    "DATA_BUCKET": "data",
    "MODEL_BUCKET": "models",
    "ENVIRONMENT": "prod",
    "CELL_STYLE": '{"missing": ["NA", "?"], "decimal": ".", "day_first": false}',
    "RUNS_TABLE": "runs",
    "PREDICTIONS_TABLE": "predictions",
    "TRAINING_CODE": "c0dec0de" * 8,
    "PIPELINE_FILE": "s3://assets/pipeline.toml",
    "PAGE_TOPIC_ARN": "page",
    "TICKET_TOPIC_ARN": "ticket",
    "INFO_TOPIC_ARN": "info",
    "ROLLOUT_POLICY": "{}",
    "SERVE_FUNCTION_NAME": "serve",
    "MAX_MODEL_MIB": "50",
    "TASK": "regression",
    "ALARM": "serving",
    "SIGNING_KEY_ID": "",
    "HISTORY_KEY_ID": "history",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "simulated",
    "AWS_SECRET_ACCESS_KEY": "simulated",
}

Work = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass
class Here:
    """The world that is being simulated: it has `clients` by service, and `time()`."""

    world: Any = None


HERE = Here()


class StandIn:
    """A client that is, at each call, the one of the world that is being simulated."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(HERE.world.clients[self._service], name)


class SimulatedDatetime(datetime):
    """`datetime`, whose now is the simulation's."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(HERE.world.time(), tz or UTC)


def _step(work: Callable[[Any], Any], read: Callable[[Mapping[str, Any]], Any] = RunState.from_dict) -> Work:
    def handler(event: Mapping[str, Any]) -> dict[str, Any]:
        section: dict[str, Any] = work(read(event)).to_dict()
        return section

    return handler


def _nothing(*_: Any, **__: Any) -> None:
    """Logs and metrics are not simulated."""


@cache
def modules() -> Mapping[str, ModuleType]:
    """The module of each function, by the name of its state."""
    kept = {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] == "lambdas"}
    client = lambda service, **_: StandIn(service)  # noqa: E731
    resource = lambda service, **_: SimpleNamespace(Table=lambda name: StandIn("table"))  # noqa: E731
    try:
        with (
            patch.object(boto3, "client", client),
            patch.object(boto3, "resource", resource),
            patch.dict(os.environ, ENVIRONMENT),
        ):
            frame = importlib.import_module("lambdas.step")
            quiet = SimpleNamespace(info=_nothing, error=_nothing, exception=_nothing, warning=_nothing)
            with patch.multiple(frame, step=_step, emit=_nothing, logger=quiet):
                found = {
                    state: importlib.import_module(f"lambdas.{folder}.handler") for state, folder in FOLDERS.items()
                }
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "lambdas"]:
            del sys.modules[name]
        sys.modules.update(kept)
    for module in found.values():
        _simulate_time(module)
        if hasattr(module, "ledger"):
            vars(module)["ledger"] = replace(module.ledger, wait=_wait)
    vars(found["Record"]).update(emit_verdict=_nothing)
    vars(found["Promote"]).update(write_metrics=_nothing)
    for state in ("Approval", "Notify"):
        vars(found[state]).update(here=lambda: Place("prod", "shop", "contender-prod"))
    return found


def _wait(seconds: float) -> None:
    HERE.world.clock.sleep(seconds)


def _now() -> float:
    now: float = HERE.world.time()
    return now


def _simulate_time(module: ModuleType) -> None:
    if getattr(module, "datetime", None) is datetime:
        vars(module)["datetime"] = SimulatedDatetime
    if getattr(module, "time", None) is time:
        vars(module)["time"] = SimpleNamespace(time=_now, perf_counter=_now)


class AtOnce(Executor):
    """Does what it is given when it is given it: all calls of a function come from one actor."""

    def __init__(self, _workers: int) -> None:
        """The number of workers makes no difference."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given, **named))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def ported(ports: Mapping[str, Mapping[str, Any]], policy: RolloutPolicy) -> Any:
    """With other ports in the functions: by state and the name that its module has of them."""
    before = []
    for state, module in modules().items():
        given = {**ports.get(state, {}), **({"policy": policy} if hasattr(module, "policy") else {})}
        before.append((module, {name: vars(module)[name] for name in given}))
        vars(module).update(given)
    try:
        with patch.object(intake, "ThreadPoolExecutor", AtOnce):
            yield
    finally:
        for module, had in before:
            vars(module).update(had)


def work_of(state: str) -> Work:
    """What a state's function does."""
    work: Work = modules()[state].handler
    return work
