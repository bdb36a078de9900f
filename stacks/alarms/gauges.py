"""Gauges that Pulse writes, as metrics of an alarm."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from contender.pulse.gauges import POINTER_STATE, WINDOW_MINUTES, Gauge
from stacks import durations, metrics

BEAT = POINTER_STATE
"""A gauge that each reading has. Where it is missing Pulse was silent, and what else is missing means nothing."""


class Gauges:
    """The gauges of one pipeline."""

    def __init__(self, pipeline: str) -> None:
        self._pipeline = pipeline

    def metric(
        self, gauge: Gauge, *, statistic: str = "Maximum", minutes: int = WINDOW_MINUTES, label: str = ""
    ) -> cloudwatch.Metric:
        """A gauge over a window."""
        return metrics.emitted(
            gauge.name,
            period=durations.minutes(minutes),
            statistic=statistic,
            label=label or gauge.name,
            pipeline=self._pipeline,
        )

    def known(self, expression: str, **gauges: Gauge) -> cloudwatch.MathExpression:
        """An expression of gauges; it has no value while Pulse is silent.

        Parameters
        ----------
        expression : with the names of `gauges`. It says by FILL what a gauge without a value means, which is safe
            here: all gauges of a reading come in one line, so that none is late when `beat` is there.
        gauges : gauges by the names that the expression calls them.
        """
        return cloudwatch.MathExpression(
            expression=f"IF(beat < 0, 0, {expression})",
            using_metrics={
                "beat": self.metric(BEAT),
                **{name: self.metric(gauge) for name, gauge in gauges.items()},
            },
            period=durations.minutes(WINDOW_MINUTES),
            label="conditions that hold",
        )
