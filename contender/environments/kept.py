"""What stays of an environment until a person removes it, each with why and with what would remove it for good.

With `keep_data`, CloudFormation leaves buckets, tables, queues, keys, secrets and log groups where they are when it
deletes their stack. Data and models of a pipeline stay when its file is removed, and so do its stacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

OUTLIVED = "its stack is gone; it was deployed with keep_data"


@dataclass(frozen=True)
class Kept:
    """Something of an environment that stays until a person removes it: a bucket, a table, a pipeline's data."""

    kind: str
    name: str
    why: str
    to_remove: str


@dataclass(frozen=True)
class Tagged:
    """A resource with the environment's tags, and the name of the stack that made it; empty where none says so."""

    arn: str
    stack: str


SERVICES = ("dynamodb", "kms", "logs", "s3", "secretsmanager", "sqs")
"""Whose resources may outlive their stack."""

OF_A_PIPELINE = (
    "incoming",
    "quarantine",
    "unlabelled",
    "labelled",
    "datasets",
    "profiles",
    "judgements",
    "live",
    "runs",
    "experiments",
    "predictions",
    "feedback",
    "batch",
    "tables/runs",
    "tables/experiments",
    "tables/batch",
)
"""Folders of the data bucket with one of each pipeline in them."""

KEY_POLICY = (
    '{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:root"}},'
    '"Action":"kms:*","Resource":"*"}}]}}'
)


def outlived(resources: Iterable[Tagged], deployed: Iterable[str]) -> Iterator[Kept]:
    """The resources whose stack is gone, by kind and name.

    Parameters
    ----------
    resources : all that has the environment's tags.
    deployed : the names of its stacks.

    Examples
    --------
    >>> table = Tagged("arn:aws:dynamodb:eu-central-1:123456789012:table/shop-prod-data-Runs", "shop-prod-data")
    >>> [each.name for each in outlived([table], [])], list(outlived([table], ["shop-prod-data"]))
    (['shop-prod-data-Runs'], [])
    """
    known = set(deployed)
    found = (_outlived(each.arn) for each in resources if each.stack not in known)
    yield from sorted((each for each in found if each is not None), key=lambda each: (each.kind, each.name))


def _outlived(arn: str) -> Kept | None:
    _, _, service, region, account, resource = arn.split(":", 5)
    if service == "s3":
        return Kept("bucket", resource, OUTLIVED, _remove_bucket(resource))
    if service == "dynamodb":
        name = resource.removeprefix("table/")
        unprotect = f"aws dynamodb update-table --table-name {name} --no-deletion-protection-enabled"
        return Kept("table", name, OUTLIVED, f"{unprotect} && aws dynamodb delete-table --table-name {name}")
    if service == "logs":
        name = resource.removeprefix("log-group:").removesuffix(":*")
        return Kept("log group", name, OUTLIVED, f"aws logs delete-log-group --log-group-name {name}")
    if service == "sqs":
        url = f"https://sqs.{region}.amazonaws.com/{account}/{resource}"
        return Kept("queue", resource, OUTLIVED, f"aws sqs delete-queue --queue-url {url}")
    if service == "secretsmanager":
        forced = "--force-delete-without-recovery"
        return Kept("secret", arn, OUTLIVED, f"aws secretsmanager delete-secret --secret-id {arn} {forced}")
    if service == "kms":
        name = resource.removeprefix("key/")
        why = f"{OUTLIVED}; what it signed cannot be verified without it, and what it encrypted not read"
        return Kept("key", name, why, _remove_key(name, account))
    return None


def _remove_bucket(name: str) -> str:
    """The bucket's policy forbids its deletion, and that of champion pointers."""
    emptied = _in_bucket(name, "bucket.object_versions.delete(); bucket.delete()")
    return f"aws s3api delete-bucket-policy --bucket {name} && {emptied}"


def _in_bucket(bucket: str, code: str) -> str:
    """A command that runs this code. `aws s3 rm` and `rb --force` leave the older versions of a bucket that keeps them,
    and with them the bucket."""
    return f"python -c \"import boto3; bucket = boto3.resource('s3').Bucket('{bucket}'); {code}\""


def _remove_key(key: str, account: str) -> str:
    """The key's policy forbids its deletion."""
    policy = KEY_POLICY.format(account=account)
    return (
        f"aws kms put-key-policy --key-id {key} --policy-name default --policy '{policy}' && "
        f"aws kms schedule-key-deletion --key-id {key}"
    )


def left_stack(name: str, pipeline: str) -> Kept:
    """A stack of a pipeline without a file."""
    return Kept(
        "stack",
        name,
        f"{pipeline} has no pipeline file any more, and a deployment leaves its stacks alone",
        f"aws cloudformation update-termination-protection --stack-name {name} --no-enable-termination-protection && "
        f"aws cloudformation delete-stack --stack-name {name}",
    )


def left_data(bucket: str, pipeline: str) -> Kept:
    """All that the data bucket has of a pipeline without a file."""
    each = f"bucket.object_versions.filter(Prefix=folder + '/{pipeline}/').delete()"
    to_remove = _in_bucket(bucket, f"[{each} for folder in {OF_A_PIPELINE}]")
    return Kept("data", f"s3://{bucket}/*/{pipeline}/", _without_file(pipeline), to_remove)


def left_models(bucket: str, pipeline: str) -> Kept:
    """Model versions and champion pointer of a pipeline without a file. The bucket's policy forbids the deletion of
    pointers; those of other pipelines need it back."""
    prefix = f"models/{pipeline}/"
    kept = f"aws s3api get-bucket-policy --bucket {bucket} --query Policy --output text > policy.json"
    emptied = _in_bucket(bucket, f"bucket.object_versions.filter(Prefix='{prefix}').delete()")
    back = f"aws s3api put-bucket-policy --bucket {bucket} --policy file://policy.json"
    to_remove = f"{kept} && aws s3api delete-bucket-policy --bucket {bucket} && {emptied}; {back}"
    return Kept("models", f"s3://{bucket}/{prefix}", _without_file(pipeline), to_remove)


def _without_file(pipeline: str) -> str:
    return f"{pipeline} has no pipeline file any more; with the file it goes on where it stopped"
