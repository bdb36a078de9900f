"""All that an account holds, by kind: what a deployment adds to it, and what is left when it is taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Clients = Callable[[str], Any]
"""A client of a service, by its name."""

LISTED = (
    ("bucket", "s3", "list_buckets", {}, "Buckets", "Name"),
    ("table", "dynamodb", "list_tables", {}, "TableNames", ""),
    ("queue", "sqs", "list_queues", {}, "QueueUrls", ""),
    ("topic", "sns", "list_topics", {}, "Topics", "TopicArn"),
    ("subscription", "sns", "list_subscriptions", {}, "Subscriptions", "SubscriptionArn"),
    ("function", "lambda", "list_functions", {}, "Functions", "FunctionName"),
    ("event source", "lambda", "list_event_source_mappings", {}, "EventSourceMappings", "UUID"),
    ("state machine", "stepfunctions", "list_state_machines", {}, "stateMachines", "name"),
    ("alarm", "cloudwatch", "describe_alarms", {"AlarmTypes": ["MetricAlarm"]}, "MetricAlarms", "AlarmName"),
    ("alarm", "cloudwatch", "describe_alarms", {"AlarmTypes": ["CompositeAlarm"]}, "CompositeAlarms", "AlarmName"),
    ("dashboard", "cloudwatch", "list_dashboards", {}, "DashboardEntries", "DashboardName"),
    ("log group", "logs", "describe_log_groups", {}, "logGroups", "logGroupName"),
    ("rule", "events", "list_rules", {}, "Rules", "Name"),
    ("schedule", "scheduler", "list_schedules", {}, "Schedules", "Name"),
    ("role", "iam", "list_roles", {}, "Roles", "RoleName"),
    ("policy", "iam", "list_policies", {"Scope": "Local"}, "Policies", "PolicyName"),
    ("secret", "secretsmanager", "list_secrets", {}, "SecretList", "ARN"),
    ("parameter", "ssm", "describe_parameters", {}, "Parameters", "Name"),
    ("API", "apigatewayv2", "get_apis", {}, "Items", "Name"),
    ("cluster", "ecs", "list_clusters", {}, "clusterArns", ""),
    ("task definition", "ecs", "list_task_definitions", {"status": "ACTIVE"}, "taskDefinitionArns", ""),
    ("network", "ec2", "describe_vpcs", {}, "Vpcs", "VpcId"),
    ("subnet", "ec2", "describe_subnets", {}, "Subnets", "SubnetId"),
    ("route table", "ec2", "describe_route_tables", {}, "RouteTables", "RouteTableId"),
    ("security group", "ec2", "describe_security_groups", {}, "SecurityGroups", "GroupId"),
    ("endpoint", "ec2", "describe_vpc_endpoints", {}, "VpcEndpoints", "VpcEndpointId"),
    ("repository", "ecr", "describe_repositories", {}, "repositories", "repositoryName"),
    ("database", "glue", "get_databases", {}, "DatabaseList", "Name"),
    ("workgroup", "athena", "list_work_groups", {}, "WorkGroups", "Name"),
)
"""Kind, service, call, its arguments, the list in its answer, the name in each of its items."""


def inventory(client: Clients) -> set[tuple[str, str]]:
    """Kind and name of all that the account holds, but for keys that are waiting to be deleted."""
    found = {
        (kind, _name(kind, item, key))
        for kind, service, call, arguments, listed, key in LISTED
        for item in _items(client(service), call, arguments, listed)
    }
    found -= {("log group", "/contender-local/metrics")}  # the emulator's own
    kms = client("kms")
    keys = [each["KeyId"] for each in _items(kms, "list_keys", {}, "Keys")]
    states = {key: kms.describe_key(KeyId=key)["KeyMetadata"] for key in keys}
    own = {key for key, told in states.items() if told["KeyManager"] == "CUSTOMER" and told["Enabled"]}
    return found | {("key", key) for key in own}


def _items(client: Any, call: str, arguments: dict[str, Any], listed: str) -> Iterator[Any]:
    if client.can_paginate(call):
        for page in client.get_paginator(call).paginate(**arguments):
            yield from page.get(listed, ())
    else:
        yield from getattr(client, call)(**arguments).get(listed, ())


def _name(kind: str, item: Any, key: str) -> str:
    name = str(item[key] if key else item)
    return name.rpartition("/")[2] if kind == "queue" else name
