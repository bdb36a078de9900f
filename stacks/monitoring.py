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
"""So many failed predictions in a window show that it is no single bad request; fewer mail, and roll nothing back."""
THROTTLED_SHARE = 0.5
"""From so many throttled calls for each failed prediction on, it is not the model that fails."""
HEAR_OF_THE_OTHER = Duration.minutes(1)
"""How long a composite alarm holds its mail back, to hear whether the other one tells the same."""
WIDTH = 24

CHAMPION_FAILS = """**The champion of {pipeline} fails.** More than {rate:.2%} of the predictions answered 5xx,
{errors} or more in {minutes} minutes, and not because Lambda throttled.

A canary, or a champion younger than {hours} hours, is being rolled back by itself; a mail says what came of it.

1. `contender champion --pipeline {pipeline} --env {environment}` shows what serves now and what was taken out.
2. If it fails still: `contender rollback --pipeline {pipeline} --env {environment}` goes one version further back.
3. Else it is not the model: read the log of the Serve function; a timeout asks for memory, a refused file is named."""

PREDICTIONS_FAIL = """**Predictions of {pipeline} fail.** More than {rate:.2%} of them answered 5xx. Nothing was rolled
back: there were few, or Lambda throttled.

1. If ServeThrottled rings: raise the account's concurrency, or lower `serving.requests_per_second`.
2. `GET /v1/model` says which version answers, and since when. If it was promoted shortly before:
   `contender rollback --pipeline {pipeline} --env {environment}`.
3. Else read the log of the Serve function: a timeout asks for memory, a refused file is named."""

A_CHILD = "Mails nobody: {alarms} look{s} at it. {says}"

FAILED_RUNS = """**Training runs of {pipeline} fail.** In one hour {count} or more did not reach their end.

1. Open the newest failed execution: `$.failure` names the state that failed and its error. If it is Train,
   read the task's log too; exit code 137 asks for more `training.memory_mib` in the pipeline file.
2. The champion still serves, and uploads wait. Repair, then start a new run; a redrive would repeat only the
   last state.

A run that was stopped by hand counts too."""

DEAD_LETTERS = """**Triggers of {pipeline} were not delivered.** Something could not start a run.

1. Read a message of the dead-letter queue: its attributes carry the error code, its body what was sent.
   Most often it is a permission, or StartExecution was throttled.
2. Repair, then upload the files that the messages name once more; a missed schedule needs nothing. One with
   `"trigger": "alarm"` is a rollback that was not done: see ChampionFails.
3. Purge the queue; the alarm goes back to OK."""

UNHANDLED_MESSAGES = """**Messages about predictions of {pipeline} could not be handled.** Answers over HTTP are not
concerned: what is missing is in the log, in the ground truth, or is an asynchronous answer.

1. The outputs of stack {pipeline}-predictions name three dead-letter queues; the one with messages tells the function:
   log, KeepPredictions; feedback, KeepFeedback; async, PredictQueued. Its log says why, by the message's id.
2. Repair, then start a redrive in SQS: messages are handled as if they were new, and none counts twice.
3. What is no message of ours: delete it. The alarm goes back to OK when the queues are empty."""


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
            description=A_CHILD.format(
                alarms="ChampionFails and PredictionsFail", s="", says="1. See them for what to do."
            ),
        )
        self.many_errors = make_alarm(
            self,
            "ManyServingErrors",
            metric=shared.errors(),
            threshold=ROLLBACK_ERRORS,
            operator=AT_LEAST,
            description=A_CHILD.format(alarms="ChampionFails", s="s", says="1. See it for what to do."),
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
                says="1. Raise the account's concurrency: it is not the model that fails, and nothing is rolled back.",
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
                    _graph("Kept requests by variant", left=shared.live(metrics.LIVE_REQUESTS, statistic="Sum")),
                    _graph(
                        "Errors by variant (share)",
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
                        "Right, of those labelled (share)",
                        left=shared.live_share(metrics.LIVE_CORRECT, metrics.LIVE_LABELS),
                        right=shared.live(metrics.LIVE_LABELS, statistic="Sum", label="labels"),
                    ),
                    _graph("Loss by variant", left=shared.live(metrics.LIVE_LOSS, statistic="Average")),
                ],
                [
                    _graph("Undelivered triggers", left=[shared.undelivered]),
                    _graph("Unhandled messages about predictions", left=[shared.unhandled()]),
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
