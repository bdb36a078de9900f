"""Queries of the logs that somebody on call would otherwise have to write at night, saved by their question."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.environment import Environment


def save_query(
    scope: Construct,
    construct_id: str,
    *,
    environment: Environment,
    pipeline: str,
    question: str,
    query: str,
    log_groups: Sequence[str],
) -> None:
    """Save a query of Logs Insights, in the folder of the pipeline."""
    logs.CfnQueryDefinition(
        scope,
        construct_id,
        name=f"{environment.stage_name}/{pipeline}/{question}",
        query_string=query,
        log_group_names=list(log_groups),
    )
