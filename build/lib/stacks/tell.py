"""The functions that write mails which no run writes: about alarms, and the weekly digest."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from stacks.access import TABLE_READ_ACTIONS, Access, Storage
from stacks.acknowledge import acknowledge
from stacks.alerts import AlertTopics
from stacks.environment import Environment
from stacks.state_functions import FunctionSpec, LoopFunctions
from stacks.unattended import call_on_schedule, mail_failures

RETRIES = 2
"""By Lambda, after one and two minutes; it takes no more than two."""
EVENT_AGE = Duration.hours(1)
DIGEST_AT = scheduler.ScheduleExpression.cron(minute="0", hour="7", week_day="MON")
DIGEST_WINDOW = Duration.minutes(30)

MAILS = ("dynamodb:PutItem", "dynamodb:UpdateItem")


class MailFunctions(Construct):
    """Tell and SendDigest.

    What Tell cannot send goes to the page topic as it is: a writer that is broken still wakes somebody.

    Attributes
    ----------
    tell : aws_lambda.Function
        What alarms act on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        storage: Storage,
        topics: AlertTopics,
        project_root: Path,
    ) -> None:
        super().__init__(scope, construct_id)
        made = LoopFunctions(
            self,
            "Functions",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            project_root=project_root,
            specs=mail_function_specs(pipeline.name),
            variables={state: topics.variables() for state in ("Tell", "SendDigest")},
        ).by_state
        topics.let_publish(made["Tell"].role, "page", "ticket", "info")
        topics.let_publish(made["SendDigest"].role, "info")
        self.tell = made["Tell"].function
        mail_failures(self, "Unsent", self.tell, topics["page"], retries=RETRIES, event_age=EVENT_AGE)
        self._let_alarms_call(f"{environment.stage_name}-{pipeline.name}-*")
        self._let_tell_read_alarms(made["Tell"].role)
        call_on_schedule(
            self,
            "Weekly",
            made["SendDigest"].function,
            DIGEST_AT,
            description=f"Mails the week's figures of {pipeline.name}",
            retries=RETRIES,
            event_age=EVENT_AGE,
            window=scheduler.TimeWindow.flexible(DIGEST_WINDOW),
        )

    def _let_alarms_call(self, names: str) -> None:
        """One permission for all alarms of the pipeline: they are made in later stacks."""
        stack = Stack.of(self)
        self.tell.add_permission(
            "Alarms",
            principal=iam.ServicePrincipal("lambda.alarms.cloudwatch.amazonaws.com"),
            source_account=stack.account,
            source_arn=stack.format_arn(
                service="cloudwatch", resource="alarm", resource_name=names, arn_format=ArnFormat.COLON_RESOURCE_NAME
            ),
        )

    def _let_tell_read_alarms(self, role: iam.Role) -> None:
        role.add_to_policy(
            iam.PolicyStatement(sid="ReadAlarms", actions=["cloudwatch:DescribeAlarms"], resources=["*"])
        )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "cloudwatch:DescribeAlarms answers with composite alarms only to who may ask for all; the function "
                    "reads the values of the alarm that it tells. X-Ray takes no resource either."
                )
            },
        )


def mail_function_specs(pipeline: str) -> tuple[FunctionSpec, ...]:
    """The two functions, in the way that those of a machine are described."""
    return (
        FunctionSpec(
            state="Tell",
            folder="tell",
            description="Writes the mail about an alarm",
            access=Access(table_actions=(*TABLE_READ_ACTIONS, *MAILS)),
            timeout_minutes=3,
        ),
        FunctionSpec(
            state="SendDigest",
            folder="send_digest",
            description="Writes the weekly mail about runs",
            access=Access(read_data=(f"runs/{pipeline}/*",), table_actions=(*TABLE_READ_ACTIONS, *MAILS)),
            timeout_minutes=2,
        ),
    )


def act_by(scope: Construct, tell: lambda_.IFunction) -> actions.LambdaAction:
    """The action of alarms in another stack than the function, which lets them call it already."""
    imported = lambda_.Function.from_function_attributes(
        scope, "Tell", function_arn=tell.function_arn, skip_permissions=True
    )
    return actions.LambdaAction(imported)
