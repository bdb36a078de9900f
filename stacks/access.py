"""Least-privilege grants: which prefixes of the two buckets, and whether the runs table, a role may touch."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.acknowledge import acknowledge

TABLE_ACTIONS = (
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)


@dataclass(frozen=True, kw_only=True)
class Access:
    """Key patterns that a role may read and write. What it may write it may also read: a conditional write needs both."""

    read_data: tuple[str, ...] = ()
    write_data: tuple[str, ...] = ()
    read_models: tuple[str, ...] = ()
    write_models: tuple[str, ...] = ()
    table: bool = False


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The shared places of an environment."""

    data_bucket: s3.IBucket
    model_bucket: s3.IBucket
    runs_table: dynamodb.ITable


def grant_access(role: iam.Role, *, access: Access, storage: Storage) -> None:
    """Give a role exactly what its `Access` names, and acknowledge the wildcards that prefixes are."""
    _grant_keys(role, storage.data_bucket, read=access.read_data, write=access.write_data)
    _grant_keys(role, storage.model_bucket, read=access.read_models, write=access.write_models)
    if access.table:
        storage.runs_table.grant(role, *TABLE_ACTIONS)


def _grant_keys(role: iam.Role, bucket: s3.IBucket, *, read: tuple[str, ...], write: tuple[str, ...]) -> None:
    readable = tuple(dict.fromkeys((*read, *write)))
    if not readable:
        return
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[bucket.arn_for_objects(pattern) for pattern in readable],
        )
    )
    if write:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:PutObject", "s3:AbortMultipartUpload"],
                resources=[bucket.arn_for_objects(pattern) for pattern in write],
            )
        )
    # Without ListBucket S3 answers 403 for a missing key, so "no champion yet" would look like a broken role.
    # IfExists: that check carries no prefix, a listing does.
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLikeIfExists": {"s3:prefix": list(readable)}},
        )
    )
