"""JudgeWindow: judges windows of the prediction log on a schedule, and tells the loop what they show by an event."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from contender.predictions.holdout_counts import HOLDOUT_COUNTS
from contender.registry.pointer import pointer_key
from contender.registry.versions import MANIFEST, REFERENCE
from contender.workflow.live_evidence import DETAIL_TYPE, SOURCE
from stacks.access import Access, Storage, let_read_pipeline_file
from stacks.alerts import AlertTopics
from stacks.environment import Environment
from stacks.state_functions import FunctionSpec, LoopFunctions
from stacks.unattended import call_on_schedule, mail_failures

STATE = "JudgeWindow"
MEMORY_MIB = 1024
EVERY = Duration.hours(1)
"""How often is looked for windows that have closed, and for evidence that waits for a run to end."""
RETRIES = 2
EVENT_AGE = Duration.minutes(30)


class LiveWindows(Construct):
    """The function and its schedule. What fails after two retries goes to the tickets' topic as it is.

    Attributes
    ----------
    function : aws_lambda.Function
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        pipeline_file: s3_assets.Asset,
        storage: Storage,
        topics: AlertTopics,
        project_root: Path,
    ) -> None:
        super().__init__(scope, construct_id)
        made = LoopFunctions(
            self,
            "Functions",
            environment=environment,
            pipeline=pipeline,
            storage=storage,
            project_root=project_root,
            specs=[judge_window_spec(pipeline.name, learns_from_feedback=pipeline.live.learn_from_feedback)],
            variables={STATE: {"PIPELINE_FILE": pipeline_file.s3_object_url}},
        ).by_state[STATE]
        self.function = made.function
        let_read_pipeline_file(made.role, pipeline_file)
        self._let_tell_the_loop(made.role)
        topics.let_publish(made.role, "ticket")
        mail_failures(self, "Failed", self.function, topics["ticket"], retries=RETRIES, event_age=EVENT_AGE)
        call_on_schedule(
            self,
            "Hourly",
            self.function,
            scheduler.ScheduleExpression.rate(EVERY),
            description=f"Judges what was predicted by {pipeline.name}",
            retries=RETRIES,
            event_age=EVENT_AGE,
        )

    def _let_tell_the_loop(self, role: iam.Role) -> None:
        """Events of this source and kind only: other rules of the account cannot be set off."""
        bus = events.EventBus.from_event_bus_name(self, "Bus", "default")
        role.add_to_policy(
            iam.PolicyStatement(
                sid="TellTheLoop",
                actions=["events:PutEvents"],
                resources=[bus.event_bus_arn],
                conditions={"StringEquals": {"events:source": SOURCE, "events:detail-type": DETAIL_TYPE}},
            )
        )


def judge_window_spec(pipeline: str, *, learns_from_feedback: bool = False) -> FunctionSpec:
    """The function, in the way that those of a machine are described."""
    files = (MANIFEST, REFERENCE, HOLDOUT_COUNTS)
    labelled = (f"labelled/{pipeline}/*",) if learns_from_feedback else ()
    return FunctionSpec(
        state=STATE,
        folder="judge_window",
        description="Judges windows of the prediction log: drift of inputs and predictions",
        access=Access(
            read_data=(f"predictions/{pipeline}/*", f"feedback/{pipeline}/*", *labelled),
            write_data=(f"live/{pipeline}/*",),
            read_models=(pointer_key(pipeline), *(f"models/{pipeline}/*/{file}" for file in files)),
            table_actions=("dynamodb:GetItem",),
        ),
        memory_mib=MEMORY_MIB,
        timeout_minutes=10,
        needs_scipy=True,
    )
