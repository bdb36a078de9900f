"""The training stack: a network without internet access, a Fargate cluster and the training task."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Aws, CfnOutput, Duration, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.access import Access, Storage, grant_access
from stacks.acknowledge import acknowledge
from stacks.data import POINTER_PATTERN
from stacks.environment import Environment
from stacks.training_image import training_image_asset

CONTAINER_NAME = "train"
# Of a task that somebody starts by hand; a run asks for what its pipeline file says.
DEFAULT_CPU = 1024
DEFAULT_MEMORY_MIB = 4096
# Spot gives two minutes of notice; that is also the longest that Fargate waits after SIGTERM.
STOP_TIMEOUT_SECONDS = 120
_HTTPS = ec2.Port.tcp(443)


class ClosedNetwork(Construct):
    """A VPC whose only ways out are endpoints of the services that a training task needs.

    Attributes
    ----------
    vpc : aws_ec2.Vpc
    task_security_group : aws_ec2.SecurityGroup
    subnet_ids : list of str
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=environment.availability_zones,
            nat_gateways=0,
            # Emptying the default group takes a Lambda-backed custom resource; nothing here uses that group.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="training", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        self._close_s3()
        self.subnet_ids = [subnet.subnet_id for subnet in self.vpc.isolated_subnets]
        self.task_security_group = ec2.SecurityGroup(
            self,
            "TaskGroup",
            vpc=self.vpc,
            description="Training tasks: no inbound traffic, outbound HTTPS to endpoints only",
            allow_all_outbound=False,
        )
        # Gateway endpoints are reached at public addresses: a narrower rule would need each region's list.
        self.task_security_group.add_egress_rule(ec2.Peer.any_ipv4(), _HTTPS, "Endpoints of AWS services")
        if environment.endpoint_zones:
            self._add_interface_endpoints(environment)
        self._add_flow_log(environment)

    def _add_interface_endpoints(self, environment: Environment) -> None:
        services = ec2.InterfaceVpcEndpointAwsService
        group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=self.vpc,
            description="Interface endpoints: HTTPS from training tasks",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(self.task_security_group, _HTTPS, "Training tasks")
        subnets = ec2.SubnetSelection(subnets=self.vpc.isolated_subnets[: environment.endpoint_zones])
        for name, service in {
            "EcrApi": services.ECR,
            "EcrDocker": services.ECR_DOCKER,
            "CloudWatchLogs": services.CLOUDWATCH_LOGS,
            "Kms": services.KMS,
        }.items():
            endpoint = self.vpc.add_interface_endpoint(
                name,
                service=service,
                subnets=subnets,
                security_groups=[group],
                open=False,
                private_dns_enabled=True,
            )
            endpoint.add_to_policy(_own_account_only(self, actions=["*"], resource_too=False))

    def _close_s3(self) -> None:
        """Without a policy any bucket of the world is reached through the endpoint, with keys that somebody brought."""
        endpoint = self.vpc.node.find_child("S3")
        assert isinstance(endpoint, ec2.GatewayVpcEndpoint)
        endpoint.add_to_policy(_own_account_only(self, actions=["s3:*"], resource_too=True))
        layers = f"arn:{Aws.PARTITION}:s3:::prod-{Aws.REGION}-starport-layer-bucket/*"
        endpoint.add_to_policy(
            iam.PolicyStatement(
                sid="LayersOfImages",  # ECR keeps them in a bucket of AWS, and signs the requests itself
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject"],
                resources=[layers],
            )
        )

    def _add_flow_log(self, environment: Environment) -> None:
        if not environment.flow_logs:
            return
        log_group = logs.LogGroup(
            self, "FlowLogs", retention=environment.log_retention, removal_policy=environment.removal_policy
        )
        # Rejected traffic is what is worth knowing in a network that nothing should try to leave.
        self.vpc.add_flow_log(
            "Flow",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )


def _own_account_only(scope: Construct, *, actions: list[str], resource_too: bool) -> iam.PolicyStatement:
    """Roles of this account, on what this account has: nothing leaves with keys or to a bucket of somebody else."""
    account = Stack.of(scope).account
    resource = {"aws:ResourceAccount": account} if resource_too else {}
    return iam.PolicyStatement(
        sid="OwnAccountOnly",
        principals=[iam.AnyPrincipal()],
        actions=actions,
        resources=["*"],
        conditions={"StringEquals": {"aws:PrincipalAccount": account, **resource}},
    )


CPU_ARCHITECTURES = {"x86_64": ecs.CpuArchitecture.X86_64, "arm64": ecs.CpuArchitecture.ARM64}


