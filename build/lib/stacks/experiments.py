"""The function that looks at a pipeline's A/B experiment every hour, and its schedule."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from contender.query.tables import experiments_prefix, runs_prefix
from contender.registry.pointer import first_champion_key, pointer_key
from contender.rollout.experiments.control import control_key
from contender.rollout.experiments.experiment import experiment_key
from contender.workflow.run_folder import EXPERIMENT_REPORT
from stacks.access import Access, Storage
from stacks.alerts import AlertTopics
from stacks.environment import Environment
from stacks.prediction_log import PredictionStore
from stacks.state_functions import FunctionSpec, LoopFunctions
from stacks.unattended import call_on_schedule

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
                    description="Looks at the pipeline's A/B experiment and control group",
                    access=Access(
                        write_data=(
                            experiment_key(name),
                            control_key(name),
                            f"runs/{name}/*/{EXPERIMENT_REPORT}",
                            f"{runs_prefix(name)}*",
                            f"{experiments_prefix(name)}*",
                        ),
                        write_models=(pointer_key(name), first_champion_key(name)),
                        table_actions=("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
                        signs_history=True,
                    ),
                    timeout_minutes=2,
                ),
            ),
            variables={
                STATE: {
                    **topics.variables(),
                    "CONTROL_WEIGHT": str(pipeline.rollout.control_weight),
                    "TASK": pipeline.task,
                    "PREDICTIONS_TABLE": predictions.table.table_name,
                    "HISTORY_KEY_ID": storage.history_key.key_arn,
                }
            },
        ).by_state[STATE]
        predictions.table.grant(made.role, "dynamodb:Query")
        topics.let_publish(made.role, "info")
        call_on_schedule(
            self,
            "Hourly",
            made.function,
            scheduler.ScheduleExpression.rate(EVERY),
            description=f"Looks at the A/B experiment and the control group of {name}",
            retries=1,
            event_age=EVERY,
        )
