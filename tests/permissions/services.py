"""What AWS's own services need of the roles that our templates give them, read off the templates.

A state machine calls what its definition says, a rule and a schedule start their targets, Lambda takes messages from
queues and writes logs and traces, ECS pulls the image: nobody's code makes these calls, so nobody can record them.

References
----------
AWS Step Functions Developer Guide, "Logging in CloudWatch Logs" and "Tracing with X-Ray";
AWS Lambda Developer Guide, "Visualize Lambda function invocations using X-Ray";
Amazon ECS Developer Guide, "Amazon ECS task execution IAM role";
EventBridge Scheduler User Guide, "Configuring a dead-letter queue";
Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs". Read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.service_calls import (
    FROM_QUEUES,
    NeededCall,
    Surroundings,
    calls_of_log_group,
    calls_of_map,
    calls_of_publishing,
    calls_of_target,
    calls_of_task,
)
from tests.permissions.templates import ACCOUNT, REGION, Deployment, who_has_roles

TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
SAMPLING = ("xray:GetSamplingRules", "xray:GetSamplingTargets")
LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
Calls = dict[str, list[NeededCall]]


def calls_of_services(deployment: Deployment) -> Calls:
    """By who has the role."""
    names = who_has_roles(deployment)
    found: Calls = {}
    for key, call in (
        *_of_functions(deployment),
        *_of_failures(deployment),
        *_of_queues(deployment),
        *_of_machines(deployment),
        *_of_rules(deployment),
        *_of_schedules(deployment),
        *_of_training(deployment),
        *_of_flow_logs(deployment),
    ):
        found.setdefault(names[key], []).append(call)
    return found


Needed = Iterator[tuple[tuple[str, str], NeededCall]]


def _of_functions(deployment: Deployment) -> Needed:
    for stack, _, properties in deployment.resources("AWS::Lambda::Function"):
        role = (stack, properties["Role"]["Fn::GetAtt"][0])
        group = deployment.value(stack, properties["LoggingConfig"]["LogGroup"])
        for call in calls_of_log_group(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"):
            yield role, call
        if properties.get("TracingConfig", {}).get("Mode") == "Active":
            for action in TRACES:
                yield role, NeededCall(action, "*")


def _of_failures(deployment: Deployment) -> Needed:
    """Lambda publishes with the function's role what a function could not do after all retries."""
    around = Surroundings(REGION, ACCOUNT, _task_definition(deployment), topic_keys_of(deployment).__getitem__)
    for stack, _, properties in deployment.resources("AWS::Lambda::EventInvokeConfig"):
        function = deployment.templates[stack]["Resources"][properties["FunctionName"]["Ref"]]["Properties"]
        topic = deployment.value(stack, properties["DestinationConfig"]["OnFailure"]["Destination"])
        for call in calls_of_publishing(topic, around):
            yield (stack, function["Role"]["Fn::GetAtt"][0]), call


def _of_queues(deployment: Deployment) -> Needed:
    for stack, _, properties in deployment.resources("AWS::Lambda::EventSourceMapping"):
        function = deployment.templates[stack]["Resources"][properties["FunctionName"]["Ref"]]["Properties"]
        queue = deployment.value(stack, properties["EventSourceArn"])
        for action in FROM_QUEUES:
            yield (stack, function["Role"]["Fn::GetAtt"][0]), NeededCall(action, queue)


def _of_machines(deployment: Deployment) -> Needed:
    for stack, logical_id, properties in deployment.resources("AWS::StepFunctions::StateMachine"):
        role, machine = (stack, properties["RoleArn"]["Fn::GetAtt"][0]), deployment.arn(stack, logical_id)
        definition = _definition(deployment, stack, properties)
        for state in _states(definition):
            for call in _calls_of_state(state, machine, deployment):
                yield role, call
        if properties.get("LoggingConfiguration"):
            for action in LOG_DELIVERY:
                yield role, NeededCall(action, "*")
        if properties.get("TracingConfiguration", {}).get("Enabled"):
            for action in (*TRACES, *SAMPLING):
                yield role, NeededCall(action, "*")


