"""The pipeline and the environment that a function works for, as its mails name them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from contender.adapters.environment import read_environment
from contender.mails.place import Place


@dataclass(frozen=True)
class Environment:
    environment: str
    pipeline: str
    stage_name: str
    account_id: str
    documentation_url: str = ""


def here() -> Place:
    """The place of this function, from its environment variables."""
    found = read_environment(Environment, os.environ)
    region = os.environ.get("AWS_REGION", "")
    return Place(
        found.environment,
        found.pipeline,
        found.stage_name,
        region=region,
        account=found.account_id,
        documentation=found.documentation_url,
    )
