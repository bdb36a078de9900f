"""The function that looks at a pipeline's A/B experiment every hour, and its schedule."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from contender.registry.pointer import first_champion_key, pointer_key
from contender.rollout.experiments.experiment import experiment_key
from contender.workflow.run_folder import EXPERIMENT_REPORT
from stacks.access import Access, Storage
from stacks.acknowledge import acknowledge, wildcard_finding
from stacks.alerts import AlertTopics
from stacks.environment import Environment
from stacks.prediction_log import PredictionStore
from stacks.state_functions import FunctionSpec, LoopFunctions

EVERY = Duration.hours(1)
STATE = "JudgeExperiment"


class ExperimentJudge(Construct):
    """JudgeExperiment and its schedule. One of each pipeline's own: it may move no other pipeline's champion."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        storage: Storage,
        predictions: PredictionStore,
        topics: AlertTopics,
        project_root: Path,
    ) -> None:
        super().__init__(scope, construct_id)
        name = pipeline.name
        made = LoopFunctions(
            self,
            "Functions",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            project_root=project_root,
            specs=(
                FunctionSpec(
                    state=STATE,
                    folder="judge_experiment",
                    description="Looks at the pipeline's A/B experiment",
                    access=Access(
                        write_data=(experiment_key(name), f"runs/{name}/*/{EXPERIMENT_REPORT}"),
                        write_models=(pointer_key(name), first_champion_key(name)),
                        table_actions=("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
                        signs_history=True,
                    ),
                ),
            ),
            variables={
                STATE: {
                    **topics.variables(),
                    "PREDICTIONS_TABLE": predictions.table.table_name,
                    "HISTORY_KEY_ID": storage.history_key.key_arn,
                }
            },
        ).by_state[STATE]
        predictions.table.grant(made.role, "dynamodb:Query")
        topics.let_publish(made.role, "info")
        every_version = wildcard_finding(self, f"{made.function.function_arn}:*")
        acknowledge(Stack.of(self), {every_version: "The CDK lets a schedule start every version of its one function."})
        scheduler.Schedule(
            self,
            "Hourly",
            description=f"Looks at the A/B experiment of {name}",
            schedule=scheduler.ScheduleExpression.rate(EVERY),
            target=scheduler_targets.LambdaInvoke(
                made.function,
                input=scheduler.ScheduleTargetInput.from_object({"time": scheduler.ContextAttribute.scheduled_time}),
                retry_attempts=1,
                max_event_age=EVERY,
            ),
        )
