"""The values of a graph: what its rows come to over a span of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

from contender.dashboard.body import MetricWidget
from contender.dashboard.span import Span
from contender.errors import InvalidInputError
from contender.ports import MetricSource, SeriesQuery

MOST_POINTS = 400
"""Of a line: more cannot be told apart. CloudWatch makes periods longer as well where a range has too many."""
_PERIODS = (60, 300, 900, 1_800, 3_600, 10_800, 21_600, 86_400)
_OVER_ALL: Mapping[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}
_PERIOD_OF_A_SEARCH = re.compile(r", (\d+)\)$")

Point = tuple[float, float]
"""When a data point's period begins, in seconds since 1970, and its value."""


@dataclass(frozen=True)
class Line:
    """One line of a graph.

    Attributes
    ----------
    points : those that there are, oldest first.
    period : of a data point, in seconds.
    """

    label: str
    points: tuple[Point, ...]
    period: int

    @property
    def newest(self) -> float | None:
        """The newest value; None where there is none."""
        return self.points[-1][1] if self.points else None

    def stretches(self) -> list[list[Point]]:
        """The points, parted where one is missing.

        Examples
        --------
        >>> Line("x", ((0.0, 1.0), (60.0, 2.0), (180.0, 3.0)), 60).stretches()
        [[(0.0, 1.0), (60.0, 2.0)], [(180.0, 3.0)]]
        """
        found = [list(self.points[:1])]
        for before, after in pairwise(self.points):
            if after[0] - before[0] > self.period:
                found.append([])
            found[-1].append(after)
        return [stretch for stretch in found if stretch]


def lines_of(widget: MetricWidget, source: MetricSource, span: Span) -> list[Line]:
    """The lines that a graph shows; a row without a data point gives one without points, a search none.

    Raises
    ------
    InvalidInputError
        When an expression cannot be computed, or a statistic cannot be taken over the whole range.
    """
    asked = [_drawn(row, span) for row in widget.rows]
    # CloudWatch counts periods from the start that it is asked for.
    longest = max((row.period for row in asked), default=1)
    found = source.series(asked, start=span.start // longest * longest, end=span.end)
    lines: list[Line] = []
    for row in asked:
        series = [each for each in found if each.id == row.id]
        for each in series:
            points = zip(each.times, each.values, strict=True)
            known = tuple((time, value) for time, value in points if isfinite(value) and time < span.end)
            lines.append(Line(each.label or row.label or row.name, known, row.period))
        if row.returned and not series and not is_search(row):
            lines.append(Line(row.label or row.name, (), row.period))
    if widget.whole_range:
        statistics = [_over_all(row, widget.title) for row in asked]
        return [_whole(line, statistics[0], span) for line in lines]
    return lines


def _drawn(row: SeriesQuery, span: Span) -> SeriesQuery:
    """The row with the period at which it is drawn, which a search has in its text."""
    if not is_search(row):
        return replace(row, period=drawn_period(row.period, span))
    written = _PERIOD_OF_A_SEARCH.search(row.expression)
    period = drawn_period(int(written[1]) if written else row.period, span)
    return replace(row, period=period, expression=_PERIOD_OF_A_SEARCH.sub(f", {period})", row.expression))


def is_search(row: SeriesQuery) -> bool:
    """Whether a row finds any number of metrics."""
    return row.expression.startswith("SEARCH(")


def drawn_period(period: int, span: Span) -> int:
    """The period that a graph over a span is drawn with: its own, or a longer one where points would be too many.

    Examples
    --------
    >>> week = Span(0.0, 7 * 86_400.0)
    >>> drawn_period(300, week), drawn_period(3_600, week)
    (1800, 3600)
    """
    least = span.seconds / MOST_POINTS
    return period if period >= least else next((each for each in _PERIODS if each >= max(least, period)), _PERIODS[-1])


def _over_all(row: SeriesQuery, title: str) -> str:
    if row.expression or row.statistic not in _OVER_ALL:
        raise InvalidInputError(
            f"widget {title!r}: over the whole range the statistic of a metric must be one of {', '.join(_OVER_ALL)}, "
            f"but got {row.expression or row.statistic}"
        )
    return row.statistic


def _whole(line: Line, statistic: str, span: Span) -> Line:
    """The line with one point for the whole range."""
    if not line.points:
        return line
    value = _OVER_ALL[statistic]([value for _, value in line.points])
    return replace(line, points=((span.start, value),), period=round(span.seconds))
