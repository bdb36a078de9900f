"""Authorize: accepts requests with the API key of the stack's secret.

API Gateway calls it once for a key and remembers the answer for five minutes. Requests without the header do not come
here: API Gateway answers them with 401.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from contender.adapters.environment import read_environment
from lambdas.authorize.keys import Secret
from lambdas.redacted_log import new_logger

HEADER = "x-api-key"


@dataclass(frozen=True)
class Environment:
    api_key_secret_arn: str


logger = new_logger()
environment = read_environment(Environment, os.environ)
client = boto3.client("secretsmanager")
secret = Secret(
    lambda: str(client.get_secret_value(SecretId=environment.api_key_secret_arn)["SecretString"]),
    time.monotonic,
    logger.exception,
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, bool]:
    headers = event.get("headers") or {}
    key = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    return {"isAuthorized": bool(key) and secret.matches(key)}
