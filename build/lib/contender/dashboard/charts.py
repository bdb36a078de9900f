"""The graphs of a dashboard as inline SVG: lines over time, stacked values as bars over time, bars by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import ceil

from contender.dashboard.body import Threshold
from contender.dashboard.lines import Line
from contender.dashboard.span import Span
from contender.formatting import figure
from contender.reports.frame import Frame, picture, svg_text, tick_labels
from contender.reports.line_chart import number, shortened, spread, ticks

COLOURS = 5
THINNEST = 2.0
"""Of a bar, in units of the picture, so that a single one among hundreds is seen."""
_STEPS = (60, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 604_800)
_TIME_TICKS = 4
_DAY = 86_400
_BAR = 24.0
_LINE_OF_TEXT = 13.0


@dataclass(frozen=True)
class Limits:
    """What the y axis must show beside the values: the widget's own bounds, and its thresholds."""

    low: float | None
    high: float | None
    thresholds: Sequence[Threshold]

    def around(self, values: Iterable[float]) -> tuple[float, float]:
        """The ends of the axis."""
        drawn = [*values]
        for each in self.thresholds:
            drawn += [each.value] if each.until is None else [each.value, each.until]
        low = min(drawn, default=0.0) if self.low is None else self.low
        high = max(drawn, default=1.0) if self.high is None else self.high
        return low, high + 0.06 * (high - low) if high > low else low + 1.0


def style_of(position: int) -> str:
    """The classes of the line at a position: its colour, and beyond these its dashes."""
    return f"p{position % COLOURS + 1} d{position // COLOURS}"


def over_time(
    identity: str, title: str, lines: Sequence[Line], span: Span, limits: Limits, *, size: tuple[float, float]
) -> str:
    """Lines over time, broken where a data point is missing; a point stands in the middle of its period."""
    frame = _frame(span, limits.around(value for line in lines for _, value in line.points), size)
    content = _axes(frame, span) + _thresholds(frame, limits.thresholds)
    for position, line in enumerate(lines):
        style = style_of(position)
        for stretch in line.stretches():
            middle = [(time + line.period / 2, value) for time, value in stretch]
            if len(middle) > 1:
                content += frame.path(middle, style)
            else:
                ((x, y),) = middle
                content += f'<circle class="dot {style}" cx="{number(frame.x(x))}" cy="{number(frame.y(y))}" r="2.5"/>'
    return picture(identity, title, _in_words(lines), frame.width, frame.height, content)


def stacked_over_time(
    identity: str, title: str, lines: Sequence[Line], span: Span, limits: Limits, *, size: tuple[float, float]
) -> str:
    """A bar for each data point, those of one time on top of each other."""
    total: dict[float, float] = defaultdict(float)
    for line in lines:
        for time, value in line.points:
            total[time] += value
    frame = _frame(span, limits.around([0.0, *total.values()]), size)
    content, floor = _axes(frame, span), defaultdict[float, float](float)
    for position, line in enumerate(lines):
        bars = ""
        for time, value in line.points:
            if value > 0:
                bars += _bar(frame, (time, time + line.period), (floor[time], floor[time] + value))
                floor[time] += value
        content += f'<path class="fill {style_of(position)}" d="{bars}"/>' if bars else ""
    content += _thresholds(frame, limits.thresholds)
    return picture(identity, title, _in_words(lines), frame.width, frame.height, content)


def by_name(identity: str, title: str, lines: Sequence[Line], *, width: float) -> str:
    """A horizontal bar for each line's newest value, those without one left out."""
    shown = [(line.label, line.newest) for line in lines if line.newest is not None]
    most = max((value for _, value in shown), default=0.0) or 1.0
    left = 7.2 * max((len(shortened(label, 16)) for label, _ in shown), default=0) + 14.0
    content = ""
    for position, (label, value) in enumerate(shown):
        middle = _BAR * (position + 0.5)
        long = max(1.5, (width - left - 60.0) * value / most)
        content += svg_text(left - 8, middle, shortened(label, 16), "name", anchor="end", middle=True)
        content += (
            f'<rect class="fill p1" x="{number(left)}" y="{number(middle - 8)}" width="{number(long)}" height="16">'
            f"<title>{escape(f'{label}: {figure(value)}')}</title></rect>"
        )
        content += svg_text(left + long + 7, middle, figure(value), "tick", middle=True)
    return picture(identity, title, _in_words(lines), width, _BAR * max(1, len(shown)) + 4.0, content)


