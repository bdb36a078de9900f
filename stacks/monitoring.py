"""The monitoring stack of a pipeline: a dashboard, and few alarms that each say what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from contender.pipeline.alarm_policy import AlarmPolicy
from contender.pipeline.config import PipelineConfig
from stacks import metrics
from stacks.alerts import AT_LEAST, make_alarm
from stacks.environment import Environment
from stacks.pipeline_metrics import PipelineMetrics
from stacks.serving_alarms import ServingAlarms

FAILED_RUNS_WINDOW = Duration.hours(1)
WIDTH = 24

FAILED_RUNS = """**Training runs of {pipeline} fail.** {count} or more runs failed within one hour.

1. Open the newest failed execution: `$.failure` names the failed state and its error. If it is Train, read the task's
   log too; exit code 137 needs more `training.memory_mib` in the pipeline file.
2. The champion keeps serving, and uploads stay queued. Fix the cause, then start a new run; a redrive would repeat
   only the last state.

A run that was stopped by hand counts too."""

DEAD_LETTERS = """**Triggers of {pipeline} were not delivered.** An event could not start a run.

1. Read a message of the dead-letter queue: its attributes have the error code, its body the event. Usual causes are a
   missing permission and throttling of StartExecution.
2. Fix the cause, then upload the files that the messages name again; a missed schedule needs nothing. A message with
   `"trigger": "alarm"` is a rollback that did not happen: see ChampionFails.
3. Purge the queue; the alarm returns to OK."""

UNHANDLED_MESSAGES = """**Prediction messages of {pipeline} could not be processed.** Predictions over HTTP are not
affected: entries of the prediction log, labels or asynchronous predictions are missing.

1. The outputs of stack {pipeline}-predictions name three dead-letter queues. The one with messages names the function:
   log, KeepPredictions; feedback, KeepFeedback; async, PredictQueued. Its log has the reason, by message id.
2. Fix the cause, then start a redrive in SQS: messages are processed as new ones, and none counts twice.
3. Delete messages that are not Contender's. The alarm returns to OK when the queues are empty."""


class PipelineAlarms(Construct):
    """The alarms. Those that mail somebody are few; all are metric math, so each can carry its own minimum volume."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        policy: AlarmPolicy,
        pipeline: str,
        shared: PipelineMetrics,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        make_alarm(
            self,
            "FailedRuns",
            name=f"{name}-failed-runs",
            metric=shared.unsuccessful_runs(FAILED_RUNS_WINDOW),
            threshold=policy.failed_runs,
            operator=AT_LEAST,
            description=FAILED_RUNS.format(pipeline=pipeline, count=policy.failed_runs),
            mails=topic,
        )
        for construct_id_, kind, metric, description in (
            ("UndeliveredTriggers", "undelivered-triggers", shared.undelivered, DEAD_LETTERS),
            ("UnhandledMessages", "unhandled-messages", shared.unhandled(), UNHANDLED_MESSAGES),
        ):
            make_alarm(
                self,
                construct_id_,
                name=f"{name}-{kind}",
                metric=metric,
                description=description.format(pipeline=pipeline),
                mails=topic,
            )


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
        topic: sns.ITopic,
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
        )
        name = f"{environment.stage_name}-{pipeline.name}"
        PipelineAlarms(
            self, "Alarms", name=name, pipeline=pipeline.name, policy=pipeline.alarms, shared=shared, topic=topic
        )
        ServingAlarms(self, "Serving", environment=environment, pipeline=pipeline, shared=shared, topic=topic)
        PipelineDashboard(
            self,
            "Overview",
            name=name,
            policy=pipeline.alarms,
            shared=shared,
        )