def _definition(deployment: Deployment, stack: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    text = deployment.value(stack, properties["DefinitionString"])
    for name, written in properties.get("DefinitionSubstitutions", {}).items():
        text = text.replace(f"${{{name}}}", str(deployment.value(stack, written)))
    definition: dict[str, Any] = json.loads(text)
    return definition


def _states(definition: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All states, those of branches and maps too."""
    for state in definition.get("States", {}).values():
        yield state
        for inner in (*state.get("Branches", []), state.get("ItemProcessor", {}), state.get("Iterator", {})):
            yield from _states(inner)


def _calls_of_state(state: Mapping[str, Any], machine: str, deployment: Deployment) -> list[NeededCall]:
    around = Surroundings(REGION, ACCOUNT, _task_definition(deployment), topic_keys_of(deployment).__getitem__)
    if state["Type"] == "Task":
        arguments = dict(state.get("Parameters", {}))
        if "StateMachineArn.$" in arguments:
            arguments["StateMachineArn"] = machine  # each machine starts only itself
        return calls_of_task(state["Resource"], arguments, around)
    if (
        state["Type"] == "Map"
        and state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
    ):
        bucket = next(
            deployment.arn(*found[:2]) for found in deployment.resources("AWS::S3::Bucket") if "DataBucket" in found[1]
        )
        pipeline = machine.split("-")[-3]
        lists = f"{bucket}/batch/{pipeline}/out/0/0.json"
        return [*calls_of_map(machine, around), NeededCall("s3:GetObject", lists, {"aws:SecureTransport": "true"})]
    return []


def _task_definition(deployment: Deployment) -> Any:
    def described(family: str) -> Mapping[str, Any]:
        ((stack, logical_id, properties),) = deployment.resources("AWS::ECS::TaskDefinition")
        assert family == deployment.name(stack, logical_id)
        roles = {"taskRoleArn": properties["TaskRoleArn"], "executionRoleArn": properties["ExecutionRoleArn"]}
        return {
            "taskDefinitionArn": deployment.arn(stack, logical_id),
            **{name: deployment.value(stack, written) for name, written in roles.items()},
        }

    return described


def topic_keys_of(deployment: Deployment) -> dict[str, str]:
    """The keys that topics are encrypted with, by the topics' ARNs."""
    return {
        deployment.arn(stack, logical_id): deployment.value(stack, properties.get("KmsMasterKeyId", ""))
        for stack, logical_id, properties in deployment.resources("AWS::SNS::Topic")
    }


def _of_rules(deployment: Deployment) -> Needed:
    for stack, _, properties in deployment.resources("AWS::Events::Rule"):
        for target in properties.get("Targets", []):
            if "RoleArn" in target:
                for call in calls_of_target(deployment.value(stack, target["Arn"])):
                    yield (stack, target["RoleArn"]["Fn::GetAtt"][0]), call


def _of_schedules(deployment: Deployment) -> Needed:
    for stack, _, properties in deployment.resources("AWS::Scheduler::Schedule"):
        target = properties["Target"]
        role = (stack, target["RoleArn"]["Fn::GetAtt"][0])
        for call in calls_of_target(deployment.value(stack, target["Arn"])):
            yield role, call
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
        if dead_letters:
            yield role, NeededCall("sqs:SendMessage", deployment.value(stack, dead_letters))


def _of_training(deployment: Deployment) -> Needed:
    for stack, _, properties in deployment.resources("AWS::ECS::TaskDefinition"):
        role = (stack, properties["ExecutionRoleArn"]["Fn::GetAtt"][0])
        (container,) = properties["ContainerDefinitions"]
        image = str(deployment.value(stack, container["Image"])).rpartition("/")[2].partition(":")[0]
        yield role, NeededCall("ecr:GetAuthorizationToken", "*")
        for action in PULL:
            yield role, NeededCall(action, f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{image}")
        group = deployment.value(stack, container["LogConfiguration"]["Options"]["awslogs-group"])
        for call in calls_of_log_group(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"):
            yield role, call


def _of_flow_logs(deployment: Deployment) -> Needed:
    for stack, _, properties in deployment.resources("AWS::EC2::FlowLog"):
        role = (stack, properties["DeliverLogsPermissionArn"]["Fn::GetAtt"][0])
        group = deployment.value(stack, properties["LogGroupName"])
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        for call in calls_of_log_group(arn):
            yield role, call
        yield role, NeededCall("logs:DescribeLogStreams", f"{arn}:log-stream:")
