"""What a role needs so that AWS can do for it what a state, a target or a queue says: actions and resources.

The emulator does these things without a look at the role; `localcloud/ministack_permissions.py` looks, with these.

References
----------
AWS Step Functions Developer Guide, "IAM policies for calling Amazon ECS/AWS Fargate", "… Lambda", "… Amazon SNS",
"… DynamoDB" and "Policies for Distributed Map state"; AWS Lambda Developer Guide, "Using Lambda with Amazon SQS";
Amazon SNS Developer Guide, "Managing Amazon SNS encryption keys and costs". Read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TASK_EVENTS_RULE = "StepFunctionsGetEventsForECSTaskRule"
"""Step Functions' own rule, through which it hears that a task it waits for has stopped."""

FROM_QUEUES = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
TO_ENCRYPTED_TOPICS = ("kms:GenerateDataKey", "kms:Decrypt")
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True)
class NeededCall:
    """One permission that somebody needs; `context` has the condition keys that the request carries."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """Whose resources a state names: region and account, and how to look up what it names by a short name."""

    region: str
    account: str
    task_definition: Callable[[str], Mapping[str, Any]]
    topic_key: Callable[[str], str]

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this region and account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


def calls_of_task(resource: str, arguments: Mapping[str, Any], around: Surroundings) -> list[NeededCall]:
    """What the role of a state machine needs for a Task state.

    Raises
    ------
    ValueError
        For an integration that is not known here: teach it, or the state would run unchecked.
    """
    if ":lambda:" in resource and ":function:" in resource:
        return [NeededCall("lambda:InvokeFunction", resource)]
    service = resource.removeprefix("arn:aws:states:::").removesuffix(".waitForTaskToken").removesuffix(".sync")
    if service == "lambda:invoke":
        return [NeededCall("lambda:InvokeFunction", str(arguments["FunctionName"]))]
    if service == "states:startExecution":
        return [NeededCall("states:StartExecution", str(arguments["StateMachineArn"]))]
    if service == "sns:publish":
        return calls_of_publishing(str(arguments["TopicArn"]), around)
    if service == "dynamodb:updateItem":
        return [NeededCall("dynamodb:UpdateItem", around.arn("dynamodb", f"table/{arguments['TableName']}"))]
    if service == "aws-sdk:cloudwatch:putMetricData":
        return [NeededCall("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": str(arguments["Namespace"])})]
    if service == "ecs:runTask":
        return _calls_of_run_task(arguments, around, waits=resource.endswith(".sync"))
    raise ValueError(f"resource must be an integration whose permissions are known, but got {resource}")


def calls_of_publishing(topic_arn: str, around: Surroundings) -> list[NeededCall]:
    """Whoever publishes to an encrypted topic uses its key."""
    key = around.topic_key(topic_arn)
    keys = [NeededCall(action, key) for action in TO_ENCRYPTED_TOPICS] if key else []
    return [NeededCall("sns:Publish", topic_arn), *keys]


def _calls_of_run_task(arguments: Mapping[str, Any], around: Surroundings, *, waits: bool) -> list[NeededCall]:
    definition = around.task_definition(str(arguments["TaskDefinition"]))
    cluster = str(arguments["Cluster"])
    in_cluster = {"ecs:cluster": cluster}
    passed = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    calls = [NeededCall("ecs:RunTask", definition["taskDefinitionArn"], in_cluster)]
    calls += [
        NeededCall("iam:PassRole", definition[role], passed)
        for role in ("taskRoleArn", "executionRoleArn")
        if definition.get(role)
    ]
    if waits:
        task = around.arn("ecs", f"task/{cluster.rpartition('/')[2]}/0123456789abcdef0123456789abcdef")
        calls += [NeededCall(action, task, in_cluster) for action in ("ecs:DescribeTasks", "ecs:StopTask")]
        rule = around.arn("events", f"rule/{TASK_EVENTS_RULE}")
        calls += [NeededCall(f"events:{verb}", rule) for verb in ("DescribeRule", "PutRule", "PutTargets")]
    return calls


def calls_of_map(machine: str, around: Surroundings) -> list[NeededCall]:
    """A distributed map starts, follows, stops and redrives its items as executions of its own machine."""
    name = machine.rpartition(":")[2]
    execution, item = (around.arn("states", f"execution:{one}") for one in (f"{name}:item", f"{name}/map:item"))
    return [
        NeededCall("states:StartExecution", machine),
        NeededCall("states:DescribeExecution", execution),
        NeededCall("states:StopExecution", execution),
        NeededCall("states:RedriveExecution", item),
    ]


def corrected_resource(action: str, resource: str, asked: Mapping[str, Any], account: str) -> str:
    """The resource of a request where MiniStack takes another one; `asked` has the request's parameters.

    CloudWatch's dashboards, for which it has none: Service Authorization Reference, Amazon CloudWatch. Log groups that
    CloudFormation names: there they begin with the stack's name, which the policies for people go by.
    """
    if action == "cloudwatch:GetDashboard" and asked.get("DashboardName"):
        return f"arn:aws:cloudwatch::{account}:dashboard/{asked['DashboardName']}"
    if action == "logs:FilterLogEvents":
        return resource.replace(":log-group:/aws/cloudformation/", ":log-group:")
    return resource


def context_of_events(body: bytes) -> dict[str, str]:
    """The condition keys of a PutEvents request with one entry: Service Authorization Reference, Amazon EventBridge.

    Examples
    --------
    >>> context_of_events(b'{"Entries": [{"Source": "contender.live", "DetailType": "Live evidence"}]}')
    {'events:source': 'contender.live', 'events:detail-type': 'Live evidence'}
    """
    entry = json.loads(body)["Entries"][0]
    return {"events:source": str(entry.get("Source")), "events:detail-type": str(entry.get("DetailType"))}


def calls_of_target(target_arn: str) -> list[NeededCall]:
    """What the role of a rule's or a schedule's target needs; none for a service that its own policy lets in."""
    service = target_arn.split(":")[2]
    actions = {"states": "states:StartExecution", "lambda": "lambda:InvokeFunction"}
    return [NeededCall(actions[service], target_arn)] if service in actions else []


def calls_of_log_group(group_arn: str) -> list[NeededCall]:
    """Whoever logs makes a stream and writes to it."""
    return [NeededCall(action, f"{group_arn}:log-stream:stream") for action in LOG]
