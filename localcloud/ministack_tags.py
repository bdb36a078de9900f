"""Lets the emulator's tagging API list what AWS lists: log groups, secrets, tagged buckets, and no table that is gone.

`contender env kept` asks it for what is left of an environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services import cloudwatch_logs, dynamodb, s3, secretsmanager, tagging
from ministack.services.cloudformation import provisioners

NEEDED = ((tagging, "_get_resources"), (tagging, "_normalise_flat"), (tagging, "_normalise_list"))
BUCKET = "AWS::S3::Bucket"

Tagged = Iterator[tuple[str, list[dict[str, Any]]]]
_tables = tagging._collect_dynamodb
_create_bucket = provisioners._RESOURCE_HANDLERS[BUCKET]["create"]


def install() -> None:
    """Add these to MiniStack's own."""
    tagging._COLLECTORS |= {"logs": log_groups, "secretsmanager": secrets, "dynamodb": tables}
    provisioners._STACK_TAG_PROPERTY[BUCKET] = ("Tags", "list")
    provisioners._RESOURCE_HANDLERS[BUCKET]["create"] = create_bucket


def log_groups() -> Tagged:
    """Each log group's ARN, and its tags."""
    for group in cloudwatch_logs._log_groups.values():
        yield group["arn"].removesuffix(":*"), tagging._normalise_flat(group["tags"])


def secrets() -> Tagged:
    """Each secret's ARN, and its tags; not of those that are deleted."""
    for secret in secretsmanager._secrets.values():
        if not secret["DeletedDate"]:
            yield secret["ARN"], tagging._normalise_list(secret["Tags"])


def tables() -> Tagged:
    """Each table's ARN, and its tags: MiniStack keeps the tags of a table that a stack has deleted."""
    there = {table["TableArn"] for table in dynamodb._tables.values()}
    yield from ((arn, tags) for arn, tags in _tables() if arn in there)


def create_bucket(logical_id: str, properties: Mapping[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    """Make a bucket with the tags of its template and its stack."""
    name, attributes = _create_bucket(logical_id, properties, stack)
    s3._bucket_tags[name] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())}
    return name, attributes
