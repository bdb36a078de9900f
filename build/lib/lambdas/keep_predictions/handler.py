"""KeepPredictions: see `contender.steps.keep_predictions`."""

from __future__ import annotations

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from contender.adapters.files.prediction_files import predictions_parquet
from contender.steps.keep_predictions import keep_predictions
from lambdas.prediction_log import LogEnvironment, open_log
from lambdas.queues import failures, read_messages
from lambdas.redacted_log import new_logger

logger = new_logger()
log = open_log(read_environment(LogEnvironment, os.environ), logger)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    return failures(keep_predictions(read_messages(event), log, predictions_parquet))
