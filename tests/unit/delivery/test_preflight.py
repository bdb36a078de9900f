"""A deployment that cannot succeed is refused before anything is changed, with the next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from delivery import deploy
from delivery.cdk import PACKAGE
from delivery.errors import DeliveryError
from delivery.preflight import BOOTSTRAP_PARAMETER, Facts, check, gather, refusal
from delivery.stages import Stage, stage_named
from tests.aws_in_process import empty_aws

HERE = "123456789012"
"""moto's account."""
STAGE = Stage("dev", HERE, "us-east-1")
READY = Facts(HERE, region="us-east-1")
TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with empty_aws():
        yield boto3.Session()


def bootstrap(session: boto3.Session) -> None:
    # The name is the CDK's own, which starts like one of AWS's.
    session.client("ssm").put_parameter(Name=BOOTSTRAP_PARAMETER, Value="30", Type="String")


@pytest.mark.slow  # loads moto's CloudFormation, which loads all of EC2
def test_a_stage_that_is_set_up_is_deployed(session: boto3.Session) -> None:
    from moto.cloudformation.models import cloudformation_backends

    bootstrap(session)
    session.client("cloudformation").create_stack(StackName="contender-dev-data", TemplateBody=TEMPLATE)
    session.client("cloudformation").create_stack(StackName="contender-prod-data", TemplateBody=TEMPLATE)
    facts = gather(STAGE, session)
    assert facts == Facts(HERE, "", "us-east-1", True, {"contender-dev-data": "CREATE_COMPLETE"})
    check(STAGE, facts)
    cloudformation_backends[HERE]["us-east-1"].describe_stacks("contender-dev-data")[0].status = "ROLLBACK_COMPLETE"
    with pytest.raises(DeliveryError, match=r"(?s)contender-dev-data is in ROLLBACK_COMPLETE: .* delete-stack"):
        check(STAGE, gather(STAGE, session))


def test_without_credentials_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    facts = gather(STAGE, boto3.Session(region_name="us-east-1"))
    with pytest.raises(
        DeliveryError, match=r"no usable AWS credentials for stage dev: Unable to locate.*aws sso login.*AWS_DEPL"
    ):
        check(STAGE, facts)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    without_region = refusal(STAGE, gather(STAGE, boto3.session.Session()))
    assert without_region.startswith("no AWS region for stage dev: set AWS_REGION=us-east-1")


@pytest.mark.parametrize(
    "said",
    [
        "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token included in "
        "the request is expired",
        "Error when retrieving token from sso: Token has expired and refresh failed",
        "The SSO session associated with this profile has expired or is otherwise invalid. To refresh this SSO session "
        "run aws sso login with the corresponding profile.",
    ],
)
def test_an_expired_session_is_told_apart_from_none(said: str) -> None:
    """The messages are those of STS and of botocore (exceptions.TokenRetrievalError, UnauthorizedSSOTokenError)."""
    refused = refusal(STAGE, Facts(reason=said, region="us-east-1"))
    assert refused.startswith(
        "the AWS session for stage dev has expired; nothing was changed. On a laptop: aws sso login"
    )
    assert "run the job again" in refused


def test_with_credentials_of_another_account_nothing_more_is_asked_of_it(session: boto3.Session) -> None:
    other = Stage("prod", "210987654321")
    facts = gather(other, session)
    assert facts == Facts(HERE, region="us-east-1")
    assert refusal(other, facts).startswith(
        "stage prod belongs to account 210987654321, but the session is in 123456789012; nothing was changed."
    )


def test_an_account_without_the_cdks_bucket_is_told_the_command(session: boto3.Session) -> None:
    assert f"`npx {PACKAGE} bootstrap aws://123456789012/us-east-1`" in refusal(STAGE, gather(STAGE, session))


@pytest.mark.parametrize(
    ("state", "next_step"),
    [
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name contender-dev-data"),
        ("CREATE_FAILED", "aws cloudformation delete-stack --stack-name contender-dev-data"),
        ("ROLLBACK_COMPLETE", "update-termination-protection --stack-name contender-dev-data --no-enable-termination"),
        ("DELETE_FAILED", "empty that, or remove it by hand"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name contender-dev-data"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation describe-stack-events --stack-name contender-dev-data"),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name contender-dev-data"),
        ("UPDATE_IN_PROGRESS", "wait until it has ended"),
        ("DELETE_IN_PROGRESS", "wait until it has ended"),
    ],
)
def test_a_stack_in_a_state_that_stops_deployments_is_named_with_the_next_step(state: str, next_step: str) -> None:
    facts = Facts(
        HERE, region="us-east-1", stacks={"contender-dev-data": state, "contender-dev-people": "UPDATE_COMPLETE"}
    )
    said = refusal(STAGE, facts)
    assert f"contender-dev-data is in {state}" in said
    assert next_step in said
    assert "people" not in said


@pytest.mark.parametrize("state", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"])
def test_a_stack_that_can_be_updated_is_in_nobodys_way(state: str) -> None:
    assert refusal(STAGE, Facts(HERE, region="us-east-1", stacks={"contender-dev-data": state})) == ""


def test_another_region_is_refused() -> None:
    assert "AWS_REGION=us-east-1" in refusal(STAGE, Facts(HERE, region="eu-west-1"))


def test_stacks_of_a_pipeline_that_was_removed_are_listed_and_left_alone() -> None:
    names = ["contender-dev-data", "contender-dev-old-one-serving", "contender-dev-flights-serving"]
    said: list[str] = []
    facts = Facts(HERE, region="us-east-1", stacks=dict.fromkeys(names, "UPDATE_COMPLETE"))
    deploy.ready(STAGE, facts, ["flights"], said.append)
    assert len(said) == 1
    assert said[0].startswith("note: pipeline old-one has no file any more. Its stacks stay as they are, with its data")
    assert said[0].endswith("contender env kept dev")
    said.clear()
    deploy.ready(STAGE, facts, ["flights", "old-one"], said.append)
    assert said == []


def test_a_stage_is_what_environments_toml_says(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {"prefix": "shop"}}')
    assert stage_named("dev", tmp_path) == Stage("dev", prefix="shop")
    (tmp_path / "environments.toml").write_text('[staging]\naccount = "123456789012"\nregion = "eu-central-1"\n')
    assert stage_named("staging", tmp_path) == Stage("staging", HERE, "eu-central-1", "shop")
    with pytest.raises(DeliveryError, match="STAGE must be one of dev, prod, staging, but is ''; for example: make"):
        stage_named("", tmp_path)
