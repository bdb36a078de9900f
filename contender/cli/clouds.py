"""The environment that commands work in: the local cloud, or one in AWS; both look the same from here."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import localcloud.cloud
from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects
from contender.alarms.kinds import Severity
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.workflow.outcome import option
from localcloud.connection import CloudConnection
from localcloud.state import CREDENTIALS

LOCAL = "local"


@dataclass(frozen=True)
class Cloud:
    """An environment whose stacks are deployed: whose credentials, at which address, and what the stacks are called."""

    session: boto3.Session
    endpoint_url: str | None
    find_output: Callable[[str, str], str]
    callable_url: Callable[[str], str]

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client with the environment's credentials and endpoint; without a `config` the same one each time."""
        if config is not None:
            return self.session.client(service, endpoint_url=self.endpoint_url, config=config)
        if service not in self._clients:
            self._clients[service] = self.session.client(service, endpoint_url=self.endpoint_url)
        return self._clients[service]

    def table(self, name: str) -> Any:
        """A boto3 DynamoDB table resource."""
        return self._tables.Table(name)

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _tables(self) -> Any:
        return self.session.resource("dynamodb", endpoint_url=self.endpoint_url)


PERSON = "person"
SESSION_SECONDS = 36 * 3600
"""The longest that STS gives; a console may be open for a day."""


def connect(environment: str, root: Path, *, people_stack: str = "") -> Cloud:
    """Reach an environment by its name: the local cloud, or one in AWS with the caller's own credentials.

    With `people_stack`, the local cloud lets the caller do what the policies of this stack allow, as AWS would; without
    it, everything.

    Raises
    ------
    NotRunningError
        When it is the local one and it is not up.
    """
    if environment != LOCAL:
        session = boto3.Session()
        return Cloud(session, None, partial(_stack_output, session), lambda url: url.rstrip("/"))
    connection = localcloud.cloud.connect(root)
    keys = _keys_of_a_person(connection, people_stack)
    session = boto3.Session(**keys, region_name=connection.region)
    return Cloud(session, connection.endpoint_url, partial(_local_output, connection), connection.callable_url)


ROLE_SESSION = "contender"


def connect_as(role_arn: str) -> Cloud:
    """An environment in another account, as a role there that the caller's credentials may assume.

    Raises
    ------
    InvalidInputError
        When they may not.
    """
    own = boto3.Session()
    try:
        given = own.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=ROLE_SESSION)["Credentials"]
    except (ClientError, BotoCoreError) as error:
        raise InvalidInputError(f"role {role_arn} cannot be assumed: {error}") from None
    session = boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=own.region_name,
    )
    return Cloud(session, None, partial(_stack_output, session), lambda url: url.rstrip("/"))


