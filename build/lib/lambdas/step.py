"""The frame of every state's function: reads the state, logs and traces, returns its section."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.redaction import without_secrets
from contender.workflow.messages import Message, RunState
from lambdas.redacted_log import new_logger

logger = new_logger()
metrics = Metrics()

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def traced(handler: Handler) -> Handler:
    """The handler, whose calls X-Ray is told of unless that is turned off.

    Where it is, Powertools would load the X-Ray SDK to turn it off: half of a start.
    """
    if os.environ.get("POWERTOOLS_TRACE_DISABLED") == "true":
        return handler
    from aws_lambda_powertools import Tracer  # noqa: PLC0415

    found: Handler = Tracer().capture_lambda_handler(handler)
    return found


class State(Protocol):
    """The state of an execution, as a machine's functions are told it."""

    @property
    def run_id(self) -> str: ...

    @property
    def request(self) -> Any: ...


def step(work: Callable[[Any], Message], read: Callable[[Mapping[str, Any]], State] = RunState.from_dict) -> Handler:
    """A Lambda handler from a function of the run's state, or of another machine's, which `read` makes of the event."""

    @logger.inject_lambda_context
    @traced
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
        state = read(event)
        logger.append_keys(run_id=state.run_id, pipeline=state.request.pipeline)
        metrics.add_dimension(name="pipeline", value=state.request.pipeline)
        started = time.perf_counter()
        try:
            section = work(state)
        except Exception as error:
            # Lambda logs the message, the state machine passes it on, and a mail quotes it.
            error.args = tuple(without_secrets(arg) if isinstance(arg, str) else arg for arg in error.args)
            raise
        finally:
            emit("StepSeconds", time.perf_counter() - started, unit=MetricUnit.Seconds)
        logger.info("step finished", section=section.to_dict())
        return section.to_dict()

    return handler


def emit(name: str, value: float, *, unit: MetricUnit = MetricUnit.Count) -> None:
    """Add a metric of the pipeline, sent with the function's log (CloudWatch's embedded metric format)."""
    metrics.add_metric(name=name, unit=unit, value=value)
