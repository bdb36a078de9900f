"""The workflow stack of a pipeline: functions, state machine, triggers and topics of mails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import ArnFormat, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from contender.data.datasets import FATE
from contender.pipeline.config import PipelineConfig
from contender.query.tables import runs_prefix
from contender.registry.pointer import first_champion_key, pointer_key
from contender.rollout.experiments.control import control_key
from contender.training.fingerprint import recipe_sha256
from contender.training.settings import settings_of
from contender.workflow.run_folder import RECORD, REPORT_PAGE
from stacks.access import (
    TABLE_APPEND_ACTIONS,
    TABLE_READ_ACTIONS,
    TABLE_WRITE_ACTIONS,
    Access,
    Storage,
    let_read_pipeline_file,
)
from stacks.acknowledge import acknowledge, wildcard_finding
from stacks.alerts import AlertTopics
from stacks.dashboard.recent_runs import RecentRuns
from stacks.environment import Environment
from stacks.experiments import ExperimentJudge
from stacks.live import LiveWindows
from stacks.machines import executions_arn
from stacks.prediction_log import PredictionStore
from stacks.rollback import RollbackMachine, champion_alarm_name
from stacks.serving import serve_function_name
from stacks.state_functions import FunctionSpec, LoopFunctions
from stacks.tell import MailFunctions
from stacks.training import TrainingStack
from stacks.training_machine import ContinuousTraining, machine_name
from stacks.triggers import Triggers


def function_specs(pipeline: str, *, learns_from_feedback: bool = False) -> tuple[FunctionSpec, ...]:
    """The functions of the loop, in the order of their states."""
    datasets, unlabelled, runs, profiles, judgements = (
        f"{prefix}/{pipeline}/*" for prefix in ("datasets", "unlabelled", "runs", "profiles", "judgements")
    )
    feedback = (f"feedback/{pipeline}/dt=*",) if learns_from_feedback else ()
    labelled = (f"labelled/{pipeline}/*",) if learns_from_feedback else ()
    models, pointer = f"models/{pipeline}/*", pointer_key(pipeline)
    return (
        FunctionSpec(
            state="Claim",
            folder="claim",
            description="Takes the pipeline's lease and the queued uploads for this run",
            access=Access(
                read_data=(f"incoming/{pipeline}/*",),
                write_data=(f"quarantine/{pipeline}/*", runs),
                read_models=(pointer,),
                table_actions=TABLE_WRITE_ACTIONS,
                versions=(f"incoming/{pipeline}/*",),
                copies=(f"quarantine/{pipeline}/*",),
            ),
        ),
        FunctionSpec(
            state="ValidateBatch",
            folder="validate_batch",
            description="Validates new batches against the data contract; valid rows become a dataset version",
            access=Access(
                read_data=(f"incoming/{pipeline}/*", *feedback),
                write_data=(f"quarantine/{pipeline}/*", datasets, unlabelled, *labelled, runs),
                table_actions=TABLE_READ_ACTIONS,
                versions=(f"incoming/{pipeline}/*", *labelled),
                copies=(f"quarantine/{pipeline}/*",),
            ),
            memory_mib=3008,
            # A file, what is unpacked of it, its typed rows, the part, and 28 bytes for each row of earlier versions.
            disk_mib=10_240,
            timeout_minutes=10,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="DetectDrift",
            folder="detect_drift",
            description="Tests new data for drift from the champion's training data",
            access=Access(
                read_data=(datasets, unlabelled, judgements),
                write_data=(profiles, runs, f"datasets/{pipeline}/*/{FATE}"),
                read_models=(models,),
                verifies=True,
            ),
            memory_mib=3008,
            timeout_minutes=10,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="EvaluateChallenger",
            folder="evaluate_challenger",
            description="Compares champion and challenger on rows that neither was trained on",
            access=Access(read_data=(datasets,), write_data=(judgements, runs), read_models=(models,)),
            memory_mib=3008,
            timeout_minutes=15,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="Rehearse",
            folder="rehearse",
            description="Has the serving function reproduce the challenger's golden requests",
            access=Access(write_data=(runs,), read_models=(models,)),
            timeout_minutes=5,
        ),
        FunctionSpec(
            state="Approval",
            folder="approval",
            description="Requests approval of the challenger",
            access=Access(read_data=(runs,), table_actions=("dynamodb:PutItem",)),
        ),
        FunctionSpec(
            state="Promote",
            folder="promote",
            description="Swaps the champion pointer (compare-and-swap)",
            access=Access(
                read_models=(models,),
                write_models=(pointer, first_champion_key(pipeline)),
                table_actions=TABLE_APPEND_ACTIONS,
                signs_history=True,
            ),
        ),
        FunctionSpec(
            state="Watch",
            folder="watch",
            description="Checks a canary's live metrics and the alarms",
            access=Access(write_data=(runs,), read_models=(pointer,)),
        ),
        FunctionSpec(
            state="RollBack",
            folder="roll_back",
            description="Rolls a version back (compare-and-swap)",
            access=Access(
                read_models=(pointer, first_champion_key(pipeline)),
                write_models=(pointer,),
                table_actions=TABLE_APPEND_ACTIONS,
                signs_history=True,
            ),
        ),
        FunctionSpec(
            state="Record",
            folder="record",
            description="Records the run and its report, and releases the lease",
            access=Access(
                read_data=(runs, control_key(pipeline)),
                write_data=(
                    judgements,
                    f"runs/{pipeline}/*/{REPORT_PAGE}",
                    f"runs/{pipeline}/*/{RECORD}",
                    f"{runs_prefix(pipeline)}*",
                ),
                read_models=(pointer,),
                table_actions=TABLE_WRITE_ACTIONS,
            ),
        ),
        FunctionSpec(
            state="Notify",
            folder="notify",
            description="Sends a mail about a run",
            access=Access(),
        ),
    )


class WorkflowStack(Stack):
    """One pipeline's loop, from the upload to the mail. `training_code` is the digest of the code that makes models."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        storage: Storage,
        alerts_key: kms.IKey,
        training: TrainingStack,
        predictions: PredictionStore,
        alarm_emails: Sequence[str],
        training_code: str,
        project_root: Path,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        self._environment, self._pipeline, self._training_code = environment, pipeline, training_code
        self.topics = AlertTopics(self, "Alerts", key=alerts_key, notify=pipeline.notify, everybody=alarm_emails)
        pipeline_file = s3_assets.Asset(self, "PipelineFile", path=pipeline.path)
        self.functions = LoopFunctions(
            self,
            "Functions",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            project_root=project_root,
            specs=function_specs(pipeline.name, learns_from_feedback=pipeline.live.learn_from_feedback),
            variables=self._variables(pipeline_file, predictions, storage),
        )
        let_read_pipeline_file(self.functions.by_state["Claim"].role, pipeline_file)
        self._grant_look_at_runs()
        self.topics.let_publish(self.functions.by_state["Approval"].role, "ticket")
        self.topics.let_publish(self.functions.by_state["Notify"].role, "ticket", "info")
        self.mails = MailFunctions(
            self,
            "Mails",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            topics=self.topics,
            project_root=project_root,
        )
        self.live = LiveWindows(
            self,
            "Live",
            environment=environment,
            pipeline=pipeline,
            pipeline_file=pipeline_file,
            storage=storage,
            topics=self.topics,
            project_root=project_root,
        )
        CfnOutput(self, "JudgeWindowFunctionName", value=self.live.function.function_name)
        ExperimentJudge(
            self,
            "Experiments",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            predictions=predictions,
            topics=self.topics,
            project_root=project_root,
        )
        self._grant_rehearsal()
        self._grant_watch(predictions)
        self.training_loop = ContinuousTraining(
            self,
            "ContinuousTraining",
            environment=environment,
            pipeline=pipeline,
            functions=self.functions,
            storage=storage,
            training=training,
            project_root=project_root,
        )
        self.machine = self.training_loop.machine
        self.triggers = self._triggers(storage)
        self.rollback = RollbackMachine(
            self,
            "Rollback",
            environment=environment,
            pipeline=pipeline,
            functions=self.functions.by_state,
            project_root=project_root,
        )
        self.rollback.start_on_alarm(
            champion_alarm_name(environment, pipeline), dead_letters=self.triggers.dead_letters
        )
        self.recent_runs = RecentRuns(
            self,
            "RecentRuns",
            environment=environment,
            pipeline=pipeline.name,
            storage=storage,
            log_groups=[
                self.training_loop.log_group.log_group_name,
                self.rollback.log_group.log_group_name,
                *(made.log_group.log_group_name for made in self.functions.by_state.values()),
            ],
            project_root=project_root,
        )
        CfnOutput(self, "TriggersDeadLettersUrl", value=self.triggers.dead_letters.queue_url)
        CfnOutput(self, "RollbackMachineArn", value=self.rollback.machine.state_machine_arn)
        CfnOutput(self, "StateMachineArn", value=self.machine.state_machine_arn)

    def _variables(
        self, pipeline_file: s3_assets.Asset, predictions: PredictionStore, storage: Storage
    ) -> dict[str, dict[str, str]]:
        """What single functions are told beyond what all of them are, by state."""
        pipeline, rollout = self._pipeline, {"ROLLOUT_POLICY": self._pipeline.rollout.to_json()}
        swaps = {**rollout, "HISTORY_KEY_ID": storage.history_key.key_arn}
        return {
            "Claim": {"PIPELINE_FILE": pipeline_file.s3_object_url},
            "DetectDrift": {"TRAINING_CODE": self._training_code, "SIGNING_KEY_ID": storage.signing_key.key_arn},
            "Notify": self.topics.variables(),
            "Rehearse": {
                **rollout,
                "MAX_MODEL_MIB": str(pipeline.promotion.max_model_mib),
                "SERVE_FUNCTION_NAME": serve_function_name(self._environment, pipeline),
            },
            "Approval": self.topics.variables(),
            "Promote": swaps,
            "RollBack": swaps,
            "Watch": {
                **rollout,
                "TASK": pipeline.task,
                "PREDICTIONS_TABLE": predictions.table.table_name,
                "ALARM": champion_alarm_name(self._environment, pipeline),
            },
        }

    def _triggers(self, storage: Storage) -> Triggers:
        """Uploads, the schedule, live evidence, and a deployment that changes what models are made of."""
        pipeline = self._pipeline
        triggers = Triggers(self, "Triggers", pipeline=pipeline.name, machine=self.machine)
        triggers.add_upload_rule(
            description=f"Starts continuous training of {pipeline.name} when a batch arrives",
            storage=storage,
            prefix=f"incoming/{pipeline.name}/",
        )
        triggers.add_schedule(
            description=f"Starts continuous training of {pipeline.name} on its schedule",
            expression=pipeline.schedule.expression,
            enabled=pipeline.schedule.enabled,
        )
        triggers.add_live_evidence_rule(
            description=f"Starts continuous training of {pipeline.name} by what live predictions and labels show"
        )
        triggers.add_code_change_rule(
            description=f"Starts continuous training of {pipeline.name} when its training code or settings changed",
            parameter=f"/{self._environment.stage_name}/{pipeline.name}/training-recipe",
            recipe=recipe_sha256(self._training_code, settings_of(pipeline)),
            after=[self.functions, self.training_loop],
        )
        return triggers

    def _grant_look_at_runs(self) -> None:
        """Claim asks whether the run that holds the lease is still at work."""
        role = self.functions.by_state["Claim"].role
        executions = executions_arn(self, machine_name(self._environment, self._pipeline))
        role.add_to_policy(
            iam.PolicyStatement(sid="LookAtRuns", actions=["states:DescribeExecution"], resources=[executions])
        )
        acknowledge(
            role,
            {wildcard_finding(role, executions): "An execution is named when it starts; only its status is read."},
        )

    def _grant_rehearsal(self) -> None:
        function = self.format_arn(
            service="lambda",
            resource="function",
            resource_name=serve_function_name(self._environment, self._pipeline),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        self.functions.by_state["Rehearse"].role.add_to_policy(
            iam.PolicyStatement(sid="AskServe", actions=["lambda:InvokeFunction"], resources=[function])
        )

    def _grant_watch(self, predictions: PredictionStore) -> None:
        role = self.functions.by_state["Watch"].role
        predictions.table.grant(role, *TABLE_READ_ACTIONS)
        role.add_to_policy(
            iam.PolicyStatement(sid="LookAtAlarms", actions=["cloudwatch:DescribeAlarms"], resources=["*"])
        )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "cloudwatch:DescribeAlarms answers with composite alarms only to who may ask for all; the function "
                    "asks for one by its name and reads its state. X-Ray takes no resource either."
                )
            },
        )
