"""The rollback machine of a pipeline, started by a person's command or by the alarm on a failing champion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contender.alarms.table import alarm_name
from contender.pipeline.config import PipelineConfig
from contender.workflow.trigger_events import FROM_ALARM, ROLLBACK_WITHIN, alarm_input
from stacks.environment import Environment
from stacks.functions import LoopFunction
from stacks.machines import DefinedMachine
from stacks.triggers import DELIVERY_ATTEMPTS, event_fields

DEFINITION_FILE = "statemachines/rollback.asl.json"
STATES = ("RollBack", "Record", "Notify")


def rollback_machine_name(environment: Environment, pipeline: PipelineConfig) -> str:
    return f"{environment.stage_name}-{pipeline.name}-rollback"


def champion_alarm_name(environment: Environment, pipeline: PipelineConfig) -> str:
    """The alarm that rolls back, by a name that is fixed: it is made in a later stack than what listens to it."""
    return alarm_name(environment.stage_name, pipeline.name, "champion-fails")


class RollbackMachine(DefinedMachine):
    """Runs three functions of the loop, and may do nothing else: what is swapped is the function's to know."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        functions: Mapping[str, LoopFunction],
        project_root: Path,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            environment=environment,
            name=rollback_machine_name(environment, pipeline),
            definition=project_root / DEFINITION_FILE,
            functions={state: functions[state] for state in STATES},
            substitutions={"Pipeline": pipeline.name},
        )
        self._pipeline = pipeline.name
        self.let_count_unsent_mails()

    def start_on_alarm(self, alarm_name: str, *, dead_letters: sqs.Queue) -> None:
        """Roll back when this alarm begins to ring."""
        rule = events.Rule(
            self,
            "Alarm",
            description=f"Rolls {self._pipeline} back when {alarm_name} goes into alarm",
            event_pattern=events.EventPattern(
                source=["aws.cloudwatch"],
                detail_type=["CloudWatch Alarm State Change"],
                detail={"alarmName": [alarm_name], "state": {"value": ["ALARM"]}},
            ),
        )
        rule.add_target(
            event_targets.SfnStateMachine(
                self.machine,
                input=events.RuleTargetInput.from_object(
                    alarm_input(self._pipeline, alarm_name, event_fields(FROM_ALARM))
                ),
                dead_letter_queue=dead_letters,
                retry_attempts=DELIVERY_ATTEMPTS,
                max_event_age=Duration.seconds(int(ROLLBACK_WITHIN.total_seconds())),
            )
        )
