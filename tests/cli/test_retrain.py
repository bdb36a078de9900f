"""`contender retrain` starts a run that trains, within the budget or once beyond it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from contender.cli.commands.retrain import start_by_hand

DEFINITION = json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})


@pytest.mark.parametrize(("over_budget", "asked"), [(False, {}), (True, {"over_budget": True})])
def test_the_run_is_told_whether_the_budget_is_overridden(aws: None, over_budget: bool, asked: dict[str, Any]) -> None:
    client = boto3.client("stepfunctions")
    role = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/any"
    machine = client.create_state_machine(name="shop", definition=DEFINITION, roleArn=role)["stateMachineArn"]
    bench: Any = SimpleNamespace(pipeline="shop", state_machine_arn=machine, cloud=SimpleNamespace(client=boto3.client))
    execution = start_by_hand(bench, over_budget=over_budget)
    told = json.loads(client.describe_execution(executionArn=execution)["input"])
    assert told == {"trigger": "manual", "pipeline": "shop"} | asked
