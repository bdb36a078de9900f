"""The metrics that Contender itself emits: their names, which a test compares, and how a template reads one."""

from __future__ import annotations

from functools import lru_cache

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "Contender"
SERVICE = "record"
SERVING_SERVICE = "serve"
NO_ANSWERS = "NoAnswers"
"""Requests that the champion had no finite prediction for."""
UNSENT_MAILS = "UnsentMails"
"""Mails that a state machine could not send."""
RUNS_FINISHED = "RunsFinished"
STEP_SECONDS = "StepSeconds"

# By pipeline and variant; the last one by class, too. By version they are in the table (`contender live`).
LIVE = (LIVE_REQUESTS, LIVE_ERRORS, LIVE_ROWS, LIVE_LATENCY, LIVE_LABELS, LIVE_CORRECT, LIVE_LOSS, LIVE_CLASS) = (
    "LiveRequests",
    "LiveErrors",
    "LiveRows",
    "LiveLatency",
    "LiveLabels",
    "LiveCorrect",
    "LiveLoss",
    "LivePredictedClass",
)
VARIANTS = ("champion", "challenger", "champion-shadow", "challenger-shadow")
"""A shadow prediction is one for the log, of the model that did not answer."""


@lru_cache(maxsize=1024)
def emitted(name: str, *, period: Duration, statistic: str = "Sum", label: str, **dimensions: str) -> cloudwatch.Metric:
    """A metric of Contender's namespace with these dimensions, which is the same for alarms and dashboard."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period,
        label=label,
    )
