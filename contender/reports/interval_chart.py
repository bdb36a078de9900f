"""Values in a list, each with its confidence interval, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, isfinite, log10

from contender.formatting import with_interval
from contender.reports.frame import WIDTH, Frame, picture, svg_text, tick_labels
from contender.reports.line_chart import number, ticks, told_apart

ROW = 26.0
"""Height of a row."""

NAME_CHARACTERS, WIDE_NAME_CHARACTERS = 19, 40
"""Of a row's name, on a picture of the usual width and on one across the page."""

IntervalRow = tuple[str, float | None, float | None, float | None, str]
"""Name, value, low, high, class; None where it is not known."""


def intervals(
    identity: str,
    title: str,
    rows: Sequence[IntervalRow],
    *,
    marks: Mapping[str, float] | None = None,
    from_zero: bool = False,
    width: float = WIDTH,
) -> str:
    """A list of figures, each a dot (or a bar from zero) with its interval across.

    Parameters
    ----------
    marks : what stands at an upright line: text → where.
    from_zero : draw a bar from zero, as for what has a size.
    """
    wanted = marks or {}
    values = [end for _, *ends, _ in rows for end in ends if end is not None and isfinite(end)]
    low, high = _room([*values, *wanted.values(), *([0.0] if from_zero else [])])
    head = 20.0 if wanted else 4.0
    names = told_apart([name for name, *_ in rows], NAME_CHARACTERS if width < 600 else WIDE_NAME_CHARACTERS)
    left = 18.0 + 7.6 * max(map(len, names), default=0)
    height = head + ROW * len(rows) + 26.0
    frame = Frame(low, high, 0.0, 1.0, width=width, height=height, left=left, right=58.0, bottom=26.0)
    content = _scale(frame, head) + _marks(frame, wanted, head)
    for position, (name, value, start, end, style) in enumerate(rows):
        y = head + ROW * (position + 0.5)
        content += (
            f'<g class="row {style}"><title>{escape(f"{name}: {with_interval(value, start, end)}")}</title>'
            + svg_text(frame.left - 10, y, names[position], "name", anchor="end", middle=True)
            + _row(frame, y, value, (start, end), style, places=_places(high - low), from_zero=from_zero)
            + "</g>"
        )
    said = "; ".join(f"{name} {with_interval(value, start, end)}" for name, value, start, end, _ in rows)
    return picture(identity, title, said, width, height, content)


def _row(
    frame: Frame,
    y: float,
    value: float | None,
    ends: tuple[float | None, float | None],
    style: str,
    *,
    places: int,
    from_zero: bool,
) -> str:
    """Dot or bar, whisker, and the figure at the right."""
    (start, end), content = ends, ""
    if value is not None:
        if from_zero:
            a, b = sorted((frame.x(0.0), frame.x(value)))
            content += (
                f'<rect class="fill {style}" x="{number(a)}" y="{number(y - 7)}" width="{number(b - a)}" height="14"/>'
            )
        if start is not None and end is not None:
            a, b = frame.x(start), frame.x(end)
            content += f'<path class="whisker {style}" d="M{number(a)} {number(y)}H{number(b)}M{number(a)} '
            content += f'{number(y - 4)}v8M{number(b)} {number(y - 4)}v8"/>'
        if not from_zero:
            content += f'<circle class="dot {style}" cx="{number(frame.x(value))}" cy="{number(y)}" r="4"/>'
    said = "–" if value is None else _rounded(value, places)
    return content + svg_text(frame.width, y, said, "tick", anchor="end", middle=True)


def _scale(frame: Frame, head: float) -> str:
    found = next(marks for marks in (ticks(frame.x_low, frame.x_high, n) for n in (3, 4, 5, 8)) if len(marks) > 1)
    floor = frame.height - frame.bottom
    content = ""
    for value, said in zip(found, tick_labels(found), strict=True):
        x = number(frame.x(value))
        content += f'<line class="grid" x1="{x}" x2="{x}" y1="{number(head)}" y2="{number(floor)}"/>'
        content += svg_text(frame.x(value), floor + 17, said, "tick", anchor="middle")
    return content


def _marks(frame: Frame, marks: Mapping[str, float], head: float) -> str:
    content = ""
    for text, value in marks.items():
        x, half = frame.x(value), 3.4 * len(text)
        at = min(max(x, half), frame.width - half)
        content += (
            f'<line class="zero" x1="{number(x)}" x2="{number(x)}" y1="{number(head - 4)}" '
            f'y2="{number(frame.height - frame.bottom)}"/>' + svg_text(at, head - 8, text, "", anchor="middle")
        )
    return content


def _room(values: Sequence[float]) -> tuple[float, float]:
    """A little more than the figures take, so that nothing stands on the edge."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    more = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    return low - (more if low != 0.0 else 0.0), high + more


def _places(span: float) -> int:
    """Decimals that tell apart what is a thousandth of the picture away."""
    return min(9, max(0, 2 - floor(log10(span)))) if span > 0.0 else 2


def _rounded(value: float, places: int) -> str:
    return f"{round(value, places) + 0.0:,.{places}f}".replace("-", "−")
