"""Looks at executions of a state machine."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


def is_running(step_functions: Any, execution_arn: str) -> bool:
    """Whether an execution is in progress; one that is not known is not. `step_functions` is a boto3 client."""
    try:
        return bool(step_functions.describe_execution(executionArn=execution_arn)["status"] == "RUNNING")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise
