"""Looks at executions of a state machine."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from botocore.exceptions import ClientError

from contender.rollout.dead_runs import Execution


def describe(step_functions: Any, execution_arn: str) -> Execution | None:
    """An execution; None where it is not known. `step_functions` is a boto3 client."""
    try:
        found = step_functions.describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return None
        raise
    began = found["startDate"].astimezone(UTC).isoformat(timespec="milliseconds")
    return Execution(str(found["status"]), str(began).replace("+00:00", "Z"))


def is_running(step_functions: Any, execution_arn: str) -> bool:
    """Whether an execution is in progress; one that is not known is not."""
    found = describe(step_functions, execution_arn)
    return found is not None and found.status == "RUNNING"
