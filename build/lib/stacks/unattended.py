"""Functions that nobody waits for: a schedule or an event calls them, and what they cannot do is mailed."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.acknowledge import acknowledge, wildcard_finding


def call_on_schedule(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    schedule: scheduler.ScheduleExpression,
    *,
    description: str,
    retries: int,
    event_age: Duration,
    window: scheduler.TimeWindow | None = None,
) -> None:
    """Call it with the time that the schedule names, so that a late delivery tells of its own time.

    Parameters
    ----------
    window : how long after that time the call may come; at once where None.
    """
    every_version = wildcard_finding(scope, f"{function.function_arn}:*")
    acknowledge(Stack.of(scope), {every_version: "The CDK lets a schedule start every version of its one function."})
    scheduler.Schedule(
        scope,
        construct_id,
        description=description,
        schedule=schedule,
        time_window=window,
        target=scheduler_targets.LambdaInvoke(
            function,
            input=scheduler.ScheduleTargetInput.from_object({"time": scheduler.ContextAttribute.scheduled_time}),
            retry_attempts=retries,
            max_event_age=event_age,
        ),
    )


def mail_failures(
    scope: Construct,
    construct_id: str,
    function: lambda_.IFunction,
    topic: sns.ITopic,
    *,
    retries: int,
    event_age: Duration,
) -> None:
    """Send an event that the function failed on to a topic as it is, after the retries.

    By itself, because the CDK's destination lets the function use the key for more than it needs. The function's role
    has to be allowed to publish to the topic.
    """
    lambda_.CfnEventInvokeConfig(
        scope,
        construct_id,
        function_name=function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=retries,
        maximum_event_age_in_seconds=int(event_age.to_seconds()),
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=topic.topic_arn)
        ),
    )
