"""Starts what rules on Parameter Store changes would start; the emulator sends no such events.

After a deployment the values in the templates are compared with those of the deployment before. A parameter that is
new is no change, as with the rules' own pattern. What was started is remembered only afterwards: a command that is cut
short starts it the next time, rather than never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from contender.workflow.run_names import run_name
from localcloud.assembly import StackTemplate, Template
from localcloud.state import ACCOUNT, REGION

SOURCE = "aws.ssm"


@dataclass(frozen=True)
class Start:
    """An execution that a changed parameter starts: which machine, by its name, with which input (JSON)."""

    parameter: str
    machine: str
    content: str

    @property
    def machine_arn(self) -> str:
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self.machine}"


def parameters_of(stacks: Sequence[StackTemplate]) -> dict[str, str]:
    """The parameters that the stacks make, with their values."""
    return {
        properties["Name"]: properties["Value"]
        for stack in stacks
        for properties in _of_type(stack.template, "AWS::SSM::Parameter")
        if isinstance(properties.get("Name"), str) and isinstance(properties.get("Value"), str)
    }


def starts(stacks: Sequence[StackTemplate], before: Mapping[str, str]) -> tuple[Start, ...]:
    """What the rules on changed parameters start, given the values of the deployment before."""
    changed = {name for name, value in parameters_of(stacks).items() if before.get(name, value) != value}
    return tuple(found for stack in stacks for found in _watched(stack.template) if found.parameter in changed)


def start(step_functions: Any, stacks: Sequence[StackTemplate], before: Mapping[str, str]) -> tuple[Start, ...]:
    """Start the executions, with a Step Functions client; answers which they were."""
    found = starts(stacks, before)
    for one in found:
        name = run_name("code-change", datetime.now(UTC), token_hex(4))
        step_functions.start_execution(stateMachineArn=one.machine_arn, name=name, input=one.content)
    return found


def _watched(template: Template) -> Iterator[Start]:
    """Every target of every rule on a parameter's update that is a machine of the same template."""
    resources: dict[str, Any] = template.get("Resources", {})
    for rule in _of_type(template, "AWS::Events::Rule"):
        pattern = rule.get("EventPattern", {})
        detail = pattern.get("detail", {})
        if SOURCE not in pattern.get("source", ()) or "Update" not in detail.get("operation", ("Update",)):
            continue
        for target in rule.get("Targets", ()):
            machine = resources.get(target["Arn"].get("Ref", ""), {}).get("Properties", {}).get("StateMachineName")
            for name in detail.get("name", ()):
                if machine:
                    yield Start(name, machine, target.get("Input", "{}"))


def _of_type(template: Template, kind: str) -> Iterator[dict[str, Any]]:
    for resource in template.get("Resources", {}).values():
        if resource["Type"] == kind:
            yield resource.get("Properties", {})
