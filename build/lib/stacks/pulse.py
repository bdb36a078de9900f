"""The pulse stack of an environment: functions that write the gauges of all pipelines every five minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from contender.pipeline.config import PipelineConfig
from contender.predictions.holdout_counts import HOLDOUT_COUNTS
from contender.pulse.gauges import EVERY_MINUTES
from contender.pulse.intervals import interval_minutes
from contender.pulse.settings import PulseSettings, to_json
from stacks.access import TABLE_READ_ACTIONS, Access, Storage
from stacks.acknowledge import acknowledge, wildcard_finding
from stacks.environment import Environment
from stacks.functions import CodeSource, LoopFunction
from stacks.machines import executions_arn
from stacks.training_machine import machine_name
from stacks.unattended import call_on_schedule

EVERY = Duration.minutes(EVERY_MINUTES)
PIPELINES_A_FUNCTION = 12
"""A function's environment holds 4 KB, and a pipeline takes about 250 bytes of it."""


class PulseStack(Stack):
    """Takes the pulse of every pipeline.

    Attributes
    ----------
    functions : list of LoopFunction
        One for every twelve pipelines.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipelines: Sequence[PipelineConfig],
        tables: Mapping[str, dynamodb.ITable],
        storage: Storage,
        project_root: Path,
        **stack_settings: object,
    ) -> None:
        """`tables` are those of the pipelines' predictions, by the pipeline's name."""
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        self._environment, self._storage = environment, storage
        self._code = CodeSource(self, "Code", environment=environment, project_root=project_root).zip()
        groups = range(0, len(pipelines), PIPELINES_A_FUNCTION)
        self.functions = [
            self._function(f"Pulse{number or ''}", pipelines[start : start + PIPELINES_A_FUNCTION], tables)
            for number, start in enumerate(groups)
        ]
        for number, one in enumerate(self.functions):
            call_on_schedule(
                self,
                f"Every5Minutes{number or ''}",
                one.function,
                scheduler.ScheduleExpression.rate(EVERY),
                description="Takes the pulse of the pipelines",
                retries=1,
                event_age=EVERY,
            )
            CfnOutput(self, f"PulseFunctionName{number or ''}", value=one.function.function_name)

    def _function(
        self, construct_id: str, pipelines: Sequence[PipelineConfig], tables: Mapping[str, dynamodb.ITable]
    ) -> LoopFunction:
        names = [pipeline.name for pipeline in pipelines]
        settings = [_settings(pipeline, tables[pipeline.name]) for pipeline in pipelines]
        one = LoopFunction(
            self,
            construct_id,
            environment=self._environment,
            folder="pulse",
            code=self._code,
            memory_mib=1024,
            timeout=Duration.minutes(2),
            variables={
                "DATA_BUCKET": self._storage.data_bucket.bucket_name,
                "MODEL_BUCKET": self._storage.model_bucket.bucket_name,
                "RUNS_TABLE": self._storage.runs_table.table_name,
                "PIPELINES": to_json(settings),
                "EXECUTION_ARN": self._execution_arn(),
            },
            access=Access(
                read_data=tuple(f"datasets/{name}/*/manifest.json" for name in names),
                read_models=tuple(
                    f"models/{name}/{file}"
                    for name in names
                    for file in ("champion.json", "*/manifest.json", f"*/{HOLDOUT_COUNTS}")
                ),
                table_actions=(*TABLE_READ_ACTIONS, "dynamodb:PutItem"),
            ),
            storage=self._storage,
            description="Writes the gauges of the pipelines: how the loop and the champion are",
        )
        for name in names:
            tables[name].grant(one.role, "dynamodb:Query")
        self._grant_look_at_runs(one, pipelines)
        return one

    def _execution_arn(self) -> str:
        """An execution's ARN, but for the names of the pipeline and of the run."""
        return self.format_arn(
            service="states",
            resource="execution",
            resource_name=f"{self._environment.stage_name}-{{pipeline}}-continuous-training:{{run}}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _grant_look_at_runs(self, one: LoopFunction, pipelines: Sequence[PipelineConfig]) -> None:
        executions = [executions_arn(self, machine_name(self._environment, pipeline)) for pipeline in pipelines]
        one.role.add_to_policy(
            iam.PolicyStatement(sid="LookAtRuns", actions=["states:DescribeExecution"], resources=executions)
        )
        why = "An execution is named when it starts; only its status is read."
        acknowledge(one.role, {wildcard_finding(one.role, resource): why for resource in executions})


def _settings(pipeline: PipelineConfig, table: dynamodb.ITable) -> PulseSettings:
    schedule = pipeline.schedule
    return PulseSettings(
        pipeline.name,
        table.table_name,
        interval_minutes(schedule.expression) if schedule.enabled else None,
        pipeline.budget.month_usd,
    )
