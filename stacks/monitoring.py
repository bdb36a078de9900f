"""The monitoring stack of a pipeline: its alarms and a dashboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from contender.pipeline.alarm_policy import AlarmPolicy
from contender.pipeline.config import PipelineConfig
from stacks import metrics
from stacks.alarms.gauge_alarms import GaugeAlarms
from stacks.alarms.gauges import Gauges
from stacks.alarms.maker import AlarmMaker
from stacks.alarms.queue_alarms import QueueAlarms
from stacks.alarms.serving import ServingAlarms
from stacks.alerts import AlertTopics
from stacks.environment import Environment
from stacks.pipeline_metrics import PipelineMetrics

FAILED_RUNS_WINDOW = Duration.hours(1)
WIDTH = 24


class PipelineDashboard(Construct):
    """One page that says whether the loop runs, what it decided and whether the champion answers."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, policy: AlarmPolicy, shared: PipelineMetrics
    ) -> None:
        super().__init__(scope, construct_id)
        unsuccessful = shared.unsuccessful_runs(FAILED_RUNS_WINDOW)
        error_rate = shared.error_rate(Duration.minutes(policy.period_minutes))
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=name,
            default_interval=Duration.days(7),
            widgets=[
                [
                    _graph("Runs", left=[shared.runs_started, shared.runs_succeeded, unsuccessful]),
                    _graph("Verdicts", left=shared.verdicts(), stacked=True),
                    _graph("Duration of a run (ms)", left=[shared.run_seconds]),
                ],
                [
                    _graph("Requests", left=[shared.requests, shared.client_errors, shared.server_errors]),
                    _graph("Errors", left=[error_rate], right=[shared.serve_errors]),
                    _graph("Latency (ms)", left=shared.latencies),
                ],
                [
                    _graph("Requests by variant", left=shared.live(metrics.LIVE_REQUESTS, statistic="Sum")),
                    _graph(
                        "Error rate by variant",
                        left=shared.live_share(metrics.LIVE_ERRORS, metrics.LIVE_REQUESTS),
                    ),
                    _graph(
                        "Latency by variant (ms)",
                        left=[
                            metric
                            for p in ("p50", "p95")
                            for metric in shared.live(metrics.LIVE_LATENCY, statistic=p, label=p)
                        ],
                    ),
                ],
                [
                    _graph("Predicted classes (rows)", left=shared.live_classes(), stacked=True),
                    _graph(
                        "Accuracy on labelled predictions",
                        left=shared.live_share(metrics.LIVE_CORRECT, metrics.LIVE_LABELS),
                        right=shared.live(metrics.LIVE_LABELS, statistic="Sum", label="labels"),
                    ),
                    _graph("Loss by variant", left=shared.live(metrics.LIVE_LOSS, statistic="Average")),
                ],
                [
                    _graph("Undelivered triggers", left=[shared.undelivered]),
                    _graph("Unhandled prediction messages", left=[shared.unhandled()]),
                    _graph("Age of the champion (hours)", left=[shared.champion_age()]),
                ],
            ],
        )


def _graph(
    title: str,
    *,
    left: Sequence[cloudwatch.IMetric],
    right: Sequence[cloudwatch.IMetric] = (),
    stacked: bool = False,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, width=WIDTH // 3, left=list(left), right=list(right), stacked=stacked, left_y_axis={"min": 0}
    )


class MonitoringStack(Stack):
    """Watches one pipeline."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        machine: sfn.StateMachine,
        dead_letters: sqs.Queue,
        unhandled: Mapping[str, sqs.Queue],
        queues: Mapping[str, sqs.Queue],
        topics: AlertTopics,
        api: apigateway.HttpApi,
        serve: lambda_.IFunction,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        shared = PipelineMetrics(
            pipeline=pipeline.name,
            period=Duration.minutes(pipeline.alarms.period_minutes),
            machine=machine,
            api=api,
            serve=serve,
            dead_letters=dead_letters,
            unhandled=unhandled,
            queues=queues,
            slo_ms=pipeline.serving.slo_ms,
        )
        name = f"{environment.stage_name}-{pipeline.name}"
        make = AlarmMaker(self, "Alarms", environment=environment, pipeline=pipeline, topics=topics)
        gauges = Gauges(pipeline.name)
        ServingAlarms(make, pipeline=pipeline, shared=shared, gauges=gauges)
        GaugeAlarms(make, pipeline=pipeline, gauges=gauges)
        QueueAlarms(make, shared=shared)
        PipelineDashboard(
            self,
            "Overview",
            name=name,
            policy=pipeline.alarms,
            shared=shared,
        )
