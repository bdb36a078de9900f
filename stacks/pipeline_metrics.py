"""The metrics of one pipeline that its alarms and its dashboard share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from contender.alarms.thresholds import QUEUE_AGE_SECONDS
from contender.pulse.gauges import EVERY_MINUTES, Gauge
from contender.workflow.messages import Verdict
from stacks import durations, metrics
from stacks.alarms.gauges import Gauges
from stacks.serving import PREDICT_METHOD, PREDICT_PATH, STAGE_NAME

HOUR = Duration.hours(1)


class PipelineMetrics:
    """The metrics of one pipeline that alarms and dashboard share."""

    def __init__(
        self,
        *,
        pipeline: str,
        period: Duration,
        api: apigateway.HttpApi,
        serve: lambda_.IFunction,
        dead_letters: sqs.Queue,
        unhandled: Mapping[str, sqs.Queue],
        queues: Mapping[str, sqs.Queue],
        slo_ms: int,
    ) -> None:
        self._pipeline, self._queues, self._slo_ms = pipeline, queues, slo_ms
        self._api_id, self._serve = api.api_id, serve
        self.requests = self._predict("Count", period, label="requests")
        self.server_errors = self._predict("5xx", period, label="5xx")
        self.client_errors = self._predict("4xx", period, label="4xx")
        self.latencies = [self._predict("Latency", period, statistic=p, label=p) for p in ("p50", "p95", "p99")]
        self.undelivered = undelivered(dead_letters, period)
        self._unhandled = {
            name: queue.metric_approximate_number_of_messages_visible(period=period, statistic="Maximum", label=name)
            for name, queue in unhandled.items()
        }
        self._period = period

    def error_rate(self, period: Duration, *, least: int = 1) -> cloudwatch.MathExpression:
        """Share of predictions that failed: answered 5xx, or without a finite number from the champion, which is
        answered 4xx; 0 where there are fewer failures than `least`."""
        failures = "(FILL(errors, 0) + FILL(noAnswers, 0))"
        return cloudwatch.MathExpression(
            expression=f"IF({failures} >= {least}, {failures} / requests, 0)",
            using_metrics={
                "requests": self._predict("Count", period, label="requests"),
                "errors": self._predict("5xx", period, label="5xx"),
                "noAnswers": self._no_answers(period),
            },
            period=period,
            label="error rate",
        )

    def slow_share(self, period: Duration, *, least: int = 1) -> cloudwatch.MathExpression:
        """Share of predictions that took longer than the objective; 0 where there are fewer than `least`.

        Counted by the statistic trimmed count: `TC(:500)` is how many values are at most 500 (CloudWatch User Guide,
        "CloudWatch statistics definitions", read in November 2026). Without any there may be no value, hence FILL.
        """
        slow = "(all - FILL(fast, 0))"
        return cloudwatch.MathExpression(
            expression=f"IF({slow} >= {least}, {slow} / all, 0)",
            using_metrics={
                "all": self._predict("Latency", period, statistic="SampleCount", label="requests"),
                "fast": self._predict("Latency", period, statistic=f"TC(:{self._slo_ms})", label="in time"),
            },
            period=period,
            label="slow share",
        )

    def throttled_share(self, period: Duration) -> cloudwatch.MathExpression:
        """Calls that Lambda refused for each failed prediction; 0 while none fails."""
        return cloudwatch.MathExpression(
            expression="IF(FILL(errors, 0) > 0, FILL(throttles, 0) / errors, 0)",
            using_metrics={
                "errors": self._predict("5xx", period, label="5xx"),
                "throttles": self._serve.metric_throttles(period=period, label="throttled"),
            },
            period=period,
            label="throttled share",
        )

    def _no_answers(self, period: Duration) -> cloudwatch.Metric:
        """Requests that the champion had no finite prediction for."""
        return metrics.emitted(
            metrics.NO_ANSWERS,
            period=period,
            label="no finite prediction",
            service=metrics.SERVING_SERVICE,
            pipeline=self._pipeline,
        )

    def _predict(self, name: str, period: Duration, *, statistic: str = "Sum", label: str) -> cloudwatch.Metric:
        """A metric of the route that predicts: no other may speak for the model."""
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={
                "ApiId": self._api_id,
                "Stage": STAGE_NAME,
                "Method": PREDICT_METHOD,
                "Resource": PREDICT_PATH,
            },
            statistic=statistic,
            period=period,
            label=label,
        )

    def unhandled(self) -> cloudwatch.MathExpression:
        """Dead letters of the queues behind serving. A queue that nothing ever went into has no metric, hence FILL."""
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in self._unhandled),
            using_metrics=self._unhandled,
            period=self._period,
            label="unhandled messages",
        )

    def queue_age(self) -> cloudwatch.MathExpression:
        """The age of the oldest message against what is too old in its queue; the largest of all queues."""
        return cloudwatch.MathExpression(
            expression="MAX(["
            + ", ".join(f"FILL({name}, 0) / {QUEUE_AGE_SECONDS[name]}" for name in self._queues)
            + "])",
            using_metrics={
                name: queue.metric_approximate_age_of_oldest_message(
                    period=durations.minutes(1), statistic="Maximum", label=name
                )
                for name, queue in self._queues.items()
            },
            period=durations.minutes(1),
            label="age against what is too old",
        )

    def verdicts(self) -> list[cloudwatch.Metric]:
        """Runs by how they ended."""
        return [
            self.emitted(metrics.SERVICE, metrics.RUNS_FINISHED, label=verdict, verdict=verdict)
            for verdict in get_args(Verdict)
        ]

    def step_seconds(self) -> list[cloudwatch.IMetric]:
        """How long each function of the loop takes; which there are is searched for."""
        return [
            cloudwatch.SearchExpression(
                expression=(
                    f'SEARCH(\'{{{metrics.NAMESPACE},pipeline,service}} MetricName="{metrics.STEP_SECONDS}" '
                    f"pipeline=\"{self._pipeline}\"', 'Maximum', {int(HOUR.to_seconds())})"
                ),
                label="${PROP('Dim.service')}",
                period=HOUR,
            )
        ]

    def unsent_mails(self) -> cloudwatch.MathExpression:
        """Mails that a state machine could not send, in an hour."""
        return cloudwatch.MathExpression(
            expression="FILL(unsent, 0)",
            using_metrics={"unsent": self.unsent_mail()},
            period=HOUR,
            label="unsent mails",
        )

    def unsent_mail(self) -> cloudwatch.Metric:
        """What a state machine writes for each mail that it could not send."""
        return metrics.emitted(metrics.UNSENT_MAILS, period=HOUR, label="mails not sent", pipeline=self._pipeline)

    def emitted(
        self, service: str, name: str, *, statistic: str = "Sum", label: str, **dimensions: str
    ) -> cloudwatch.Metric:
        """What a function emits, by its folder in lambdas/."""
        about = {"service": service, "pipeline": self._pipeline, **dimensions}
        return metrics.emitted(name, period=HOUR, statistic=statistic, label=label, **about)

    def live(self, name: str, *, statistic: str, label: str = "") -> list[cloudwatch.IMetric]:
        """A live metric of each variant."""
        return [self._live(name, variant, statistic, f"{variant} {label}".strip()) for variant in metrics.VARIANTS]

    def live_share(self, of: str, among: str) -> list[cloudwatch.IMetric]:
        """How many of one are among another, of each variant; nothing while there are none."""
        return [
            cloudwatch.MathExpression(
                expression=f"FILL(of{position}, 0) / among{position}",
                using_metrics={
                    f"of{position}": self._live(of, variant, "Sum", variant),
                    f"among{position}": self._live(among, variant, "Sum", variant),
                },
                period=self._period,
                label=variant,
            )
            for position, variant in enumerate(metrics.VARIANTS)
        ]

    def live_classes(self) -> list[cloudwatch.IMetric]:
        """Rows by predicted class: which classes there are is not known here, so they are searched for."""
        return [
            cloudwatch.SearchExpression(
                expression=(
                    f'SEARCH(\'{{{metrics.NAMESPACE},pipeline,variant,class}} MetricName="{metrics.LIVE_CLASS}" '
                    f'pipeline="{self._pipeline}" variant="{variant}"\', \'Sum\', {int(self._period.to_seconds())})'
                ),
                label=f"{variant}: ${{PROP('Dim.class')}}",
                period=self._period,
            )
            for variant in metrics.VARIANTS
        ]

    def _live(self, name: str, variant: str, statistic: str, label: str) -> cloudwatch.Metric:
        about = {"pipeline": self._pipeline, "variant": variant}
        return metrics.emitted(name, period=self._period, statistic=statistic, label=label, **about)

    def gauge(self, gauge: Gauge, *, label: str = "", statistic: str = "Maximum") -> cloudwatch.Metric:
        """A gauge of Pulse."""
        return Gauges(self._pipeline).metric(
            gauge, statistic=statistic, minutes=EVERY_MINUTES, label=label or gauge.meaning
        )


def undelivered(dead_letters: sqs.Queue, period: Duration) -> cloudwatch.MathExpression:
    """Messages in a dead-letter queue. Those that somebody is looking at are not seen meanwhile, so that an alarm needs
    more than one period to end."""
    waiting = dead_letters.metric_approximate_number_of_messages_visible(period=period, statistic="Maximum")
    return cloudwatch.MathExpression(
        expression="FILL(waiting, 0)",
        using_metrics={"waiting": waiting},
        period=period,
        label="dead letters",
    )
