"""The training stack: a network without a way out, and a task without rights beyond its prefixes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks.synthesis import Synthesised, flat, statements


def test_nothing_leaves_the_network_but_through_endpoints(anywhere: Synthesised) -> None:
    types = {resource["Type"] for resource in anywhere.templates["training"]["Resources"].values()}
    assert not types & {
        "AWS::EC2::NatGateway",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::EIP",
        "AWS::EC2::Route",
    }


def test_subnets_give_no_public_addresses(anywhere: Synthesised) -> None:
    subnets = anywhere.resources("training", "AWS::EC2::Subnet")
    assert [subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in subnets] == [False, False]


@pytest.mark.parametrize(("environment", "zones"), [("local", 0), ("dev", 1), ("prod", 2)])
def test_interface_endpoints_are_only_where_they_are_worth_their_price(
    environments: Callable[[str], Synthesised], environment: str, zones: int
) -> None:
    endpoints = environments(environment).resources("training", "AWS::EC2::VPCEndpoint")
    services = {
        flat(e["Properties"]["ServiceName"]).rsplit(">.", 1)[-1]: e["Properties"]
        for e in endpoints
        if e["Properties"]["VpcEndpointType"] == "Interface"
    }
    gateways = [
        flat(e["Properties"]["ServiceName"]) for e in endpoints if e["Properties"]["VpcEndpointType"] == "Gateway"
    ]
    assert sorted(name.rsplit(".", 1)[-1] for name in gateways) == ["s3"]
    assert set(services) == ({"ecr.api", "ecr.dkr", "logs", "kms"} if zones else set())
    assert {len(properties["SubnetIds"]) for properties in services.values()} == ({zones} if zones else set())


def test_no_endpoint_serves_keys_or_buckets_of_another_account(anywhere: Synthesised) -> None:
    endpoints = anywhere.resources("training", "AWS::EC2::VPCEndpoint")
    for endpoint in (each["Properties"] for each in endpoints):
        own, *more = statements(endpoint["PolicyDocument"])
        same = {"aws:PrincipalAccount", *(["aws:ResourceAccount"] if endpoint["VpcEndpointType"] == "Gateway" else [])}
        assert (own["Effect"], set(own["Condition"]["StringEquals"])) == ("Allow", same)
        # The bucket of layers has a name for each region: Amazon ECR's guide, "Create the Amazon S3 gateway endpoint".
        places = [each["Resource"] for each in more]
        found = [flat(place[0] if isinstance(place, list) else place) for place in places]
        layers = [place.endswith("-starport-layer-bucket/*") for place in found]
        assert layers == ([True] if endpoint["VpcEndpointType"] == "Gateway" else [])


def test_tasks_only_send_https(anywhere: Synthesised) -> None:
    (group,) = [
        each["Properties"]
        for each in anywhere.resources("training", "AWS::EC2::SecurityGroup")
        if each["LogicalId"].startswith("NetworkTaskGroup")
    ]
    rules = group["SecurityGroupEgress"]
    assert [(rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) for rule in rules] == [(443, 443, "tcp")]
    assert "SecurityGroupIngress" not in group


def test_the_network_says_what_it_rejected(on_aws: Synthesised) -> None:
    assert on_aws.only("training", "AWS::EC2::FlowLog")["TrafficType"] == "REJECT"


def test_the_cluster_can_run_on_spot_and_on_demand(anywhere: Synthesised) -> None:
    assert anywhere.only("training", "AWS::ECS::Cluster")["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT"]


def test_the_container_cannot_write_but_to_tmp(anywhere: Synthesised) -> None:
    definition = anywhere.only("training", "AWS::ECS::TaskDefinition")
    (container,) = definition["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["MountPoints"] == [{"ContainerPath": "/tmp", "ReadOnly": False, "SourceVolume": "tmp"}]
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert container["StopTimeout"] == 120
    assert container["HealthCheck"]["Command"] == ["CMD", "python", "-m", "training_image.health"]
    assert {variable["Name"] for variable in container["Environment"]} == {
        "DATA_BUCKET",
        "MODEL_BUCKET",
        "SIGNING_KEY_ID",
    }


def test_training_can_write_models_but_never_the_pointer(anywhere: Synthesised) -> None:
    policies = anywhere.resources("training", "AWS::IAM::Policy")
    (policy,) = [p["Properties"] for p in policies if "TaskRole" in p["LogicalId"]]
    found = list(statements(policy["PolicyDocument"]))
    writes = {
        (s["Effect"], flat(r).split(">", 1)[1]) for s in found if "s3:PutObject" in s["Action"] for r in s["Resource"]
    }
    assert writes == {("Allow", "/models/*"), ("Allow", "/runs/*"), ("Deny", "/models/*/champion.json")}


def test_training_signs_with_a_key_of_the_data_stack(anywhere: Synthesised) -> None:
    keys = anywhere.resources("data", "AWS::KMS::Key")
    (key,) = [k["Properties"] for k in keys if k["LogicalId"].startswith("SigningKey")]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    policies = anywhere.resources("training", "AWS::IAM::Policy")
    (policy,) = [p["Properties"] for p in policies if "TaskRole" in p["LogicalId"]]
    (signing,) = [s for s in statements(policy["PolicyDocument"]) if s["Action"] in ("kms:Sign", ["kms:Sign"])]
    assert "SigningKey" in flat(
        signing["Resource"][0] if isinstance(signing["Resource"], list) else signing["Resource"]
    )


def test_only_training_may_sign_versions(anywhere: Synthesised) -> None:
    signers = {
        (stack, resource["LogicalId"])
        for stack in anywhere.templates
        for resource in anywhere.resources(stack, "AWS::IAM::Policy")
        for s in statements(resource["Properties"]["PolicyDocument"])
        if "kms:Sign" in s["Action"] and "SigningKey" in str(s["Resource"])
    }
    assert {stack for stack, _ in signers} == {"training"}
    assert len(signers) == 1


def test_the_names_that_the_command_line_reads_are_outputs(anywhere: Synthesised) -> None:
    assert {"ClusterArn", "TaskDefinitionArn"} <= set(anywhere.templates["training"]["Outputs"])
