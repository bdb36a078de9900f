"""The data stack: uploads, datasets, models and the table of runs, which outlive every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from stacks.access import Storage
from stacks.acknowledge import acknowledge
from stacks.environment import Environment

POINTER_PATTERN = "models/*/champion.json"
MARK_PATTERN = "models/*/first_champion.json"
NONCURRENT_DAYS = 90
ABANDONED_UPLOAD_DAYS = 7
ACCESS_LOG_DAYS = 90
QUERY_RESULTS = "athena/"
"""Where Athena writes what queries gave, in the data bucket."""

QUERY_RESULT_DAYS = 7


class PrivateBucket(Construct):
    """A bucket that is versioned, encrypted, closed to the public and to plain HTTP, and tidies up.

    SSE-S3 and not KMS: nothing here is shared across accounts, and a key would cost per request and add a
    second policy to get wrong. Change `encryption` where a rule asks for keys of your own.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        access_logs: s3.IBucket,
        expire: Duration,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=f"{construct_id.lower()}/",
            removal_policy=environment.removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="clean-up",
                    noncurrent_version_expiration=expire,
                    abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOAD_DAYS),
                    expired_object_delete_marker=True,
                )
            ],
        )


class AccessLogBucket(Construct):
    """Where the other buckets write who asked them for what."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=environment.removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="forget",
                    expiration=Duration.days(ACCESS_LOG_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(ABANDONED_UPLOAD_DAYS),
                )
            ],
        )
        acknowledge(
            self.bucket,
            {"AwsSolutions-S1": "Access logs go to this bucket; logging it into itself would never end."},
        )


class RunsTable(Construct):
    """Leases, idempotency keys, run records and the promotion history, in one table."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires_at",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            deletion_protection=environment.keeps_data,
            removal_policy=environment.removal_policy,
        )


