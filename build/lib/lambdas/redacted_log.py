"""The functions' structured log, without the secrets that errors quote."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger

from contender.redaction import without_secrets


def new_logger() -> Logger:
    """A logger of Powertools whose lines hold no keys, tokens or passwords."""
    return Logger(json_serializer=_line)


def _line(log: Any) -> str:
    return without_secrets(json.dumps(log, default=str, separators=(",", ":"), ensure_ascii=False))