def time_ticks(span: Span) -> list[tuple[float, str]]:
    """Round times within a span, UTC, as times of day or as days.

    Examples
    --------
    >>> [said for _, said in time_ticks(Span(0.0, 10_800.0))], [said for _, said in time_ticks(Span(0.0, 345_600.0))]
    (['01:00', '02:00'], ['2 Jan', '3 Jan', '4 Jan'])
    """
    step = next((each for each in _STEPS if span.seconds / each <= _TIME_TICKS), _STEPS[-1])
    margin = span.seconds * 0.05  # a label at an edge would be cut off
    found = []
    for position in range(ceil((span.start + margin) / step), ceil((span.end - margin) / step)):
        at = datetime.fromtimestamp(position * step, UTC)
        found.append((float(position * step), f"{at.day} {at:%b}" if step >= _DAY else f"{at:%H:%M}"))
    return found


def _frame(span: Span, ends: tuple[float, float], size: tuple[float, float]) -> Frame:
    labels = tick_labels(ticks(*ends, 3))
    left = 12.0 + 7.0 * max(map(len, labels), default=1)
    return Frame(span.start, span.end, *ends, width=size[0], height=size[1], left=left, right=14.0, bottom=24.0)


def _axes(frame: Frame, span: Span) -> str:
    marks = ticks(frame.y_low, frame.y_high, 3)
    edge, pieces = number(frame.width - frame.right), []
    for value, said in zip(marks, tick_labels(marks), strict=True):
        y = number(frame.y(value))
        pieces.append(f'<line class="grid" x1="{number(frame.left)}" x2="{edge}" y1="{y}" y2="{y}"/>')
        pieces.append(svg_text(frame.left - 7, frame.y(value), said, "tick", anchor="end", middle=True))
    for time, said in time_ticks(span):
        pieces.append(svg_text(frame.x(time), frame.height - 6, said, "tick", anchor="middle"))
    return "".join(pieces)


def _thresholds(frame: Frame, thresholds: Sequence[Threshold]) -> str:
    """Lines and bands, each with its label above it at the right edge."""
    content, left, edge = "", number(frame.left), frame.width - frame.right
    for each in thresholds:
        y = frame.y(each.value)
        if each.until is not None or each.fill:
            filled = {"above": frame.y_high, "below": frame.y_low}
            top, bottom = sorted((y, frame.y(filled[each.fill] if each.until is None else each.until)))
            content += (
                f'<rect class="zone" x="{left}" y="{number(top)}" width="{number(edge - frame.left)}" '
                f'height="{number(bottom - top)}"/>'
            )
        if each.until is None:
            style = "alarm" if each.alarms else "of-band"
            content += f'<line class="{style}" x1="{left}" x2="{number(edge)}" y1="{number(y)}" y2="{number(y)}"/>'
    tops = [frame.y(max(each.value, each.value if each.until is None else each.until)) for each in thresholds]
    placed = spread([max(top - 5, 10.0) for top in tops], _LINE_OF_TEXT, 10.0, frame.height - frame.bottom)
    for each, y in zip(thresholds, placed, strict=True):
        content += svg_text(edge - 2, y, each.label, "of-threshold", anchor="end") if each.label else ""
    return content


def _bar(frame: Frame, times: tuple[float, float], values: tuple[float, float]) -> str:
    (left, right), (low, high) = (frame.x(time) for time in times), (frame.y(value) for value in values)
    gap = 1.0 if right - left > 4.0 else 0.0
    return f"M{number(left)} {number(low)}V{number(high)}H{number(max(right - gap, left + THINNEST))}V{number(low)}Z"


def _in_words(lines: Sequence[Line]) -> str:
    """The newest values, for screen readers."""
    return "; ".join(f"{line.label}: {'no data' if line.newest is None else figure(line.newest)}" for line in lines)