def _keys_of_a_person(connection: CloudConnection, people_stack: str) -> dict[str, str]:
    outputs = connection.outputs.get(people_stack, {})
    policies = [{"arn": value} for name, value in outputs.items() if name.endswith("PolicyArn")]
    if not policies:
        return CREDENTIALS
    given = connection.client("sts").get_federation_token(
        Name=PERSON, PolicyArns=policies, DurationSeconds=SESSION_SECONDS
    )["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def _local_output(connection: CloudConnection, stack: str, name: str) -> str:
    try:
        return connection.output(stack, name)
    except NotFoundError:
        raise NotFoundError(f"stack {stack} is not deployed; run `contender up`") from None


def _stack_output(session: boto3.Session, stack: str, name: str) -> str:
    try:
        found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except (ClientError, BotoCoreError) as error:
        is_absent = "does not exist" in str(error)
        step = "is it deployed in this account and region?" if is_absent else "aws sso login, or set AWS_PROFILE"
        raise NotFoundError(f"stack {stack} cannot be read: {error}; {step}") from None
    outputs = {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}
    if name not in outputs:
        raise NotFoundError(f"stack {stack} has no output {name}; it has {', '.join(sorted(outputs)) or 'none'}")
    return str(outputs[name])


@dataclass(frozen=True)
class Workbench:
    """One pipeline of one environment: what commands work with."""

    cloud: Cloud
    environment: str
    pipeline: str
    prefix: str = "contender"

    @property
    def where(self) -> str:
        """The options of a command about this pipeline, for texts that tell one."""
        return f"--pipeline {self.pipeline}{option(self.environment)}"

    def _output(self, stack: str, name: str) -> str:
        return self.cloud.find_output(f"{self.prefix}-{self.environment}-{stack}", name)

    @cached_property
    def data(self) -> S3Objects:
        """The data bucket."""
        return S3Objects(self.cloud.client("s3"), self._output("data", "DataBucketName"))

    @cached_property
    def models(self) -> S3Objects:
        """The model bucket."""
        return S3Objects(self.cloud.client("s3"), self._output("data", "ModelBucketName"))

    @cached_property
    def signing_key_arn(self) -> str:
        """The KMS key that signs model versions."""
        return self._output("data", "SigningKeyArn")

    @cached_property
    def history_key_arn(self) -> str:
        """The KMS key that signs the champion history; empty where the environment is from before there was one."""
        try:
            return self._output("data", "HistoryKeyArn")
        except NotFoundError:
            return ""

    @cached_property
    def ledger(self) -> DynamoLedger:
        """The runs table."""
        return DynamoLedger(self.cloud.table(self._output("data", "RunsTableName")), sign=self._sign_history)

    def _sign_history(self, digest: bytes) -> bytes:
        key = self.history_key_arn
        return KmsSigner(self.cloud.client("kms"), key).sign(digest) if key else b""

    @cached_property
    def predictions(self) -> PredictionTable:
        """The predictions table of the pipeline."""
        return PredictionTable(self.cloud.table(self._output(f"{self.pipeline}-predictions", "PredictionsTableName")))

    @cached_property
    def state_machine_arn(self) -> str:
        """The state machine of the loop."""
        return self._output(f"{self.pipeline}-workflow", "StateMachineArn")

    @cached_property
    def batch_machine_arn(self) -> str:
        """The state machine of batch prediction."""
        return self._output(f"{self.pipeline}-batch", "StateMachineArn")

    @cached_property
    def rollback_machine_arn(self) -> str:
        """The state machine that rolls back."""
        return self._output(f"{self.pipeline}-workflow", "RollbackMachineArn")

    @property
    def judge_window_function(self) -> str:
        """Name of the function that judges windows of the prediction log."""
        return self._output(f"{self.pipeline}-workflow", "JudgeWindowFunctionName")

    def topic_arn(self, severity: Severity) -> str:
        """The SNS topic for mails of a severity."""
        return self._output(f"{self.pipeline}-workflow", f"{severity.capitalize()}TopicArn")

    @cached_property
    def api_url(self) -> str:
        """The URL of the pipeline's API."""
        return self.cloud.callable_url(self._output(f"{self.pipeline}-serving", "ApiUrl"))

    @cached_property
    def serve_function_name(self) -> str:
        """The function that answers predictions."""
        return self._output(f"{self.pipeline}-serving", "ServeFunctionName")

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Call the serving API over HTTP, signed as its IAM authorisation asks.

        Raises
        ------
        ContenderError
            When it answers with an error; the message is the API's own.
        """
        data = json.dumps(body).encode() if body is not None else None
        request = AWSRequest(method, self.api_url + path, data=data, headers={"Content-Type": "application/json"})
        session = self.cloud.session
        SigV4Auth(session.get_credentials(), "execute-api", session.region_name).add_auth(request)
        http = urllib.request.Request(request.url, data=data, headers=dict(request.headers), method=method)
        try:
            with urllib.request.urlopen(http, timeout=60) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ContenderError(f"{method} {path}: {error.code} {_message(error.read())}") from None
        except (urllib.error.URLError, TimeoutError) as error:
            raise ContenderError(f"{method} {path}: no answer from {self.api_url}: {error}") from None


def _message(body: bytes) -> str:
    try:
        content = json.loads(body)
        return str(content.get("error") or content.get("message") or content)
    except (json.JSONDecodeError, AttributeError):
        return body.decode(errors="replace")[:200]
