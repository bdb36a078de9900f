"""What is looked at before a stage is deployed: what cannot succeed is refused in seconds, with the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contender.adapters.aws.deployed_stacks import deployed_stacks
from delivery.cdk import PACKAGE
from delivery.errors import DeliveryError
from delivery.stages import Stage

GUIDE = "docs/delivery.md"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
NEVER_DEPLOYED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS")
"""States that a stack can only be deleted from: its first deployment failed, so that nothing of it was ever in use."""

EXPIRED = ("expired", "ExpiredToken", "RequestExpired")
"""What botocore's message has where there was a session; SSO's and STS's own differ."""


@dataclass(frozen=True)
class Facts:
    """What AWS says of the session and the stage.

    Attributes
    ----------
    account : the session's; empty without usable credentials, and then `reason` says why.
    stacks : state of each of the stage's stacks, by its name.
    bootstrapped : whether `cdk bootstrap` was run in the account and region.
    """

    account: str = ""
    reason: str = ""
    region: str = ""
    bootstrapped: bool = True
    stacks: Mapping[str, str] = field(default_factory=dict)


def refusal(stage: Stage, facts: Facts) -> str:
    """Why a stage cannot be deployed now, with the next step; empty where nothing is in the way.

    Examples
    --------
    >>> refusal(Stage("dev", "123456789012"), Facts("123456789012", region="eu-central-1"))
    ''
    >>> refusal(Stage("dev", "123456789012"), Facts("210987654321", region="eu-central-1")).split(";")[0]
    'stage dev belongs to account 123456789012, but the session is in 210987654321'
    """
    if not facts.region:
        return (
            f"no AWS region for stage {stage.name}: set AWS_REGION{f'={stage.region}' if stage.region else ''}, or "
            "`region` in your AWS profile"
        )
    if not facts.account:
        return _without_session(stage, facts.reason)
    if stage.account and facts.account != stage.account:
        return (
            f"stage {stage.name} belongs to account {stage.account}, but the session is in {facts.account}; nothing "
            f"was changed. Use a session of {stage.account}: AWS_PROFILE, or AWS_DEPLOY_ROLE_ARN of environment "
            f"{stage.name}"
        )
    if stage.region and facts.region != stage.region:
        return (
            f"stage {stage.name} belongs to region {stage.region}, but the session is in {facts.region or 'none'}; "
            f"set AWS_REGION={stage.region}"
        )
    if not facts.bootstrapped:
        return (
            f"account {facts.account} is not set up for the CDK in {facts.region}: "
            f"run `npx {PACKAGE} bootstrap aws://{facts.account}/{facts.region}` once"
        )
    return "\n".join(said for name, state in sorted(facts.stacks.items()) if (said := _stack_refusal(name, state)))


def _without_session(stage: Stage, reason: str) -> str:
    if any(each in reason for each in EXPIRED):
        return (
            f"the AWS session for stage {stage.name} has expired; nothing was changed. On a laptop: aws sso login, and "
            f"again. In GitHub: run the job again, each gets a session of an hour. AWS said: {reason}"
        )
    return (
        f"no usable AWS credentials for stage {stage.name}: {reason.rstrip('.')}. On a laptop: aws sso login, or set "
        f"AWS_PROFILE. In GitHub: set AWS_DEPLOY_ROLE_ARN and AWS_REGION of environment {stage.name} ({GUIDE})"
    )


def _stack_refusal(name: str, state: str) -> str:
    """Why a stack in this state cannot be deployed, with a line for each command to run; empty where it can."""
    stack = f"--stack-name {name}"
    failures = (
        f"aws cloudformation describe-stack-events {stack} --output text --query "
        "\"StackEvents[?ends_with(ResourceStatus, 'FAILED')].[LogicalResourceId, ResourceStatusReason]\""
    )
    delete = (
        f"aws cloudformation update-termination-protection {stack} --no-enable-termination-protection",
        f"aws cloudformation delete-stack {stack}",
    )
    steps: tuple[str, ...]
    if state in NEVER_DEPLOYED:
        said = "its first deployment failed, nothing of it was ever in use, and CloudFormation only deletes it"
        steps = (failures, "mend that", *delete)
    elif state == "DELETE_FAILED":
        said = "it was being deleted, and something of it could not be"
        steps = (failures, "empty that, or remove it by hand", *delete)
    elif state == "UPDATE_ROLLBACK_FAILED":
        said = "an update failed and could not be undone"
        steps = (failures, "mend that", f"aws cloudformation continue-update-rollback {stack}")
    elif state == "UPDATE_FAILED":
        said = "an update failed and was not undone"
        steps = (failures, "mend that", f"aws cloudformation rollback-stack {stack}")
    elif state.endswith("_IN_PROGRESS"):
        said, steps = "another deployment is under way", ("wait until it has ended",)
    else:
        return ""
    return "\n  ".join((f"stack {name} is in {state}: {said}", *steps, "deploy again"))


def gather(stage: Stage, session: boto3.Session) -> Facts:
    """Ask AWS. Nothing is changed."""
    region = session.region_name or ""
    if not region:
        return Facts()
    try:
        account = str(session.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        return Facts(reason=str(error), region=region)
    if stage.account and account != stage.account:
        return Facts(account, region=region)  # nothing more is asked of an account that is not the stage's
    return Facts(
        account,
        region=region,
        bootstrapped=_is_bootstrapped(session.client("ssm")),
        stacks=deployed_stacks(session.client("cloudformation"), stage.prefix, stage.name),
    )


def check(stage: Stage, facts: Facts) -> None:
    """Raise DeliveryError where something is in the way of a deployment."""
    said = refusal(stage, facts)
    if said:
        raise DeliveryError(said)


def _is_bootstrapped(ssm: Any) -> bool:
    try:
        ssm.get_parameter(Name=BOOTSTRAP_PARAMETER)
    except ssm.exceptions.ParameterNotFound:
        return False
    return True
