"""The workflow stack of a pipeline: its functions, the state machine, what starts it, and whom it tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from contender.config import PipelineConfig
from contender.fingerprint import recipe_sha256
from contender.runs import REPORT_PAGE
from contender.training_settings import settings_of
from stacks.access import TABLE_READ_ACTIONS, TABLE_WRITE_ACTIONS, Access, Storage
from stacks.acknowledge import acknowledge, wildcard_finding
from stacks.environment import Environment
from stacks.functions import CodeSource, LoopFunction
from stacks.machines import DefinedMachine, executions_arn, machine_arn
from stacks.prediction_log import PredictionStore
from stacks.rollback import RollbackMachine, champion_alarm_name
from stacks.serving import serve_function_name
from stacks.training import CONTAINER_NAME, TrainingStack
from stacks.triggers import Triggers

DEFINITION_FILE = "statemachines/continuous_training.asl.json"
REQUIREMENTS = "lambdas/requirements.txt"
# Step Functions' own rule, through which it hears that a task it waits for has stopped.
TASK_EVENTS_RULE = "StepFunctionsGetEventsForECSTaskRule"


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A state's function: its folder, size and access."""

    state: str
    folder: str
    description: str
    access: Access
    memory_mib: int = 512
    timeout_minutes: int = 2
    needs_scipy: bool = False


def function_specs(pipeline: str) -> tuple[FunctionSpec, ...]:
    """The functions of the loop, in the order of their states."""
    datasets, runs, profiles, judgements = (
        f"{prefix}/{pipeline}/*" for prefix in ("datasets", "runs", "profiles", "judgements")
    )
    models, pointer = f"models/{pipeline}/*", f"models/{pipeline}/champion.json"
    return (
        FunctionSpec(
            state="Claim",
            folder="claim",
            description="Takes the pipeline's lease for this run, or finds it done or under way",
            access=Access(write_data=(runs,), read_models=(pointer,), table_actions=TABLE_WRITE_ACTIONS),
        ),
        FunctionSpec(
            state="ValidateBatch",
            folder="validate_batch",
            description="Checks new batches against the contract; good rows become a dataset version",
            access=Access(
                read_data=(f"incoming/{pipeline}/*",),
                write_data=(f"quarantine/{pipeline}/*", datasets, runs),
                table_actions=TABLE_READ_ACTIONS,
                copies=True,
            ),
            memory_mib=3008,
            timeout_minutes=10,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="DetectDrift",
            folder="detect_drift",
            description="Compares the new data with what the champion was trained on",
            access=Access(read_data=(datasets, judgements), write_data=(profiles, runs), read_models=(models,)),
            memory_mib=3008,
            timeout_minutes=10,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="EvaluateChallenger",
            folder="evaluate_challenger",
            description="Scores champion and challenger on rows that neither has seen",
            access=Access(read_data=(datasets,), write_data=(judgements, runs), read_models=(models,)),
            memory_mib=3008,
            timeout_minutes=15,
            needs_scipy=True,
        ),
        FunctionSpec(
            state="Rehearse",
            folder="rehearse",
            description="Has the serving function answer golden requests with the challenger before it serves",
            access=Access(write_data=(runs,), read_models=(models,)),
            timeout_minutes=5,
        ),
        FunctionSpec(
            state="Approval",
            folder="approval",
            description="Asks a person whether the challenger may serve",
            access=Access(read_data=(runs,), table_actions=TABLE_WRITE_ACTIONS),
        ),
        FunctionSpec(
            state="Promote",
            folder="promote",
            description="Moves the champion pointer by one compare-and-swap",
            access=Access(read_models=(models,), write_models=(pointer,), table_actions=TABLE_WRITE_ACTIONS),
        ),
        FunctionSpec(
            state="Watch",
            folder="watch",
            description="Looks at what a canary answered, and at the alarms, and says whether it may go on",
            access=Access(write_data=(runs,), read_models=(pointer,)),
        ),
        FunctionSpec(
            state="RollBack",
            folder="roll_back",
            description="Takes a version out of service by one compare-and-swap",
            access=Access(read_models=(pointer,), write_models=(pointer,), table_actions=TABLE_WRITE_ACTIONS),
        ),
        FunctionSpec(
            state="Record",
            folder="record",
            description="Writes down what happened and on what evidence, and releases the lease",
            access=Access(
                read_data=(runs,),
                write_data=(judgements, f"runs/{pipeline}/*/{REPORT_PAGE}"),
                read_models=(pointer,),
                table_actions=TABLE_WRITE_ACTIONS,
            ),
        ),
        FunctionSpec(
            state="Notify",
            folder="notify",
            description="Tells people about a run that is worth a mail",
            access=Access(),
        ),
    )


