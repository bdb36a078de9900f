"""What a changed parameter starts, as the rules of the templates say; the emulator itself tells nobody of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud import cloud
from localcloud.assembly import StackTemplate, prune_template
from localcloud.parameter_changes import Start, parameters_of, starts
from tests.localcloud.test_cloud import touch_inputs

INPUT = json.dumps({"trigger": "code-change", "pipeline": "shop"})
ROLE = {"Fn::GetAtt": ["Role", "Arn"]}
TRUST = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
}  # fmt: skip


def template(value: str, *, operation: str = "Update", watched: str = "/shop/recipe") -> dict[str, Any]:
    """A machine, a parameter, and a rule that starts the one when the other changes."""
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "StateMachineName": "loop",
                    "RoleArn": ROLE,
                    "DefinitionString": json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}),
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {
                        "source": ["aws.ssm"],
                        "detail-type": ["Parameter Store Change"],
                        "detail": {"name": [watched], "operation": [operation]},
                    },
                    "State": "ENABLED",
                    "Targets": [{"Id": "T", "Arn": {"Ref": "Machine"}, "Input": INPUT, "RoleArn": ROLE}],
                },
            },
            "Recipe": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": "/shop/recipe", "Type": "String", "Value": value},
                "DependsOn": ["Machine", "Rule"],
            },
        }
    }


def stack(value: str, **options: Any) -> tuple[StackTemplate, ...]:
    pruned, omissions = prune_template("shop", template(value, **options))
    return (StackTemplate("shop", pruned, omissions, ()),)


def test_a_changed_value_starts_the_rules_machine_with_the_rules_input() -> None:
    (found,) = starts(stack("two"), {"/shop/recipe": "one"})
    assert found == Start("/shop/recipe", "loop", INPUT)
    assert found.machine_arn == "arn:aws:states:us-east-1:000000000000:stateMachine:loop"


@pytest.mark.parametrize("before", [{}, {"/shop/recipe": "two"}, {"/other": "one"}])
def test_a_new_parameter_and_one_that_kept_its_value_start_nothing(before: dict[str, str]) -> None:
    assert starts(stack("two"), before) == ()


@pytest.mark.parametrize("options", [{"operation": "Create"}, {"watched": "/shop/other"}])
def test_a_rule_on_something_else_starts_nothing(options: dict[str, str]) -> None:
    assert starts(stack("two", **options), {"/shop/recipe": "one"}) == ()


def test_the_values_of_a_deployment_are_those_of_its_templates() -> None:
    assert parameters_of(stack("two")) == {"/shop/recipe": "two"}


@pytest.mark.emulator
def test_up_starts_a_run_after_a_deployment_that_changed_the_parameter_and_after_no_other(project: Any) -> None:
    def executions() -> list[Any]:
        client = cloud.connect(project.root).client("stepfunctions")
        machine = "arn:aws:states:us-east-1:000000000000:stateMachine:loop"
        found = client.list_executions(stateMachineArn=machine)["executions"]
        return [json.loads(client.describe_execution(executionArn=one["executionArn"])["input"]) for one in found]

    project.write_stacks(shop=template("one"))
    assert cloud.up(project.root).started == ()

    touch_inputs(project)  # something else was deployed
    assert cloud.up(project.root).started == ()
    assert executions() == []

    cloud.down(project.root)
    project.write_stacks(shop=template("two"))
    touch_inputs(project)
    assert cloud.up(project.root).started == (INPUT,)
    assert executions() == [json.loads(INPUT)]
    assert cloud.up(project.root).started == ()
