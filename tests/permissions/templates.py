"""Policies of synthesised templates, with the ARNs that a deployment would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.stacks.synthesis import PIPELINE, Synthesised

REGION = "us-east-1"
ACCOUNT = "123456789012"
STAGE = "contender-dev"

NAMED_BY = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::SSM::Parameter": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}
ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
    "AWS::ECS::Cluster": "arn:aws:ecs:{region}:{account}:cluster/{name}",
    "AWS::ECS::TaskDefinition": "arn:aws:ecs:{region}:{account}:task-definition/{name}:1",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
    "AWS::Logs::MetricFilter": "{name}",
}
REFERRED_BY_ARN = {
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
    "AWS::ECS::TaskDefinition",
    "AWS::SecretsManager::Secret",
    "AWS::IAM::ManagedPolicy",
}
PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": "",
}


class Deployment:
    """Templates of one environment as they would be deployed."""

    def __init__(self, synthesised: Synthesised) -> None:
        self.templates = synthesised.templates
        self._exports = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def resources(self, *types: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Stack, logical id and properties of all resources of these types."""
        for stack, template in self.templates.items():
            for logical_id, resource in template["Resources"].items():
                if resource["Type"] in types:
                    yield stack, logical_id, resource.get("Properties", {})

    def name(self, stack: str, logical_id: str) -> str:
        """The physical name: the one that is given, else the logical id."""
        resource = self.templates[stack]["Resources"][logical_id]
        given = resource.get("Properties", {}).get(NAMED_BY.get(resource["Type"], ""))
        if resource["Type"] == "AWS::S3::Bucket":
            return str(self.value(stack, given)) if given else logical_id.lower()
        return str(self.value(stack, given)) if given else logical_id

    def arn(self, stack: str, logical_id: str) -> str:
        """The ARN, for the types whose ARNs our templates name."""
        form = ARNS[self.templates[stack]["Resources"][logical_id]["Type"]]
        return form.format(name=self.name(stack, logical_id), region=REGION, account=ACCOUNT)

    def value(self, stack: str, written: Any) -> Any:
        """What is written in a template, as CloudFormation would resolve it.

        Raises
        ------
        ValueError
            For a function that our templates did not have when this was written: teach it.
        """
        if isinstance(written, list):
            return [self.value(stack, one) for one in written]
        if not isinstance(written, dict):
            return written
        if len(written) == 1:
            ((function, argument),) = written.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._called(stack, function, argument)
        return {key: self.value(stack, one) for key, one in written.items()}

    def _called(self, stack: str, function: str, argument: Any) -> Any:
        if function == "Ref":
            return self._reference(stack, argument)
        if function == "Fn::GetAtt":
            logical_id, attribute = argument
            resource_type = self.templates[stack]["Resources"][logical_id]["Type"]
            if attribute == "Arn" and resource_type in ARNS:
                return self.arn(stack, logical_id)
            if attribute in ("Name", "QueueName", "TopicName", "TableName"):
                return self.name(stack, logical_id)
            return f"{logical_id}.{attribute}"
        if function == "Fn::Join":
            return str(argument[0]).join(str(self.value(stack, part)) for part in argument[1])
        if function == "Fn::ImportValue":
            return self.value(*self._exports[self.value(stack, argument)])
        if function == "Fn::Sub":
            text = argument if isinstance(argument, str) else argument[0]
            for name, replacement in PSEUDO.items():
                text = text.replace(f"${{{name}}}", replacement)
            return text
        if function == "Fn::Select":
            return self.value(stack, argument[1][argument[0]]) if isinstance(argument[1], list) else "zone"
        if function in ("Fn::Split", "Fn::GetAZs", "Fn::If", "Fn::Base64", "Fn::Cidr"):
            return f"{function}"
        raise ValueError(f"function must be one that our templates have, but got {function}")

    def _reference(self, stack: str, logical_id: str) -> str:
        if logical_id in PSEUDO:
            return PSEUDO[logical_id]
        resource = self.templates[stack]["Resources"].get(logical_id)
        if resource is None:
            return logical_id  # a parameter
        if resource["Type"] in REFERRED_BY_ARN:
            return self.arn(stack, logical_id)
        if resource["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(stack, logical_id)}"
        return self.name(stack, logical_id)


def policies_of(deployment: Deployment) -> dict[str, list[dict[str, Any]]]:
    """The statements of each role and each managed policy, by what it is for: `claim`, `training task` …"""
    names = who_has_roles(deployment)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names.values()}
    for stack, _, properties in deployment.resources("AWS::IAM::Policy"):
        for role in properties.get("Roles", []):
            owner = names[stack, role["Ref"]]
            found[owner] += statements(deployment.value(stack, properties["PolicyDocument"]))
    for stack, logical_id, properties in deployment.resources("AWS::IAM::Role"):
        for inline in properties.get("Policies", []):
            found[names[stack, logical_id]] += statements(deployment.value(stack, inline["PolicyDocument"]))
    for stack, logical_id, properties in deployment.resources("AWS::IAM::ManagedPolicy"):
        written = statements(deployment.value(stack, properties["PolicyDocument"]))
        found[without_hash(logical_id)] = written
    return {owner: listed for owner, listed in sorted(found.items()) if listed}


def who_has_roles(deployment: Deployment) -> dict[tuple[str, str], str]:
    """Roles by stack and logical id, as a person would call whoever has them."""
    names = {
        (stack, logical_id): f"{stack.replace(f'{PIPELINE}-', '')} {without_hash(logical_id)}"
        for stack, logical_id, _ in deployment.resources("AWS::IAM::Role")
    }
    for stack, _, properties in deployment.resources("AWS::Lambda::Function"):
        role = properties["Role"]["Fn::GetAtt"][0]
        names[stack, role] = folder_of(properties)
    return names


def folder_of(function: Mapping[str, Any]) -> str:
    """The folder of a function's code."""
    handler = function.get("Handler") or function.get("ImageConfig", {}).get("Command", [""])[0]
    return str(handler).split(".")[1]


def without_hash(logical_id: str) -> str:
    """A logical id without the eight characters that the CDK puts after it.

    Examples
    --------
    >>> without_hash("TrainTaskRoleA1B2C3D4")
    'TrainTaskRole'
    """
    return logical_id[:-8]


def statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The statements of a policy, with actions and resources as lists."""
    listed = document["Statement"]
    return [
        {
            **one,
            "Action": as_list(one["Action"]),
            **({"Resource": as_list(one["Resource"])} if "Resource" in one else {}),
        }
        for one in (listed if isinstance(listed, list) else [listed])
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


RESOURCE_POLICIES = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SNS::TopicPolicy": "Topics",
}


def resource_policies_of(deployment: Deployment) -> dict[str, list[dict[str, Any]]]:
    """The statements of each bucket's, queue's, topic's and key's own policy, by its ARN."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stack, logical_id, properties in deployment.resources(*RESOURCE_POLICIES, "AWS::KMS::Key"):
        resource_type = deployment.templates[stack]["Resources"][logical_id]["Type"]
        if resource_type == "AWS::KMS::Key":
            arns, document = [deployment.arn(stack, logical_id)], properties["KeyPolicy"]
        else:
            targets = as_list(properties[RESOURCE_POLICIES[resource_type]])
            arns = [deployment.arn(stack, target.get("Ref") or target["Fn::GetAtt"][0]) for target in targets]
            document = properties["PolicyDocument"]
        for arn in arns:
            known = found.setdefault(arn, [])
            known += [one for one in statements(deployment.value(stack, document)) if one not in known]
    return dict(sorted(found.items()))
