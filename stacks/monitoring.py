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

from contender.pipeline.config import AlarmPolicy, PipelineConfig
from stacks import metrics
from stacks.alerts import AT_LEAST, mail, make_alarm
from stacks.environment import Environment
from stacks.pipeline_metrics import PipelineMetrics
from stacks.rollback import champion_alarm_name

FAILED_RUNS_WINDOW = Duration.hours(1)
ROLLBACK_ERRORS = 5
"""Failed predictions in a window from which a rollback starts; fewer send a mail only, as it may be one bad request."""
THROTTLED_SHARE = 0.5
"""With this many throttled calls for each failed prediction, the model is not the cause."""
HEAR_OF_THE_OTHER = Duration.minutes(1)
"""How long a composite alarm delays its mail, in case the other one reports the same."""
WIDTH = 24

CHAMPION_FAILS = """**The champion of {pipeline} fails.** The error rate (5xx) of predictions is above {rate:.2%}, with
{errors} or more errors in {minutes} minutes, and Lambda did not throttle.

A canary, or a champion younger than {hours} hours, is rolled back automatically; a mail reports the result.

1. See what serves now and what was rolled back: `contender champion --pipeline {pipeline} --env {environment}`.
2. If errors continue, roll back one more version: `contender rollback --pipeline {pipeline} --env {environment}`.
3. Otherwise the model is not the cause: read the log of the Serve function. A timeout needs more memory; a file that
   failed its check is named there."""

PREDICTIONS_FAIL = """**Predictions of {pipeline} fail.** The error rate (5xx) is above {rate:.2%}. Nothing was rolled
back, because there were few requests or Lambda throttled.

1. If ServeThrottled is in alarm: raise the account's concurrency, or lower `serving.requests_per_second`.
2. `GET /v1/model` shows which version serves, and since when. If it was promoted shortly before:
   `contender rollback --pipeline {pipeline} --env {environment}`.
3. Otherwise read the log of the Serve function. A timeout needs more memory; a file that failed its check is named
   there."""

A_CHILD = "Sends no mail: part of {alarms}. {says}"

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
        policy: AlarmPolicy,
        pipeline: str,
        shared: PipelineMetrics,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self.error_rate = make_alarm(
            self,
            "ServingErrorRate",
            metric=shared.error_rate(min_requests=policy.serving_min_requests),
            threshold=policy.serving_error_rate,
            description=A_CHILD.format(alarms="ChampionFails and PredictionsFail", says="1. See those alarms."),
        )
        self.many_errors = make_alarm(
            self,
            "ManyServingErrors",
            metric=shared.errors(),
            threshold=ROLLBACK_ERRORS,
            operator=AT_LEAST,
            description=A_CHILD.format(alarms="ChampionFails", says="1. See that alarm."),
        )
        self.throttled = make_alarm(
            self,
            "ServeThrottled",
            metric=shared.throttled_share(),
            threshold=THROTTLED_SHARE,
            operator=AT_LEAST,
            description=A_CHILD.format(
                alarms="ChampionFails",
                s="s",
                says="1. Raise the account's concurrency. The model is not the cause, so nothing is rolled back.",
            ),
        )
        make_alarm(
            self,
            "FailedRuns",
            metric=shared.unsuccessful_runs(FAILED_RUNS_WINDOW),
            threshold=policy.failed_runs,
            operator=AT_LEAST,
            description=FAILED_RUNS.format(pipeline=pipeline, count=policy.failed_runs),
            mails=topic,
        )
        for construct_id_, metric, description in (
            ("UndeliveredTriggers", shared.undelivered, DEAD_LETTERS),
            ("UnhandledMessages", shared.unhandled(), UNHANDLED_MESSAGES),
        ):
            make_alarm(
                self, construct_id_, metric=metric, description=description.format(pipeline=pipeline), mails=topic
            )


class ChampionAlarms(Construct):
    """Two alarms about predictions that fail, of which one tells at a time.

    `ChampionFails` is what a rollback may help against; its state change starts the rollback machine. `PredictionsFail`
    is all else, and keeps silent while the other rings.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        children: PipelineAlarms,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        rule, ringing = cloudwatch.AlarmRule, cloudwatch.AlarmState.ALARM
        fails = rule.from_alarm(children.error_rate, ringing)
        many = rule.from_alarm(children.many_errors, ringing)
        throttled = rule.from_alarm(children.throttled, ringing)
        told = {
            "pipeline": pipeline.name,
            "environment": environment.name,
            "rate": pipeline.alarms.serving_error_rate,
            "errors": ROLLBACK_ERRORS,
            "minutes": pipeline.alarms.period_minutes,
            "hours": pipeline.rollout.rollback_within_hours,
        }
        champion = cloudwatch.CompositeAlarm(
            self,
            "ChampionFails",
            composite_alarm_name=champion_alarm_name(environment, pipeline),
            alarm_rule=rule.all_of(fails, many, rule.not_(throttled)),
            alarm_description=CHAMPION_FAILS.format(**told),
        )
        others = cloudwatch.CompositeAlarm(
            self,
            "PredictionsFail",
            alarm_rule=fails,
            alarm_description=PREDICTIONS_FAIL.format(**told),
            actions_suppressor=champion,
            actions_suppressor_wait_period=HEAR_OF_THE_OTHER,
            actions_suppressor_extension_period=HEAR_OF_THE_OTHER,
        )
        for alarm in (champion, others):
            mail(alarm, topic)


class PipelineDashboard(Construct):
    """One page that says whether the loop runs, what it decided and whether the champion answers."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, policy: AlarmPolicy, shared: PipelineMetrics
    ) -> None:
        super().__init__(scope, construct_id)
        unsuccessful = shared.unsuccessful_runs(FAILED_RUNS_WINDOW)
        error_rate = shared.error_rate(min_requests=policy.serving_min_requests)
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
        alarms = PipelineAlarms(
            self, "Alarms", pipeline=pipeline.name, policy=pipeline.alarms, shared=shared, topic=topic
        )
        ChampionAlarms(self, "Serving", environment=environment, pipeline=pipeline, children=alarms, topic=topic)
        PipelineDashboard(
            self,
            "Overview",
            name=f"{environment.stage_name}-{pipeline.name}",
            policy=pipeline.alarms,
            shared=shared,
        )
