"""The dashboard of a pipeline: what rings, whether the model is right, whether the loop is alive, what changed."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from contender.alarms import thresholds
from contender.alarms.thresholds import BURN_RATES
from contender.pipeline.config import PipelineConfig
from contender.pulse import gauges
from stacks import metrics
from stacks.dashboard.details import details
from stacks.dashboard.graphs import ROW, bars, graph, number
from stacks.pipeline_metrics import PipelineMetrics

RANGE = Duration.days(1)
"""What is shown when the dashboard is opened: a night, and the day before it."""
SHORT = Duration.minutes(5)
"""The shortest of the windows that an alarm on failing or slow predictions looks at."""
NUMBER_WIDTH, TOP_HEIGHT, RUNS_HEIGHT = 4, 3, 7


class PipelineDashboard(Construct):
    """One page. Every alarm that tells people is on it, and every threshold where its metric is.

    Swaps are drawn as bars on the same axis as the rest: annotations of a dashboard are deployed, swaps are not.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        pipeline: PipelineConfig,
        shared: PipelineMetrics,
        alarms: Sequence[cloudwatch.IAlarm],
        recent_runs: lambda_.IFunction,
    ) -> None:
        """`alarms` are those that tell people; `recent_runs` answers custom widgets."""
        super().__init__(scope, construct_id)
        self._pipeline, self._shared, self._recent_runs = pipeline, shared, recent_runs
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=name,
            default_interval=RANGE,
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=ROW, height=TOP_HEIGHT)],
                self._in_short(),
                self._predictions(),
                self._model(),
                self._loop(),
                self._queues_and_spend(),
                [self._custom("Last ten runs", show="runs", width=ROW, height=RUNS_HEIGHT)],
                *details(shared, pipeline),
            ],
        )

    def _gauge(self, of: gauges.Gauge, label: str, *, statistic: str = "Maximum") -> cloudwatch.Metric:
        return self._shared.gauge(of, label=label, statistic=statistic)

    def _in_short(self) -> list[cloudwatch.IWidget]:
        """Three numbers and two sentences."""
        since_swap = cloudwatch.MathExpression(
            expression="swap / 60",
            using_metrics={"swap": self._gauge(gauges.SWAP_MINUTES, "swap", statistic="Minimum")},
            label="hours since the champion changed",
        )
        numbers = (
            ("Is the model right?", self._gauge(gauges.LIVE_LOSS_EXCESS, "live loss, up to 0: as on its holdout")),
            ("Is the loop alive?", self._gauge(gauges.HOURS_SINCE_GOOD_RUN, "hours since a good run")),
            ("What changed last?", since_swap),
        )
        size = {"width": NUMBER_WIDTH, "height": TOP_HEIGHT}
        shown: list[cloudwatch.IWidget] = [number(title, metric, **size) for title, metric in numbers]
        width = ROW - len(numbers) * NUMBER_WIDTH
        return [*shown, self._custom("Last run and last change", show="summary", width=width, height=TOP_HEIGHT)]

    def _custom(self, title: str, *, show: str, width: int, height: int) -> cloudwatch.CustomWidget:
        return cloudwatch.CustomWidget(
            title=title, function_arn=self._recent_runs.function_arn, params={"show": show}, width=width, height=height
        )

    def _predictions(self) -> list[cloudwatch.IWidget]:
        allowed = 1.0 - self._pipeline.alarms.objective
        burning = {f"{rate.factor:g} × allowed": rate.factor * allowed for rate in BURN_RATES}
        adding_up = {
            f"{each:g} × allowed": each * allowed for each in (thresholds.SLOW_BURN_DAY, thresholds.SLOW_BURN_DAYS)
        }
        errors, slow = (share(SHORT) for share in (self._shared.error_rate, self._shared.slow_share))
        slo = self._pipeline.serving.slo_ms
        return [
            graph("Failed predictions (share)", [errors], thresholds={**burning, **adding_up}),
            graph(f"Predictions slower than {slo} ms (share)", [slow], thresholds=burning),
            graph("Latency (ms)", self._shared.latencies, thresholds={"objective": slo}),
            graph("Predictions", [self._shared.requests, self._shared.client_errors, self._shared.server_errors]),
        ]

    def _model(self) -> list[cloudwatch.IWidget]:
        swap = cloudwatch.MathExpression(
            expression=f"IF(swap < {gauges.EVERY_MINUTES}, 1, 0)",
            using_metrics={"swap": self._gauge(gauges.SWAP_MINUTES, "swap", statistic="Minimum")},
            label="champion changed",
        )
        return [
            graph(
                "Live loss (half intervals above the holdout's)",
                [self._gauge(gauges.LIVE_LOSS_EXCESS, "live loss against holdout")],
                thresholds={"alarm": thresholds.LOSS_EXCESS},
                band=("holdout's interval", -2.0, 0.0),
                from_zero=False,
            ),
            graph("Predicted classes (rows)", self._shared.live_classes(), stacked=True)
            if self._pipeline.task != "regression"
            else graph("Live predictions", self._shared.live(metrics.LIVE_REQUESTS, statistic="Sum")),
            graph(
                "Shift of what is predicted (its own noise = 1)",
                [self._gauge(gauges.SHARE_SHIFT, "shift since the holdout")],
                thresholds={"alarm": thresholds.SHARE_SHIFT},
            ),
            graph(
                "Changes of the champion",
                [swap, self._gauge(gauges.CHANGE_ON, "canary or rollback in progress")],
                stacked=True,
            ),
        ]

    def _loop(self) -> list[cloudwatch.IWidget]:
        policy = self._pipeline.alarms
        silent = policy.expects_uploads_every_hours
        return [
            bars("Verdicts of runs", self._shared.verdicts()),
            graph(
                "Runs in a row",
                [
                    self._gauge(gauges.FAILED_RUNS_IN_A_ROW, "failed"),
                    self._gauge(gauges.MISSED_INTERVALS, "missed intervals of the schedule"),
                    self._gauge(gauges.DRIFTED_RUNS_WITHOUT_PROMOTION, "drifted without promotion"),
                ],
                thresholds={
                    "failed": policy.failed_runs,
                    "missed": thresholds.MISSED_INTERVALS,
                    "drifted": thresholds.DRIFTED_RUNS,
                },
            ),
            graph(
                "Run and waiting upload (minutes)",
                [
                    self._gauge(gauges.RUN_MINUTES, "run in progress"),
                    self._gauge(gauges.RUN_OVERDUE_MINUTES, "over its usual time"),
                    self._gauge(gauges.OLDEST_UPLOAD_MINUTES, "oldest waiting upload"),
                ],
                thresholds={"overdue": thresholds.OVERDUE_MINUTES, "waiting": thresholds.WAITING_MINUTES},
            ),
            graph(
                "Hours since",
                [
                    self._gauge(gauges.HOURS_SINCE_UPLOAD, "newest upload"),
                    self._gauge(gauges.HOURS_SINCE_GOOD_RUN, "run that ended well"),
                ],
                thresholds={"no upload": float(silent)} if silent else {},
            ),
        ]

    def _queues_and_spend(self) -> list[cloudwatch.IWidget]:
        policy, budget = self._pipeline.alarms, self._pipeline.budget.month_usd
        ratios = {
            "no labels": thresholds.LABEL_RATIO if policy.expects_labels else 0.0,
            "no traffic": thresholds.TRAFFIC_RATIO if policy.expects_traffic else 0.0,
        }
        spent = (
            graph(
                f"Spend of this month (share of ${budget:g})",
                [self._gauge(gauges.BUDGET_SHARE, "share of the budget")],
                thresholds={"alarm": thresholds.BUDGET_SHARE},
            )
            if budget
            else graph("Spend of this month ($)", [self._gauge(gauges.MONTH_SPEND, "estimate")])
        )
        return [
            graph("Age of the oldest message (too old = 1)", [self._shared.queue_age()], thresholds={"alarm": 1.0}),
            graph(
                "Messages that nobody could handle",
                [self._shared.undelivered, self._shared.unhandled()],
                thresholds={"alarm above": 0.0},
            ),
            graph(
                "Labels and traffic (usual = 1)",
                [self._gauge(gauges.LABEL_RATIO, "labels"), self._gauge(gauges.TRAFFIC_RATIO, "requests")],
                thresholds={label: limit for label, limit in ratios.items() if limit},
            ),
            spent,
        ]
