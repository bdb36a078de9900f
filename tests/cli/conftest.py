"""Commands run in this process, in an empty project of their own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.cli.main import run
from tests.aws_in_process import empty_aws
from tests.conftest import create_bucket, create_runs_table
from tests.permissions.commands import command_of
from tests.permissions.fixtures import permitted, pytest_sessionfinish  # noqa: F401 - pytest finds them here
from tests.permissions.recorder import listen, recorder

listen()


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


Contender = Callable[..., Ended]

PIPELINE = """
name = "sales"
task = "binary"
target = "bought"
numeric = ["amount"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one pipeline file and no cloud, which is also the current folder."""
    (tmp_path / "cdk.json").write_text('{"app": "python app.py"}')
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "sales.toml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def contender(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Contender:
    """`contender("runs", "--json")` is `contender runs --json` in that project."""

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["contender", *arguments])
        with pytest.raises(SystemExit) as end, recorder.running(command_of(arguments)):
            run()
        printed = capsys.readouterr()
        return Ended(end.value.code if isinstance(end.value.code, int) else 0, printed.out, printed.err)

    return call


@pytest.fixture
def ledger(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoLedger]:
    """An environment in AWS, with the names that commands read off its stacks."""
    monkeypatch.setenv("CONTENDER_ENV", "dev")
    with empty_aws(stepfunctions={"execute_state_machine": True}):
        create_runs_table()
        create_bucket("data-bucket")
        names = {"RunsTableName": "runs", "DataBucketName": "data-bucket", "ModelBucketName": "models"}
        template = {
            "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in names.items()},
        }
        boto3.client("cloudformation").create_stack(StackName="contender-dev-data", TemplateBody=json.dumps(template))
        yield DynamoLedger(boto3.resource("dynamodb").Table("runs"))


DATA_STACK = {
    "Resources": {"Data": {"Type": "AWS::S3::Bucket"}, "Models": {"Type": "AWS::S3::Bucket"}},
    "Outputs": {"DataBucketName": {"Value": {"Ref": "Data"}}, "ModelBucketName": {"Value": {"Ref": "Models"}}},
}


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The data stack of `--env dev`, at an address that any program of this machine reaches; its outputs."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(f"{address}/moto-api/reset", data=b"").close()  # servers of one process share what they hold
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    stacks = boto3.client("cloudformation")
    stacks.create_stack(StackName="contender-dev-data", TemplateBody=json.dumps(DATA_STACK))
    outputs = stacks.describe_stacks(StackName="contender-dev-data")["Stacks"][0]["Outputs"]
    yield {output["OutputKey"]: output["OutputValue"] for output in outputs}
    server.stop()
