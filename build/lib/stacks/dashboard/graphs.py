"""The kinds of widgets that the dashboard has; `contender dashboard` draws each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from contender.dashboard.body import ALARM_COLOUR, BAND_COLOUR

WIDTH, HEIGHT = 6, 4
ROW = 24
"""Columns of CloudWatch's grid."""


def graph(
    title: str,
    shown: Sequence[cloudwatch.IMetric],
    *,
    thresholds: Mapping[str, float] | None = None,
    band: tuple[str, float, float] | None = None,
    stacked: bool = False,
    from_zero: bool = True,
) -> cloudwatch.GraphWidget:
    """Metrics over time.

    Parameters
    ----------
    thresholds : values at which alarms ring, by what is written beside the line.
    band : of good values: a name and its two ends.
    """
    lines = [
        cloudwatch.HorizontalAnnotation(value=value, label=label, color=ALARM_COLOUR)
        for label, value in (thresholds or {}).items()
    ]
    return cloudwatch.GraphWidget(
        title=title,
        width=WIDTH,
        height=HEIGHT,
        left=list(shown),
        stacked=stacked,
        left_annotations=lines + (_band(*band) if band else []),
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False) if from_zero else None,
    )


def bars(title: str, shown: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    """A bar for each metric: its sum over the range that is looked at."""
    return cloudwatch.GraphWidget(
        title=title,
        width=WIDTH,
        height=HEIGHT,
        left=list(shown),
        view=cloudwatch.GraphWidgetView.BAR,
        set_period_to_time_range=True,
    )


def number(title: str, shown: cloudwatch.IMetric, *, width: int, height: int) -> cloudwatch.SingleValueWidget:
    """The newest value."""
    return cloudwatch.SingleValueWidget(title=title, metrics=[shown], width=width, height=height)


def _band(label: str, low: float, high: float) -> list[cloudwatch.HorizontalAnnotation]:
    """Two lines, and all below the upper one shaded: the CDK knows no band, and what is below both is better still."""
    return [
        cloudwatch.HorizontalAnnotation(value=high, color=BAND_COLOUR, fill=cloudwatch.Shading.BELOW),
        cloudwatch.HorizontalAnnotation(value=low, label=label, color=BAND_COLOUR),
    ]
