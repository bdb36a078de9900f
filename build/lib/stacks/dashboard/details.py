"""The lower half of the dashboard: data, training and serving in detail, for who knows already where to look."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from contender.pipeline.config import PipelineConfig
from contender.pulse import gauges
from stacks import metrics
from stacks.dashboard.graphs import graph
from stacks.pipeline_metrics import PipelineMetrics

Row = list[cloudwatch.IWidget]


def details(shared: PipelineMetrics, pipeline: PipelineConfig) -> list[Row]:
    """Rows of widgets; every metric that functions emit and that is not further up is here."""
    return [_variants(shared, pipeline), _data(shared, pipeline), _training(shared), _serving(shared)]


def _variants(shared: PipelineMetrics, pipeline: PipelineConfig) -> Row:
    """Champion and challenger beside each other, for a canary."""
    labels = shared.live(metrics.LIVE_LABELS, statistic="Sum")
    return [
        graph("Error rate by variant", shared.live_share(metrics.LIVE_ERRORS, metrics.LIVE_REQUESTS)),
        graph("p95 latency by variant (ms)", shared.live(metrics.LIVE_LATENCY, statistic="p95")),
        graph("Loss by variant", shared.live(metrics.LIVE_LOSS, statistic="Average")),
        graph("Labels by variant", labels)
        if pipeline.task == "regression"
        else graph("Accuracy by variant", shared.live_share(metrics.LIVE_CORRECT, metrics.LIVE_LABELS)),
    ]


def _data(shared: PipelineMetrics, pipeline: PipelineConfig) -> Row:
    stale = 24.0 * pipeline.alarms.stale_after_days
    accepted, rejected, refused = (
        shared.emitted("validate_batch", name, label=label)
        for name, label in (
            ("RowsAccepted", "accepted"),
            ("RowsRejected", "rejected"),
            ("FilesQuarantined", "files in quarantine"),
        )
    )
    drifted = shared.emitted("detect_drift", "FeaturesDrifted", statistic="Maximum", label="features drifted")
    evidence = shared.emitted("detect_drift", "DriftEvidence", statistic="Maximum", label="evidence (1 trains)")
    failed = shared.emitted("rehearse", "RehearsalsFailed", label="rehearsals failed")
    return [
        graph("Rows of uploads", [accepted, rejected], stacked=True),
        graph("Refused", [refused, failed, shared.unsent_mail()], thresholds={"a mail": 1.0}),
        graph("Drift", [drifted, evidence]),
        graph(
            "Age of the champion's newest row (hours)",
            [shared.gauge(gauges.NEWEST_ROW_HOURS, label="newest row")],
            thresholds={"too old": stale} if stale else {},
        ),
    ]


def _training(shared: PipelineMetrics) -> Row:
    won = shared.emitted("evaluate_challenger", "Improvement", statistic="Maximum", label="challenger against champion")
    waiting, training = (
        shared.emitted("detect_drift", name, statistic="Maximum", label=label)
        for name, label in (("WaitingCostUsd", "waiting"), ("TrainingCostUsd", "training"))
    )
    spent = shared.emitted("record", "RunUsd", label="runs that ended")
    return [
        graph("Improvement of challengers", [won], from_zero=False),
        graph("What waiting costs against a training ($)", [waiting, training]),
        graph("Cost ($)", [spent, shared.gauge(gauges.MONTH_SPEND, label="this month")]),
        graph("Seconds of each function of the loop", shared.step_seconds()),
    ]


def _serving(shared: PipelineMetrics) -> Row:
    answered, rows = (
        shared.emitted(metrics.SERVING_SERVICE, name, label=label)
        for name, label in (("Requests", "requests of all routes"), ("Predictions", "rows predicted"))
    )
    latency = [
        shared.emitted(metrics.SERVING_SERVICE, "PredictLatency", statistic=each, label=each) for each in ("p50", "p95")
    ]
    batch = [
        shared.emitted(service, name, label=label)
        for service, name, label in (
            ("plan_batch", "BatchRows", "asked for"),
            ("predict_part", "BatchRowsPredicted", "predicted"),
            ("predict_part", "BatchRowsRejected", "rejected"),
        )
    ]
    return [
        graph("Serve", [answered, rows, *shared.live(metrics.LIVE_ROWS, statistic="Sum")]),
        graph("Time of a prediction without its way (ms)", latency),
        graph("Rows of batch predictions", batch),
        graph(
            "Champion pointer (1: lost, 2: another version serves)",
            [shared.gauge(gauges.POINTER_STATE, label="state")],
            thresholds={"alarm": 1.0},
        ),
    ]