class TrainingTask(Construct):
    """The Fargate task definition: read-only root, a writable /tmp, no rights beyond its prefixes.

    Attributes
    ----------
    definition : aws_ecs.FargateTaskDefinition
    task_role, execution_role : aws_iam.Role
    family : str
        The state machine starts the family, that is its newest revision: a cross-stack reference to one
        revision could not be updated while the other stack imports it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: Storage,
        project_root: Path,
    ) -> None:
        super().__init__(scope, construct_id)
        self.family = f"{environment.stage_name}-training"
        log_group = logs.LogGroup(
            self, "Logs", retention=environment.log_retention, removal_policy=environment.removal_policy
        )
        ecs_tasks = iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        self.execution_role = iam.Role(self, "ExecutionRole", assumed_by=ecs_tasks)
        self.task_role = iam.Role(self, "TaskRole", assumed_by=ecs_tasks)
        self._grant(storage)
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Definition",
            family=self.family,
            cpu=DEFAULT_CPU,
            memory_limit_mib=DEFAULT_MEMORY_MIB,
            task_role=self.task_role,
            execution_role=self.execution_role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=CPU_ARCHITECTURES[environment.architecture],
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            volumes=[ecs.Volume(name="tmp")],
        )
        self._add_container(storage, project_root, log_group, environment.architecture)
        acknowledge(
            self.definition,
            {"AwsSolutions-ECS2": "The variables are names of two buckets and of a key, which are no secrets."},
        )
        acknowledge(
            self.execution_role,
            {"AwsSolutions-IAM5[Resource::*]": "ecr:GetAuthorizationToken takes no resource but *."},
        )

    def _add_container(self, storage: Storage, project_root: Path, log_group: logs.LogGroup, architecture: str) -> None:
        image = training_image_asset(self, "Image", project_root=project_root, architecture=architecture)
        container = self.definition.add_container(
            "Container",
            container_name=CONTAINER_NAME,
            image=ecs.ContainerImage.from_docker_image_asset(image),
            readonly_root_filesystem=True,
            stop_timeout=Duration.seconds(STOP_TIMEOUT_SECONDS),
            # ECS does not look at the image's own. It stops no task for it: it shows in the console and in events.
            health_check=ecs.HealthCheck(
                command=["CMD", "python", "-m", "training_image.health"],
                interval=Duration.seconds(60),
                timeout=Duration.seconds(10),
                start_period=Duration.seconds(120),
                retries=5,
            ),
            logging=ecs.LogDrivers.aws_logs(stream_prefix=CONTAINER_NAME, log_group=log_group),
            environment={
                "DATA_BUCKET": storage.data_bucket.bucket_name,
                "MODEL_BUCKET": storage.model_bucket.bucket_name,
                "SIGNING_KEY_ID": storage.signing_key.key_arn,
            },
        )
        container.add_mount_points(ecs.MountPoint(container_path="/tmp", source_volume="tmp", read_only=False))

    def _grant(self, storage: Storage) -> None:
        access = Access(read_data=("datasets/*",), write_data=("runs/*",), write_models=("models/*",), signs=True)
        grant_access(self.task_role, access=access, storage=storage)
        self.task_role.add_to_policy(
            iam.PolicyStatement(
                sid="TrainingNeverPromotes",
                effect=iam.Effect.DENY,
                actions=["s3:PutObject"],
                resources=[storage.model_bucket.arn_for_objects(POINTER_PATTERN)],
            )
        )


class TrainingStack(Stack):
    """Where challengers are trained; shared by the pipelines of an environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        storage: Storage,
        project_root: Path,
        **stack_settings: object,
    ) -> None:
        self._zones = environment.availability_zones
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        self.network = ClosedNetwork(self, "Network", environment=environment)
        self.cluster_name = environment.stage_name
        self.cluster = _cluster(self, self.cluster_name, self.network.vpc, environment)
        self.task = TrainingTask(
            self,
            "Train",
            environment=environment,
            storage=storage,
            project_root=project_root,
        )
        CfnOutput(self, "ClusterArn", value=self.cluster.cluster_arn)
        CfnOutput(self, "TaskDefinitionArn", value=self.task.definition.task_definition_arn)

    @property
    def availability_zones(self) -> list[str]:
        """The region's first zones, left to CloudFormation: looking them up would need an account."""
        return [Fn.select(index, Fn.get_azs()) for index in range(self._zones)]


def _cluster(stack: Stack, name: str, vpc: ec2.IVpc, environment: Environment) -> ecs.Cluster:
    insights = ecs.ContainerInsights.ENABLED if environment.container_insights else ecs.ContainerInsights.DISABLED
    cluster = ecs.Cluster(stack, "Cluster", cluster_name=name, vpc=vpc, container_insights_v2=insights)
    resource = cluster.node.default_child
    assert isinstance(resource, ecs.CfnCluster)
    # The L2 switch would add an association resource for what is a property of the cluster.
    resource.capacity_providers = ["FARGATE", "FARGATE_SPOT"]
    return cluster
