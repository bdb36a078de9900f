"""The batch stack of a pipeline: predicts files that are put into a folder."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from contender.query.tables import batch_prefix
from stacks.access import Access, Storage
from stacks.acknowledge import acknowledge, imported, wildcard_finding
from stacks.alarms.batch_alarms import BatchAlarms
from stacks.alarms.maker import AlarmMaker
from stacks.alerts import AlertTopics
from stacks.environment import Environment
from stacks.machines import DefinedMachine, executions_arn, machine_arn
from stacks.state_functions import FunctionSpec, LoopFunctions
from stacks.triggers import Triggers

DEFINITION_FILE = "statemachines/batch_prediction.asl.json"


def batch_function_specs(pipeline: str) -> tuple[FunctionSpec, ...]:
    """The functions of a batch job, in the order of their states."""
    files, jobs, models = f"batch/{pipeline}/in/*", f"batch/{pipeline}/out/*", f"models/{pipeline}/*"
    return (
        FunctionSpec(
            state="PlanBatch",
            folder="plan_batch",
            description="Plans a batch job: the model version and the parts of a file; or lists the waiting files",
            access=Access(read_data=(files,), versions=(files,), write_data=(jobs,), read_models=(models,)),
            memory_mib=2048,
            disk_mib=10_240,
            timeout_minutes=15,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="PredictPart",
            folder="predict_part",
            description="Predicts one part of a file; rows that cannot be predicted are rejected",
            access=Access(write_data=(jobs,), read_models=(models,), verifies=True),
            memory_mib=3008,
            timeout_minutes=15,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="FinishBatch",
            folder="finish_batch",
            description="Collects the parts into the job's manifest, or writes why the job failed",
            access=Access(write_data=(jobs, f"{batch_prefix(pipeline)}*"), read_models=(models,)),
            timeout_minutes=5,
        ),
    )


class BatchMachine(DefinedMachine):
    """The state machine, with its grants written out."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        functions: LoopFunctions,
        storage: Storage,
        topics: AlertTopics,
        project_root: Path,
    ) -> None:
        name = f"{environment.stage_name}-{pipeline.name}-batch-prediction"
        super().__init__(
            scope,
            construct_id,
            environment=environment,
            name=name,
            definition=project_root / DEFINITION_FILE,
            functions=functions.by_state,
            substitutions={"Pipeline": pipeline.name, "AlertsTopicArn": topics["ticket"].topic_arn},
        )
        self._grant_maps(name)
        self._grant_lists(storage, pipeline.name)
        topics.let_publish(self.role, "ticket")
        self.let_count_unsent_mails()

    def _grant_maps(self, name: str) -> None:
        """A distributed map runs each item as an execution of the machine itself, as StartJobs does each file."""
        stack = Stack.of(self)
        executions, items = executions_arn(stack, name), executions_arn(stack, f"{name}/*")
        for statement in (
            iam.PolicyStatement(
                sid="StartItems", actions=["states:StartExecution"], resources=[machine_arn(stack, name)]
            ),
            iam.PolicyStatement(
                sid="FollowItems",
                actions=["states:DescribeExecution", "states:StopExecution"],
                resources=[executions],
            ),
            iam.PolicyStatement(sid="RedriveItems", actions=["states:RedriveExecution"], resources=[items]),
        ):
            self.role.add_to_policy(statement)
        acknowledge(
            self.role,
            {
                wildcard_finding(self.role, executions): "An execution is named when it starts.",
                wildcard_finding(self.role, items): "An item's execution and its map are named when they start.",
            },
        )

    def _grant_lists(self, storage: Storage, pipeline: str) -> None:
        """What the maps go over lies in S3."""
        lists = f"batch/{pipeline}/out/*"
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="ReadLists", actions=["s3:GetObject"], resources=[storage.data_bucket.arn_for_objects(lists)]
            )
        )
        bucket = imported(storage.data_bucket, storage.data_bucket.bucket_arn)
        acknowledge(
            self.role,
            {wildcard_finding(self.role, f"{bucket}/{lists}"): "A list is named by its job and its content."},
        )


class BatchStack(Stack):
    """Predicts whole files.

    Attributes
    ----------
    machine : BatchMachine
    triggers : Triggers
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
        tell: lambda_.IFunction,
        project_root: Path,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        named = {"ROW_ID": pipeline.row_id} if pipeline.row_id else {}
        style = {"missing": pipeline.missing, "decimal": pipeline.decimal, "day_first": pipeline.day_first}
        self.functions = LoopFunctions(
            self,
            "Functions",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            project_root=project_root,
            specs=batch_function_specs(pipeline.name),
            variables={
                "PlanBatch": {**named, "CELL_STYLE": json.dumps(style)},
                "PredictPart": {"SIGNING_KEY_ID": storage.signing_key.key_arn},
            },
        )
        self.machine = BatchMachine(
            self,
            "BatchPrediction",
            environment=environment,
            pipeline=pipeline,
            functions=self.functions,
            storage=storage,
            topics=topics,
            project_root=project_root,
        )
        self.triggers = self._triggers(pipeline, storage)
        make = AlarmMaker(self, "Alarms", environment=environment, pipeline=pipeline, tell=tell)
        BatchAlarms(make, machine=self.machine.machine, dead_letters=self.triggers.dead_letters)
        CfnOutput(self, "TriggersDeadLettersUrl", value=self.triggers.dead_letters.queue_url)
        CfnOutput(self, "StateMachineArn", value=self.machine.machine.state_machine_arn)

    def _triggers(self, pipeline: PipelineConfig, storage: Storage) -> Triggers:
        """Each file when it arrives; or, with a schedule, those that wait by then."""
        triggers = Triggers(self, "Triggers", pipeline=pipeline.name, machine=self.machine.machine)
        if pipeline.serving.batch_schedule:
            triggers.add_schedule(
                description=f"Starts batch prediction of the waiting files of {pipeline.name}",
                expression=pipeline.serving.batch_schedule,
            )
        else:
            triggers.add_upload_rule(
                description=f"Starts batch prediction of {pipeline.name} when a file arrives",
                storage=storage,
                prefix=f"batch/{pipeline.name}/in/",
            )
        return triggers
