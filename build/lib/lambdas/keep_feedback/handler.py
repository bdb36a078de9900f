"""KeepFeedback: see `contender.steps.keep_feedback`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.files.prediction_files import feedback_parquet
from contender.steps.keep_feedback import keep_feedback
from lambdas.prediction_log import LogEnvironment, open_log
from lambdas.queues import failures, read_messages
from lambdas.redacted_log import new_logger


@dataclass(frozen=True)
class Environment(LogEnvironment):
    max_receives: str


logger = new_logger()
environment = read_environment(Environment, os.environ)
log = open_log(environment, logger)
PATIENCE = int(environment.max_receives) - 1
"""Up to so many deliveries a label waits for its prediction; the last one before the dead letters settles it."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    return failures(keep_feedback(read_messages(event), log, feedback_parquet, patience=PATIENCE))
