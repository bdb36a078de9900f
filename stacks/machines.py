"""Makes a state machine from its definition file: role, log, tracing and functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import ArnFormat, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.acknowledge import acknowledge
from stacks.environment import Environment
from stacks.functions import LoopFunction
from stacks.metrics import NAMESPACE


class DefinedMachine(Construct):
    """A state machine whose definition is a file; grants beyond its own functions are added by whoever makes it.

    Attributes
    ----------
    machine : aws_stepfunctions.StateMachine
    role : aws_iam.Role
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        definition: Path,
        functions: Mapping[str, LoopFunction],
        substitutions: Mapping[str, str],
    ) -> None:
        """`functions` are bound by the name of their state; `substitutions` is what else the definition names."""
        super().__init__(scope, construct_id)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="RunStates",
                actions=["lambda:InvokeFunction"],
                resources=[one.function.function_arn for one in functions.values()],
            )
        )
        # Below this prefix log delivery needs no entry in the account's resource policy, which is limited. The stack's
        # own id is part of the name: a log group that outlived its stack is in nobody's way when it is deployed again.
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/states/{name}-{_short_id(Stack.of(self))}",
            retention=environment.log_retention,
            removal_policy=environment.removal_policy,
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            role=self.role,
            definition_body=sfn.DefinitionBody.from_string(definition.read_text("utf-8")),
            definition_substitutions={
                **{f"{state}FunctionArn": one.function.function_arn for state, one in functions.items()},
                **substitutions,
            },
            logs=sfn.LogOptions(destination=self.log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
            tracing_enabled=True,
        )
        acknowledge(
            self.role,
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "Log delivery (logs:CreateLogDelivery and its siblings) and X-Ray take no resource; "
                    "IAM accepts only *. Nor does cloudwatch:PutMetricData, which is held to one namespace."
                )
            },
        )

    def let_count_unsent_mails(self) -> None:
        """CountUnsentMail writes a metric, without our code: what sends mails has failed by then."""
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="CountUnsentMails",
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
            )
        )


def _short_id(stack: Stack) -> str:
    """The beginning of the id that CloudFormation gives a stack, another one each time that the stack is made."""
    return Fn.select(0, Fn.split("-", Fn.select(2, Fn.split("/", stack.stack_id))))


def machine_arn(stack: Stack, name: str) -> str:
    """By name: a machine's ARN as a reference in its own role would make role and machine wait for each other."""
    return stack.format_arn(
        service="states", resource="stateMachine", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def executions_arn(stack: Stack, name: str) -> str:
    """Every execution of the machine of that name."""
    return stack.format_arn(
        service="states", resource="execution", resource_name=f"{name}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
