"""Deploys an assembly to the emulator: its assets, and the stacks that changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.assembly import FileAsset, StackTemplate
from localcloud.connection import client
from localcloud.errors import DeploymentError
from localcloud.processes import wait_until
from localcloud.state import Omission, StackRecord, State

STACK_SECONDS = 180.0
BOOTSTRAP_VERSION = "30"
# The largest body that CloudFormation takes inline; larger templates go through the asset bucket.
MAX_TEMPLATE_BYTES = 51_200
TEMPLATE_BUCKET = "contender-local-templates"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_NOTHING_TO_DO = "No updates are to be performed"
# A stack in one of these can only be deleted; one is left behind when its first deployment fails.
_DEAD = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")

OnEvent = Callable[[str], None]


@dataclass(frozen=True)
class Deployment:
    """What is deployed.

    Attributes
    ----------
    outputs : dict
        Outputs of each stack, by the stack's name and the output's.
    omissions : tuple of Omission
        What the emulator cannot deploy and was left out.
    changed : tuple of str
        Stacks that this deployment created, updated or deleted; empty when everything was there already.
    started : tuple of str
        Input (JSON) of each execution that it started, because it changed a parameter that a rule watches.
    restored : str
        What was there again after the emulator had ended without being stopped; empty otherwise.
    """

    outputs: dict[str, dict[str, str]]
    omissions: tuple[Omission, ...]
    changed: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    restored: str = ""


def deployment_of(state: State, changed: Sequence[str] = (), started: Sequence[str] = ()) -> Deployment:
    """The deployment that a state remembers."""
    return Deployment(
        outputs={name: dict(record.outputs) for name, record in state.stacks.items()},
        omissions=tuple(one for record in state.stacks.values() for one in record.omissions),
        changed=tuple(changed),
        started=tuple(started),
    )


class Deployer:
    """Brings an emulator to what an assembly says."""

    def __init__(self, *, endpoint_url: str, on_event: OnEvent, on_state: Callable[[State], None]) -> None:
        self._cloudformation = client("cloudformation", endpoint_url)
        self._s3 = client("s3", endpoint_url)
        self._ssm = client("ssm", endpoint_url)
        self._on_event = on_event
        self._on_state = on_state

    def deploy(self, stacks: Sequence[StackTemplate], state: State) -> tuple[State, tuple[str, ...]]:
        """Deploy what differs from the state, which is handed on after each stack: nothing done is lost.

        Raises
        ------
        DeploymentError
            When a stack fails; the message names the resource and the reason.
        """
        changed: list[str] = []
        for stack in stacks:
            known = state.stacks.get(stack.name)
            if known is None or known.fingerprint != stack.fingerprint:
                state = state.with_stack(stack.name, self._deployed(stack))
                self._on_state(state)
                changed.append(stack.name)
        wanted = {stack.name for stack in stacks}
        for name in [one for one in reversed(state.stacks) if one not in wanted]:
            self._on_event(f"Deleting {name}")
            self._delete_stack(name)
            state = state.without_stack(name)
            self._on_state(state)
            changed.append(name)
        return state, tuple(changed)

    def _deployed(self, stack: StackTemplate) -> StackRecord:
        try:
            return self._deploy_stack(stack)
        except (ClientError, BotoCoreError) as error:
            raise DeploymentError(f"stack {stack.name} could not be deployed: {error}") from error

    def _deploy_stack(self, stack: StackTemplate) -> StackRecord:
        self._publish(stack.assets)
        for name in stack.ssm_parameters:
            self._ssm.put_parameter(Name=name, Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True)
        status = self._status(stack.name)
        if status in _DEAD:
            self._delete_stack(stack.name)
            status = ""
        self._on_event(f"{'Updating' if status else 'Creating'} {stack.name}")
        arguments = {"StackName": stack.name, "Capabilities": _CAPABILITIES, **self._body(stack)}
        if not status:
            self._cloudformation.create_stack(**arguments)
        elif not self._update(arguments):
            return self._record(stack)
        self._wait(stack.name)
        return self._record(stack)

    def _update(self, arguments: dict[str, Any]) -> bool:
        try:
            self._cloudformation.update_stack(**arguments)
        except ClientError as error:
            if _NOTHING_TO_DO in str(error):
                return False
            raise
        return True

    def _body(self, stack: StackTemplate) -> dict[str, str]:
        body = json.dumps(stack.template, separators=(",", ":"))
        if len(body.encode()) <= MAX_TEMPLATE_BYTES:
            return {"TemplateBody": body}
        bucket, key = TEMPLATE_BUCKET, f"{stack.name}/{stack.fingerprint}.json"
        self._make_bucket(bucket)
        self._s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
        return {"TemplateURL": f"{self._s3.meta.endpoint_url}/{bucket}/{key}"}

    def _record(self, stack: StackTemplate) -> StackRecord:
        described = self._cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", [])}
        return StackRecord(fingerprint=stack.fingerprint, outputs=outputs, omissions=stack.omissions)

    def _publish(self, assets: Sequence[FileAsset]) -> None:
        for asset in assets:
            self._make_bucket(asset.bucket)
            if not self._exists(asset):
                self._s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=asset.content())

    def _make_bucket(self, name: str) -> None:
        # Where a bucket is one's own already, us-east-1 answers as if it had been made.
        self._s3.create_bucket(Bucket=name)

    def _exists(self, asset: FileAsset) -> bool:
        try:
            self._s3.head_object(Bucket=asset.bucket, Key=asset.key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return False
            raise
        return True

    def _delete_stack(self, name: str) -> None:
        self._cloudformation.delete_stack(StackName=name)
        if not wait_until(lambda: self._status(name) in ("", "DELETE_FAILED"), seconds=STACK_SECONDS):
            raise DeploymentError(f"stack {name} was not deleted within {STACK_SECONDS:.0f} s")
        if self._status(name):
            raise DeploymentError(f"stack {name} could not be deleted: {self._reasons(name)}")

    def _wait(self, name: str) -> None:
        if not wait_until(lambda: not self._status(name).endswith("IN_PROGRESS"), seconds=STACK_SECONDS):
            raise DeploymentError(
                f"stack {name} was still {self._status(name)} after {STACK_SECONDS:.0f} s; "
                "run `contender down`, then `contender up`"
            )
        if self._status(name) not in _GOOD:
            raise DeploymentError(f"stack {name} ended as {self._status(name)}: {self._reasons(name)}")

    def _status(self, name: str) -> str:
        """The stack's status, or an empty string when there is no such stack."""
        try:
            described = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return ""
            raise
        status = str(described["StackStatus"])
        return "" if status == "DELETE_COMPLETE" else status

    def _reasons(self, name: str) -> str:
        events = self._cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [
            f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
        ]
        return "; ".join(reasons) or "the emulator gave no reason; see its log"
