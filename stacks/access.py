"""Least-privilege grants of a role: prefixes of the two buckets, and the runs table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets

from stacks.acknowledge import acknowledge, finding_of, imported, in_findings

TABLE_READ_ACTIONS = ("dynamodb:GetItem", "dynamodb:Query")
TABLE_APPEND_ACTIONS = (*TABLE_READ_ACTIONS, "dynamodb:PutItem")
TABLE_WRITE_ACTIONS = (
    *TABLE_APPEND_ACTIONS,
    "dynamodb:DeleteItem",
    "dynamodb:UpdateItem",
)

# The narrowest that a policy can say about keys that do not exist yet, by the folder they are in.
WHY_A_PREFIX = {
    "incoming": "Whoever uploads chooses the file's name.",
    "quarantine": "Quarantined files keep the names they came with, below their run.",
    "datasets": "A dataset version is named by its content, which is not known before it is written.",
    "unlabelled": "A file without labels is named by its content, which is not known before it is written.",
    "labelled": "Labelled predictions are named by their content, and set aside below their caller's hash.",
    "profiles": "A profile is named by its champion and its dataset version, which are not known before.",
    "judgements": "A judgement is named by its model version and its run, which are not known before.",
    "runs": "A run is named by its execution, which is not known before it starts.",
    "predictions": "A file is named by the messages in it, which are not known before they come.",
    "feedback": "A file is named by the messages in it, which are not known before they come.",
    "live": "A window is named by its time, and its counts by their version too, which are not known before.",
    "tables": "A row of a table is named by its run or its batch job, which are not known before they start.",
    "batch": "Whoever uploads chooses the file's name, and a job's folder is named after it.",
    "models": "A model version is named by its training, which is not known before it ends.",
}


@dataclass(frozen=True, kw_only=True)
class Access:
    """Key patterns that a role may read and write, and what it may do with the runs table.

    What a role may write it may also read, because a conditional write needs both. `versions`: keys in the data
    bucket of which it reads the version that an event named. `copies`: where it copies objects to within the data
    bucket, from what it reads, and their tags with them. `signs` and `verifies`: it makes signatures of model
    versions, or checks them. `signs_history`: it adds to the champion history.
    """

    read_data: tuple[str, ...] = ()
    write_data: tuple[str, ...] = ()
    read_models: tuple[str, ...] = ()
    write_models: tuple[str, ...] = ()
    table_actions: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    signs: bool = False
    signs_history: bool = False
    verifies: bool = False


class NamedBucket:
    """A bucket as policies name it. Its ARN is a request to the CDK's process, and each role names it many times."""

    def __init__(self, bucket: s3.IBucket) -> None:
        self._bucket = bucket

    @cached_property
    def arn(self) -> str:
        """Of the bucket itself."""
        return self._bucket.bucket_arn

    @cached_property
    def arn_in_findings(self) -> str:
        """The same, as a finding about a policy of another stack writes it."""
        return in_findings(self._bucket, imported(self._bucket, self.arn))

    def objects(self, patterns: Sequence[str]) -> list[str]:
        """The ARNs of objects whose keys have these patterns."""
        return [f"{self.arn}/{pattern}" for pattern in patterns]


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The shared places of an environment."""

    data_bucket: s3.IBucket
    model_bucket: s3.IBucket
    runs_table: dynamodb.ITable
    signing_key: kms.IKey
    history_key: kms.IKey

    @cached_property
    def data(self) -> NamedBucket:
        """The data bucket, as policies name it."""
        return NamedBucket(self.data_bucket)

    @cached_property
    def models(self) -> NamedBucket:
        """The model bucket, as policies name it."""
        return NamedBucket(self.model_bucket)


def grant_access(role: iam.Role, *, access: Access, storage: Storage) -> None:
    """Give a role exactly what its `Access` names, and acknowledge the wildcards that prefixes are."""
    _grant_keys(role, storage.data, read=access.read_data, write=access.write_data)
    _grant_keys(role, storage.models, read=access.read_models, write=access.write_models)
    if access.copies:
        _grant_tags(role, storage.data, source=access.versions, target=access.copies)
    if access.versions:
        resources = storage.data.objects(access.versions)
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObjectVersion"], resources=resources))
    if access.table_actions:
        storage.runs_table.grant(role, *access.table_actions)
    signing = [action for action, wanted in (("kms:Sign", access.signs), ("kms:Verify", access.verifies)) if wanted]
    if signing:
        role.add_to_policy(iam.PolicyStatement(actions=signing, resources=[storage.signing_key.key_arn]))
    if access.signs_history:
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Sign"], resources=[storage.history_key.key_arn]))


def _grant_keys(role: iam.Role, bucket: NamedBucket, *, read: Sequence[str], write: Sequence[str]) -> None:
    readable = tuple(dict.fromkeys((*read, *write)))
    if not readable:
        return
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject"],
            resources=bucket.objects(readable),
        )
    )
    if write:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:PutObject"],
                resources=bucket.objects(write),
            )
        )
    # Without ListBucket S3 answers 403 for a missing key, so "no champion yet" would look like a broken role.
    # IfExists: that check carries no prefix, a listing does.
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.arn],
            conditions={"StringLikeIfExists": {"s3:prefix": list(readable)}},
        )
    )
    acknowledge(
        role,
        {
            finding_of(f"{bucket.arn_in_findings}/{pattern}"): WHY_A_PREFIX[pattern.split("/", 1)[0]]
            for pattern in readable
            if "*" in pattern
        },
    )


def _grant_tags(role: iam.Role, bucket: NamedBucket, *, source: Sequence[str], target: Sequence[str]) -> None:
    """A tagged object cannot be copied by a role that may not read its tags and set them again."""
    for actions, patterns in (
        (["s3:GetObjectTagging", "s3:GetObjectVersionTagging"], source),
        (["s3:PutObjectTagging"], target),
    ):
        resources = bucket.objects(patterns)
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))


def let_read_pipeline_file(role: iam.Role, file: s3_assets.Asset) -> None:
    """Let a function read its pipeline's file as it was deployed."""
    role.add_to_policy(
        iam.PolicyStatement(
            sid="ReadPipelineFile",
            actions=["s3:GetObject"],
            resources=[file.bucket.arn_for_objects(file.s3_object_key)],
        )
    )
