"""The monitoring stack of a pipeline: its alarms and a dashboard."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from contender.alarms.table import KINDS
from contender.pipeline.config import PipelineConfig
from stacks.alarms.gauge_alarms import GaugeAlarms
from stacks.alarms.gauges import Gauges
from stacks.alarms.maker import AlarmMaker
from stacks.alarms.queue_alarms import QueueAlarms
from stacks.alarms.serving import ServingAlarms
from stacks.dashboard.overview import PipelineDashboard
from stacks.environment import Environment
from stacks.pipeline_metrics import PipelineMetrics


class MonitoringStack(Stack):
    """Watches one pipeline."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        dead_letters: sqs.Queue,
        unhandled: Mapping[str, sqs.Queue],
        queues: Mapping[str, sqs.Queue],
        tell: lambda_.IFunction,
        api: apigateway.HttpApi,
        serve: lambda_.IFunction,
        recent_runs: lambda_.IFunction,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        shared = PipelineMetrics(
            pipeline=pipeline.name,
            period=Duration.minutes(pipeline.alarms.period_minutes),
            api=api,
            serve=serve,
            dead_letters=dead_letters,
            unhandled=unhandled,
            queues=queues,
            slo_ms=pipeline.serving.slo_ms,
        )
        name = f"{environment.stage_name}-{pipeline.name}"
        make = AlarmMaker(self, "Alarms", environment=environment, pipeline=pipeline, tell=tell)
        gauges = Gauges(pipeline.name)
        ServingAlarms(make, pipeline=pipeline, shared=shared, gauges=gauges)
        GaugeAlarms(make, pipeline=pipeline, gauges=gauges)
        QueueAlarms(make, shared=shared)
        make.alarm("unsent-mails", shared.unsent_mails(), threshold=1)
        PipelineDashboard(
            self,
            "Overview",
            name=name,
            pipeline=pipeline,
            shared=shared,
            alarms=[*make.telling, *self._of_batch(name)],
            recent_runs=recent_runs,
        )

    def _of_batch(self, name: str) -> list[cloudwatch.IAlarm]:
        """The alarms of the stack of batch predictions, by their names: neither stack is to need the other."""
        kinds = [each.id for each in KINDS if each.id.startswith("batch-")]
        return [cloudwatch.Alarm.from_alarm_name(self, each, f"{name}-{each}") for each in kinds]
