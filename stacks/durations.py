"""Durations that are made once: each is a request to the CDK's process, and twenty pipelines ask for two thousand."""

from __future__ import annotations

from functools import cache

from aws_cdk import Duration


@cache
def minutes(number: int) -> Duration:
    """So many minutes."""
    return Duration.minutes(number)
