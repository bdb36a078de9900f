"""The state machine of the loop: substitutions of its definition, and permissions of its role."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from stacks.access import Storage
from stacks.acknowledge import acknowledge, wildcard_finding
from stacks.environment import Environment
from stacks.machines import DefinedMachine, machine_arn
from stacks.state_functions import LoopFunctions
from stacks.training import CONTAINER_NAME, TrainingStack

DEFINITION_FILE = "statemachines/continuous_training.asl.json"
# Step Functions' own rule, through which it hears that a task it waits for has stopped.
TASK_EVENTS_RULE = "StepFunctionsGetEventsForECSTaskRule"


def machine_name(environment: Environment, pipeline: PipelineConfig) -> str:
    """The machine's name is fixed, so that roles can name it where a reference would be circular."""
    return f"{environment.stage_name}-{pipeline.name}-continuous-training"


class ContinuousTraining(DefinedMachine):
    """The loop's state machine, with its grants written out."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        functions: LoopFunctions,
        storage: Storage,
        training: TrainingStack,
        project_root: Path,
    ) -> None:
        name = machine_name(environment, pipeline)
        super().__init__(
            scope,
            construct_id,
            environment=environment,
            name=name,
            definition=project_root / DEFINITION_FILE,
            functions=functions.by_state,
            substitutions={
                "ClusterArn": training.cluster.cluster_arn,
                "TaskDefinitionArn": training.task.family,
                "TrainContainerName": CONTAINER_NAME,
                "Subnet1": training.network.subnet_ids[0],
                "Subnet2": training.network.subnet_ids[1],
                "SecurityGroup": training.network.task_security_group.security_group_id,
                "RunsTableName": storage.runs_table.table_name,
                "Pipeline": pipeline.name,
                "TaskCpu": str(pipeline.training.cpu),
                "TaskMemory": str(pipeline.training.memory_mib),
            },
        )
        self._grant_training(training)
        self._grant_itself(name)
        self.let_count_unsent_mails()
        # ReleaseLease, when Record itself has failed.
        storage.runs_table.grant(self.role, "dynamodb:UpdateItem")

    def _grant_training(self, training: TrainingStack) -> None:
        stack = Stack.of(self)
        cluster_is_ours = {"ArnEquals": {"ecs:cluster": training.cluster.cluster_arn}}
        definition = stack.format_arn(
            service="ecs", resource="task-definition", resource_name=f"{training.task.family}:*"
        )
        tasks = stack.format_arn(service="ecs", resource="task", resource_name=f"{training.cluster_name}/*")
        rule = stack.format_arn(service="events", resource="rule", resource_name=TASK_EVENTS_RULE)
        for statement in (
            iam.PolicyStatement(
                sid="StartTraining",
                actions=["ecs:RunTask"],
                resources=[definition],
                conditions=cluster_is_ours,
            ),
            iam.PolicyStatement(
                sid="FollowTraining",
                actions=["ecs:DescribeTasks", "ecs:StopTask"],
                resources=[tasks],
                conditions=cluster_is_ours,
            ),
            iam.PolicyStatement(
                sid="HearThatTrainingStopped",
                actions=["events:DescribeRule", "events:PutRule", "events:PutTargets"],
                resources=[rule],
            ),
            iam.PolicyStatement(
                sid="GiveTrainingItsRoles",
                actions=["iam:PassRole"],
                resources=[training.task.task_role.role_arn, training.task.execution_role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ):
            self.role.add_to_policy(statement)
        acknowledge(
            self.role,
            {
                wildcard_finding(self.role, definition): (
                    "The revision: each deployment of the training stack makes one; runs start the newest."
                ),
                wildcard_finding(self.role, tasks): (
                    "A task is named when it starts; the statement is limited to tasks of this cluster."
                ),
            },
        )

    def _grant_itself(self, name: str) -> None:
        machine = machine_arn(Stack.of(self), name)
        self.role.add_to_policy(
            iam.PolicyStatement(sid="StartNextRun", actions=["states:StartExecution"], resources=[machine])
        )
