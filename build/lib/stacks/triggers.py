"""What starts a state machine: an upload, a schedule, a changed training recipe, live evidence.

What cannot be delivered waits in one queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IDependable

from contender.workflow.live_evidence import DETAIL_TYPE, SOURCE
from contender.workflow.trigger_events import (
    FROM_LIVE_EVIDENCE,
    FROM_UPLOAD,
    code_change_input,
    live_evidence_input,
    upload_input,
)
from stacks.access import Storage
from stacks.acknowledge import acknowledge

DELIVERY_ATTEMPTS = 8
DELIVERY_AGE_HOURS = 6
SCHEDULE_WINDOW_MINUTES = 15
DEAD_LETTER_DAYS = 14


class Triggers(Construct):
    """Starts a machine of a pipeline, and keeps what could not start it.

    Attributes
    ----------
    dead_letters : aws_sqs.Queue
    """

    def __init__(self, scope: Construct, construct_id: str, *, pipeline: str, machine: sfn.StateMachine) -> None:
        super().__init__(scope, construct_id)
        self._pipeline = pipeline
        self._machine = machine
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
        )
        acknowledge(
            self.dead_letters,
            {"AwsSolutions-SQS3": "This is the dead-letter queue of the rule and the schedule."},
        )

    def add_upload_rule(self, *, description: str, storage: Storage, prefix: str) -> None:
        """Start the machine for each object that is created below `prefix` of the data bucket."""
        rule = events.Rule(
            self,
            "Upload",
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [storage.data_bucket.bucket_name]},
                    "object": {"key": [{"prefix": prefix}]},
                },
            ),
        )
        rule.add_target(
            event_targets.SfnStateMachine(
                self._machine,
                input=events.RuleTargetInput.from_object(upload_input(self._pipeline, event_fields(FROM_UPLOAD))),
                dead_letter_queue=self.dead_letters,
                retry_attempts=DELIVERY_ATTEMPTS,
                max_event_age=Duration.hours(DELIVERY_AGE_HOURS),
            )
        )

    def add_schedule(self, *, description: str, expression: str, enabled: bool = True) -> None:
        """Start the machine at the times of an EventBridge Scheduler expression."""
        scheduler.Schedule(
            self,
            "Schedule",
            description=description,
            schedule=scheduler.ScheduleExpression.expression(expression),
            enabled=enabled,
            time_window=scheduler.TimeWindow.flexible(Duration.minutes(SCHEDULE_WINDOW_MINUTES)),
            target=scheduler_targets.StepFunctionsStartExecution(
                self._machine,
                input=scheduler.ScheduleTargetInput.from_object({"trigger": "schedule", "pipeline": self._pipeline}),
                dead_letter_queue=self.dead_letters,
                retry_attempts=DELIVERY_ATTEMPTS,
                max_event_age=Duration.hours(DELIVERY_AGE_HOURS),
            ),
        )

    def add_live_evidence_rule(self, *, description: str) -> None:
        """Start the machine for what the pipeline's live predictions or their labels show."""
        rule = events.Rule(
            self,
            "LiveEvidence",
            description=description,
            event_pattern=events.EventPattern(
                source=[SOURCE], detail_type=[DETAIL_TYPE], detail={"pipeline": [self._pipeline]}
            ),
        )
        rule.add_target(
            event_targets.SfnStateMachine(
                self._machine,
                input=events.RuleTargetInput.from_object(
                    live_evidence_input(self._pipeline, event_fields(FROM_LIVE_EVIDENCE))
                ),
                dead_letter_queue=self.dead_letters,
                retry_attempts=DELIVERY_ATTEMPTS,
                max_event_age=Duration.hours(DELIVERY_AGE_HOURS),
            )
        )

    def add_code_change_rule(
        self, *, description: str, parameter: str, recipe: str, after: Sequence[IDependable]
    ) -> None:
        """Start the machine when a deployment changes `recipe`, a digest over what models are made of.

        The digest is the value of a parameter, and Parameter Store tells of its change: no code of ours runs during a
        deployment. The first deployment creates the parameter, which is no change. It is written last, `after` all that
        a run needs, so that the run goes by what was deployed.
        """
        rule = events.Rule(
            self,
            "CodeChange",
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.ssm"],
                detail_type=["Parameter Store Change"],
                detail={"name": [parameter], "operation": ["Update"]},
            ),
        )
        rule.add_target(
            event_targets.SfnStateMachine(
                self._machine,
                input=events.RuleTargetInput.from_object(code_change_input(self._pipeline)),
                dead_letter_queue=self.dead_letters,
                retry_attempts=DELIVERY_ATTEMPTS,
                max_event_age=Duration.hours(DELIVERY_AGE_HOURS),
            )
        )
        value = ssm.StringParameter(
            self,
            "TrainingRecipe",
            parameter_name=parameter,
            string_value=recipe,
            description=f"Digest of the training code and settings of {self._pipeline}",
        )
        value.node.add_dependency(rule, *after)


def event_fields(paths: Mapping[str, str]) -> dict[str, str]:
    """Fields of an input that a rule takes from the event that it matched."""
    return {name: events.EventField.from_path(path) for name, path in paths.items()}