class DataStack(Stack):
    """Buckets, the runs table, the key that alerts are encrypted with, and those that sign versions and history."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipelines: Sequence[PipelineConfig],
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        access_logs = AccessLogBucket(self, "AccessLogs", environment=environment).bucket
        expire = Duration.days(NONCURRENT_DAYS)
        data = PrivateBucket(self, "Data", environment=environment, access_logs=access_logs, expire=expire)
        models = PrivateBucket(self, "Models", environment=environment, access_logs=access_logs, expire=expire)
        runs = RunsTable(self, "Runs", environment=environment)
        announce_uploads(data.bucket)
        for pipeline in pipelines:
            expire_predictions(data.bucket, pipeline)
        expire_query_results(data.bucket)
        require_conditional_writes(models.bucket)
        if environment.on_aws:  # the drill on the local cloud takes a pointer away, to see it missed
            keep_pointers(models.bucket)
        if environment.keeps_data:
            forbid_deletion(data.bucket)
            forbid_deletion(models.bucket)
        self.storage = Storage(
            data_bucket=data.bucket,
            model_bucket=models.bucket,
            runs_table=runs.table,
            signing_key=_signing_key(self, environment, "SigningKey", "Signs the model versions of every pipeline"),
            history_key=_signing_key(self, environment, "HistoryKey", "Signs the champion history of every pipeline"),
        )
        self.alerts_key = _alerts_key(self, environment)
        CfnOutput(self, "DataBucketName", value=data.bucket.bucket_name)
        CfnOutput(self, "ModelBucketName", value=models.bucket.bucket_name)
        CfnOutput(self, "RunsTableName", value=runs.table.table_name)
        CfnOutput(self, "SigningKeyArn", value=self.storage.signing_key.key_arn)
        CfnOutput(self, "HistoryKeyArn", value=self.storage.history_key.key_arn)


def expire_predictions(bucket: s3.Bucket, pipeline: PipelineConfig) -> None:
    """Remove a pipeline's kept predictions and ground truth when their time is over.

    The noncurrent version goes a day later, and not with the rest of the bucket: they hold what callers sent.
    """
    for prefix in (f"predictions/{pipeline.name}/", f"feedback/{pipeline.name}/"):
        bucket.add_lifecycle_rule(
            id=f"expire-{prefix.replace('/', '-').rstrip('-')}",
            prefix=prefix,
            expiration=Duration.days(pipeline.serving.keep_days),
            noncurrent_version_expiration=Duration.days(1),
        )


def expire_query_results(bucket: s3.Bucket) -> None:
    """Remove what queries gave: it holds rows of predictions, and the query gives it again."""
    bucket.add_lifecycle_rule(
        id="expire-query-results",
        prefix=QUERY_RESULTS,
        expiration=Duration.days(QUERY_RESULT_DAYS),
        noncurrent_version_expiration=Duration.days(1),
    )


def announce_uploads(bucket: s3.Bucket) -> None:
    """Send the bucket's events to EventBridge, by the bucket's own property.

    The L2 argument would add a Lambda-backed custom resource for what CloudFormation can do by itself.
    """
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )


def require_conditional_writes(bucket: s3.Bucket) -> None:
    """Deny every write that could overwrite: artifacts are written once, the pointer is compared and swapped.

    `Null: true` holds when the request lacks the header. `s3:ObjectCreationOperation` is false for the parts
    of a multipart upload, which cannot carry the header; completing it is an object creation again.
    """
    creates_object = {"Bool": {"s3:ObjectCreationOperation": "true"}}
    bucket.add_to_resource_policy(
        denied_to_all(
            sid="ArtifactsAreWrittenOnce",
            actions=["s3:PutObject"],
            not_resources=[bucket.arn_for_objects(POINTER_PATTERN)],
            conditions={"Null": {"s3:if-none-match": "true"}, **creates_object},
        )
    )
    bucket.add_to_resource_policy(
        denied_to_all(
            sid="PointerIsComparedAndSwapped",
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(POINTER_PATTERN)],
            conditions={"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}, **creates_object},
        )
    )


def denied_to_all(**statement: Any) -> iam.PolicyStatement:
    """A statement of a bucket's or a key's policy that holds for everybody, whatever else allows it."""
    return iam.PolicyStatement(effect=iam.Effect.DENY, principals=[iam.AnyPrincipal()], **statement)


def forbid_deletion(bucket: s3.Bucket) -> None:
    """Deny the deletion of the bucket itself: whoever wants it has to change its policy first."""
    bucket.add_to_resource_policy(
        denied_to_all(
            sid="BucketStays",
            actions=["s3:DeleteBucket"],
            resources=[bucket.bucket_arn],
        )
    )


def _protect_key(key: kms.Key) -> None:
    """Deny what makes the key useless: whoever wants it has to change its policy first."""
    key.add_to_resource_policy(
        denied_to_all(
            sid="KeyStays",
            actions=["kms:ScheduleKeyDeletion", "kms:DisableKey"],
            resources=["*"],
        )
    )


def keep_pointers(bucket: s3.Bucket) -> None:
    """Deny everybody to delete a champion pointer, one of its earlier versions, or the mark that there was one.

    Who has to, say to delete an environment, takes the statement away first; CloudTrail tells who did.
    """
    bucket.add_to_resource_policy(
        denied_to_all(
            sid="PointerIsNeverDeleted",
            actions=["s3:DeleteObject", "s3:DeleteObjectVersion"],
            resources=[bucket.arn_for_objects(pattern) for pattern in (POINTER_PATTERN, MARK_PATTERN)],
        )
    )


def _signing_key(stack: DataStack, environment: Environment, construct_id: str, description: str) -> kms.Key:
    """A key to sign with. Training alone signs versions, and what swaps the pointer signs the history, each with its
    own: who may add to the history cannot make serving load a model.

    Asymmetric, so that a check needs no right to sign. KMS does not rotate such keys; what a former key signed would
    have to be signed again.
    """
    key = kms.Key(
        stack,
        construct_id,
        description=description,
        key_spec=kms.KeySpec.ECC_NIST_P256,
        key_usage=kms.KeyUsage.SIGN_VERIFY,
        removal_policy=environment.removal_policy,
        pending_window=_pending_window(environment),
    )
    if environment.keeps_data:
        _protect_key(key)
    return key


def _pending_window(environment: Environment) -> Duration:
    """How long a key's deletion can be taken back: the longest or the shortest that KMS knows."""
    return Duration.days(30 if environment.keeps_data else 7)


def _alerts_key(stack: DataStack, environment: Environment) -> kms.Key:
    """A key of our own: CloudWatch cannot publish to a topic that the key managed by AWS encrypts."""
    key = kms.Key(
        stack,
        "AlertsKey",
        description="Encrypts the alert topics of every pipeline",
        enable_key_rotation=True,
        removal_policy=environment.removal_policy,
        pending_window=_pending_window(environment),
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AlarmsMayPublish",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        )
    )
    return key