class LoopFunctions(Construct):
    """The functions of a machine of a pipeline, by the name of their state.

    Attributes
    ----------
    by_state : dict of str to LoopFunction
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        storage: Storage,
        project_root: Path,
        specs: Sequence[FunctionSpec],
        variables: dict[str, dict[str, str]],
    ) -> None:
        super().__init__(scope, construct_id)
        source = CodeSource(self, "Code", environment=environment, project_root=project_root, requirements=REQUIREMENTS)
        shared = {
            "PIPELINE": pipeline.name,
            "DATA_BUCKET": storage.data_bucket.bucket_name,
            "MODEL_BUCKET": storage.model_bucket.bucket_name,
            "RUNS_TABLE": storage.runs_table.table_name,
        }
        self.by_state = {
            spec.state: LoopFunction(
                self,
                spec.state,
                environment=environment,
                folder=spec.folder,
                code=source.image() if spec.needs_scipy else source.zip(),
                memory_mib=spec.memory_mib,
                timeout=Duration.minutes(spec.timeout_minutes),
                variables={**shared, **variables.get(spec.state, {})},
                access=spec.access,
                storage=storage,
                description=spec.description,
            )
            for spec in specs
        }


class AlertsTopic(Construct):
    """Where people hear from a pipeline: runs worth a mail, and alarms.

    Attributes
    ----------
    topic : aws_sns.Topic
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, emails: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        # A topic policy replaces the default one, which would have let the account's alarms publish.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        for email in dict.fromkeys(emails):
            self.topic.add_subscription(subscriptions.EmailSubscription(email))


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
        emails = (*pipeline.notify.emails, *alarm_emails)
        self.alerts = AlertsTopic(self, "Alerts", key=alerts_key, emails=emails).topic
        pipeline_file = s3_assets.Asset(self, "PipelineFile", path=pipeline.path)
        rollout = pipeline.rollout.to_json()
        self.functions = LoopFunctions(
            self,
            "Functions",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            project_root=project_root,
            specs=function_specs(pipeline.name),
            variables={
                "Claim": {"PIPELINE_FILE": pipeline_file.s3_object_url},
                "DetectDrift": {"TRAINING_CODE": training_code},
                "Notify": {"ALERTS_TOPIC_ARN": self.alerts.topic_arn},
                "Rehearse": {
                    "ROLLOUT_POLICY": rollout,
                    "MAX_MODEL_MIB": str(pipeline.promotion.max_model_mib),
                    "SERVE_FUNCTION_NAME": serve_function_name(environment, pipeline),
                },
                "Approval": {"ALERTS_TOPIC_ARN": self.alerts.topic_arn},
                "Promote": {"ROLLOUT_POLICY": rollout},
                "RollBack": {"ROLLOUT_POLICY": rollout},
                "Watch": {
                    "ROLLOUT_POLICY": rollout,
                    "TASK": pipeline.task,
                    "PREDICTIONS_TABLE": predictions.table.table_name,
                    "ALARM": champion_alarm_name(environment, pipeline),
                },
            },
        )
        self._grant_pipeline_file(pipeline_file)
        self._grant_look_at_runs(machine_name(environment, pipeline))
        self._grant_mail(alerts_key)
        self._grant_rehearsal(serve_function_name(environment, pipeline))
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
        self.triggers = Triggers(self, "Triggers", pipeline=pipeline.name, machine=self.machine)
        self.triggers.add_upload_rule(
            description=f"Starts continuous training of {pipeline.name} when a batch arrives",
            storage=storage,
            prefix=f"incoming/{pipeline.name}/",
        )
        self.triggers.add_schedule(
            description=f"Starts continuous training of {pipeline.name} when nothing was uploaded",
            expression=pipeline.schedule.expression,
            enabled=pipeline.schedule.enabled,
        )
        self.triggers.add_code_change_rule(
            description=f"Starts continuous training of {pipeline.name} when its training was changed",
            parameter=f"/{environment.stage_name}/{pipeline.name}/training-recipe",
            recipe=recipe_sha256(training_code, settings_of(pipeline)),
            after=[self.functions, self.training_loop],
        )
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
        CfnOutput(self, "RollbackMachineArn", value=self.rollback.machine.state_machine_arn)
        CfnOutput(self, "StateMachineArn", value=self.machine.state_machine_arn)
        CfnOutput(self, "AlertsTopicArn", value=self.alerts.topic_arn)

    def _grant_pipeline_file(self, pipeline_file: s3_assets.Asset) -> None:
        self.functions.by_state["Claim"].role.add_to_policy(
            iam.PolicyStatement(
                sid="ReadPipelineFile",
                actions=["s3:GetObject"],
                resources=[pipeline_file.bucket.arn_for_objects(pipeline_file.s3_object_key)],
            )
        )

    def _grant_look_at_runs(self, name: str) -> None:
        """Claim asks whether the run that holds the lease is still at work."""
        role = self.functions.by_state["Claim"].role
        executions = executions_arn(self, name)
        role.add_to_policy(
            iam.PolicyStatement(sid="LookAtRuns", actions=["states:DescribeExecution"], resources=[executions])
        )
        acknowledge(
            role,
            {wildcard_finding(role, executions): "An execution is named when it starts; only its status is read."},
        )

    def _grant_mail(self, alerts_key: kms.IKey) -> None:
        for state in ("Approval", "Notify"):
            role = self.functions.by_state[state].role
            role.add_to_policy(
                iam.PolicyStatement(sid="Mail", actions=["sns:Publish"], resources=[self.alerts.topic_arn])
            )
            role.add_to_policy(
                iam.PolicyStatement(
                    sid="EncryptMail",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[alerts_key.key_arn],
                )
            )

    def _grant_rehearsal(self, serve_function: str) -> None:
        function = self.format_arn(
            service="lambda",
            resource="function",
            resource_name=serve_function,
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
