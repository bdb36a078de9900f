"""What is looked at before a stage is deployed: what cannot succeed is refused in seconds, with the next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contender.adapters.aws.deployed_stacks import deployed_stacks
from delivery.errors import DeliveryError
from delivery.stages import Stage

GUIDE = "docs/delivery.md"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
NEVER_DEPLOYED = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS")
"""States that a stack can only be deleted from: its first deployment failed, so that it holds nothing yet."""
STUCK = ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED")


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
    >>> refusal(Stage("dev", "123456789012"), Facts("123456789012"))
    ''
    >>> refusal(Stage("dev", "123456789012"), Facts("210987654321", region="eu-central-1")).split(";")[0]
    'stage dev belongs to account 123456789012, but the session is in 210987654321'
    """
    if not facts.account:
        return (
            f"no AWS credentials for stage {stage.name}: {facts.reason}. On a laptop: aws sso login, or set "
            f"AWS_PROFILE. In GitHub: set AWS_DEPLOY_ROLE_ARN and AWS_REGION of environment {stage.name} ({GUIDE})"
        )
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
            f"run `npx aws-cdk@2 bootstrap aws://{facts.account}/{facts.region}` once"
        )
    return "; ".join(said for name, state in sorted(facts.stacks.items()) if (said := _stack_refusal(name, state)))


def _stack_refusal(name: str, state: str) -> str:
    if state in NEVER_DEPLOYED:
        return (
            f"stack {name} is in {state}: its first deployment failed, it holds nothing, and CloudFormation only "
            f"deletes it. Run `aws cloudformation delete-stack --stack-name {name}`, and deploy again"
        )
    if state in STUCK:
        return (
            f"stack {name} is in {state}: an update failed and could not be undone. Mend what its events name, run "
            f"`aws cloudformation continue-update-rollback --stack-name {name}`, and deploy again"
        )
    if state.endswith("_IN_PROGRESS"):
        return f"stack {name} is in {state}: another deployment is under way; wait until it has ended, and deploy again"
    return ""


def removed_pipelines(stage: Stage, stacks: Sequence[str], pipelines: Sequence[str]) -> dict[str, list[str]]:
    """Stacks of pipelines that have no file any more, by pipeline. A deployment leaves them alone.

    Examples
    --------
    >>> names = ["contender-dev-data", "contender-dev-old-serving", "contender-dev-old-workflow"]
    >>> removed_pipelines(Stage("dev", "123456789012"), names, ["flights"])
    {'old': ['contender-dev-old-serving', 'contender-dev-old-workflow']}
    """
    found: dict[str, list[str]] = {}
    for name in sorted(stacks):
        pipeline, part, kind = name.removeprefix(stage.stacks).rpartition("-")
        if part and kind in PIPELINE_STACKS and pipeline not in pipelines:
            found.setdefault(pipeline, []).append(name)
    return found


PIPELINE_STACKS = ("workflow", "predictions", "serving", "batch", "monitoring")


def gather(stage: Stage, session: boto3.Session) -> Facts:
    """Ask AWS. Nothing is changed."""
    region = session.region_name or ""
    if not region:
        return Facts(reason="no region is set (AWS_REGION)")
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
        stacks=deployed_stacks(session.client("cloudformation"), stage.stacks),
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
