"""Small pictures of a model, side by side on a page: curves, bars, figures with their intervals, a confusion matrix.

Inline SVG without scripts, drawn for about 380 points of width. Colours are the page's classes (`champion`,
`challenger`, …) and small_charts.css; every picture has a name and a description for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import floor, isfinite, log10

from contender.formatting import figure
from contender.reports.line_chart import number, shortened, ticks, told_apart

WIDTH = 380.0
ROW = 26.0
"""Height of a row of a picture that lists things."""

NAME_CHARACTERS, WIDE_NAME_CHARACTERS = 19, 40
"""Of a row's name, on a picture of the usual width and on one across the page."""
Series = tuple[str, str, Sequence[Sequence[float]]]
"""Name, class, points (x, y)."""

IntervalRow = tuple[str, float | None, float | None, float | None, str]
"""Name, value, low, high, class; None where it is not known."""


@dataclass(frozen=True)
class Frame:
    """A plotting area between two pairs of figures."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    width: float = WIDTH
    height: float = 300.0
    left: float = 44.0
    right: float = 12.0
    top: float = 8.0
    bottom: float = 42.0

    def x(self, value: float) -> float:
        """The x coordinate of a value, kept inside the plotting area, in SVG units."""
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1.0)
        return self.left + (self.width - self.left - self.right) * min(max(share, 0.0), 1.0)

    def y(self, value: float) -> float:
        """The y coordinate of a value, kept inside the plotting area, in SVG units."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1.0)
        return self.height - self.bottom - (self.height - self.top - self.bottom) * min(max(share, 0.0), 1.0)

    def axes(self, x_label: str, y_label: str) -> str:
        """Round figures along both sides, thin lines at those of y, and what the sides mean."""
        edge, floor = self.width - self.right, self.height - self.bottom
        pieces = []
        y_marks, x_marks = ticks(self.y_low, self.y_high, 4), ticks(self.x_low, self.x_high, 4)
        for value, said in zip(y_marks, tick_labels(y_marks), strict=True):
            y = number(self.y(value))
            pieces.append(f'<line class="grid" x1="{number(self.left)}" x2="{number(edge)}" y1="{y}" y2="{y}"/>')
            pieces.append(_text(self.left - 7, self.y(value), said, "tick", anchor="end", middle=True))
        for value, said in zip(x_marks, tick_labels(x_marks), strict=True):
            pieces.append(_text(self.x(value), floor + 16, said, "tick", anchor="middle"))
        pieces.append(_text(edge, self.height - 5, f"{x_label} →", "", anchor="end"))
        pieces.append(_text(0.0, self.height - 5, f"↑ {y_label}", ""))
        return "".join(pieces)

    def path(self, points: Sequence[Sequence[float]], style: str) -> str:
        """A line through points (x, y)."""
        listed = [f"{number(self.x(x))} {number(self.y(y))}" for x, y, *_ in points]
        return f'<path class="line {style}" d="M{"L".join(listed)}"/>' if listed else ""


def curve(
    identity: str,
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    diagonal: bool = False,
    dots: bool = False,
    box: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0),
) -> str:
    """Lines through points; the last series lies on top.

    Parameters
    ----------
    identity : distinct on its page.
    diagonal : draw the line on which x and y are the same.
    dots : mark the points themselves, as where there are few of them.
    box : the least and the greatest x, then y.

    Examples
    --------
    >>> 'class="line challenger"' in curve("roc", "ROC", [("it", "challenger", [(0, 0), (1, 1)])], "x", "y")
    True
    """
    frame = Frame(*box)
    content = frame.axes(x_label, y_label)
    if diagonal:
        ends = (max(box[0], box[2]), min(box[1], box[3]))
        content += frame.path([(end, end) for end in ends], "ghost")
    for _, style, points in series:
        content += frame.path(points, style)
        if dots:
            content += "".join(
                f'<circle class="dot {style}" cx="{number(frame.x(x))}" cy="{number(frame.y(y))}" r="3.5"/>'
                for x, y, *_ in points
            )
    said = "; ".join(f"{name}: {_path_in_words(points)}" for name, _, points in series)
    return _picture(identity, title, said, frame.width, frame.height, content)


def bars(
    identity: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, str, Sequence[float]]],
    *,
    x_label: str = "",
    y_label: str = "",
) -> str:
    """Upright bars in groups: one group a label, one bar a series (name, class, heights).

    The labels that have room are shown.
    """
    most = max((height for _, _, heights in series for height in heights), default=0.0) or 1.0
    frame = Frame(0.0, float(len(labels) or 1), 0.0, most, height=220.0, bottom=42.0)
    y_marks = ticks(0.0, most, 3)
    content = ""
    for value, said in zip(y_marks, tick_labels(y_marks), strict=True):
        y = number(frame.y(value))
        content += f'<line class="grid" x1="{number(frame.left)}" x2="{number(WIDTH - 12)}" y1="{y}" y2="{y}"/>'
        content += _text(frame.left - 7, frame.y(value), said, "tick", anchor="end", middle=True)
    slot = (frame.width - frame.left - frame.right) / max(1, len(labels))
    thick = slot * 0.84 / max(1, len(series))
    for place, (name, style, heights) in enumerate(series):
        for position, height in enumerate(heights):
            x = frame.left + slot * (position + 0.08) + thick * place
            top, floor = frame.y(height), frame.y(0.0)
            said = f"{name}, {labels[position]}: {figure(height)}"
            content += (
                f'<rect class="fill {style}" x="{number(x)}" y="{number(top)}" width="{number(thick)}" '
                f'height="{number(max(floor - top, 0.0))}"><title>{escape(said)}</title></rect>'
            )
    step = max(1, -(-len(labels) * (7 * max((len(each) for each in labels), default=1) + 12) // 320))
    for position in range(0, len(labels), int(step)):
        content += _text(frame.x(position + 0.5), frame.height - 26, labels[position], "tick", anchor="middle")
    if x_label:
        content += _text(WIDTH - 12, frame.height - 5, f"{x_label} →", "", anchor="end")
    if y_label:
        content += _text(0.0, frame.height - 5, f"↑ {y_label}", "")
    said = "; ".join(f"{name}: {', '.join(figure(height) for height in heights)}" for name, _, heights in series)
    return _picture(identity, title, said, frame.width, frame.height, content)


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
    left = 14.0 + 7.6 * max(map(len, names), default=0)
    height = head + ROW * len(rows) + 26.0
    frame = Frame(low, high, 0.0, 1.0, width=width, height=height, left=left, right=58.0, bottom=26.0)
    content = _scale(frame, head) + _marks(frame, wanted, head)
    for position, (name, value, start, end, style) in enumerate(rows):
        y = head + ROW * (position + 0.5)
        content += (
            f'<g class="row {style}"><title>{escape(f"{name}: {_value_in_words(value, start, end)}")}</title>'
            + _text(frame.left - 10, y, names[position], "name", anchor="end", middle=True)
            + _row(frame, y, value, (start, end), style, places=_places(high - low), from_zero=from_zero)
            + "</g>"
        )
    said = "; ".join(f"{name} {_value_in_words(value, start, end)}" for name, value, start, end, _ in rows)
    return _picture(identity, title, said, width, height, content)


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
    return content + _text(frame.width, y, said, "tick", anchor="end", middle=True)


def confusion(identity: str, title: str, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Actual classes down, predicted classes across; a cell is as dark as its share of the row.

    Examples
    --------
    >>> ">75 %<" in confusion("c", "Confusion", ["no", "yes"], [[3, 1], [0, 4]])
    True
    """
    size = len(labels) or 1
    left = 14.0 + 7.0 * min(12, max((len(label) for label in labels), default=0))
    cell = min(86.0, (WIDTH - left - 4.0) / size)
    tall = min(cell, 56.0)
    top, show = 34.0, cell >= 34.0
    height = top + tall * size + 22.0
    content = _text(left, 12.0, "predicted →", "") + _text(0.0, height - 4.0, "↑ actual; row percentages", "")
    room = max(1, int(cell // 7))
    for column, label in enumerate(labels):
        x = left + cell * (column + 0.5)
        content += _text(x, top - 6, shortened(label, room), "tick", anchor="middle")
    for line, (label, row) in enumerate(zip(labels, counts, strict=True)):
        y = top + tall * line
        content += _text(left - 8, y + tall / 2, shortened(label, 12), "tick", anchor="end", middle=True)
        total = sum(row)
        for column, rows in enumerate(row):
            share = rows / total if total else 0.0
            style = "hit" if line == column else "miss"
            said = f"actual {label}, predicted {labels[column]}: {rows:,} rows, {share:.1%} of the actual class"
            x = left + cell * column
            content += (
                f"<g><title>{escape(said)}</title>"
                f'<rect class="cell {style}" x="{number(x + 1)}" y="{number(y + 1)}" width="{number(cell - 2)}" '
                f'height="{number(tall - 2)}" fill-opacity="{0.06 + 0.46 * share:.2f}"/>'
            )
            if show and total:
                content += _text(
                    x + cell / 2, y + tall / 2 - (8 if cell >= 56 else 0), f"{share:.0%}".replace("%", " %"), "name",
                    anchor="middle", middle=True,
                )  # fmt: skip
                if cell >= 56:
                    content += _text(x + cell / 2, y + tall / 2 + 10, f"{rows:,}", "name", anchor="middle", middle=True)
            content += "</g>"
    said = "; ".join(
        f"actual {label}: {', '.join(f'{rows} predicted {name}' for rows, name in zip(row, labels, strict=True))}"
        for label, row in zip(labels, counts, strict=True)
    )
    return _picture(identity, title, said, WIDTH, height, content)


def legend(series: Sequence[tuple[str, str]]) -> str:
    """Names with a piece of their line, as HTML for a caption: (name, class)."""
    return "".join(
        f'<span class="of-line"><svg class="swatch" viewBox="0 0 26 10" aria-hidden="true">'
        f'<path class="line {style}" d="M1 5H25"/></svg>{escape(name)}</span> '
        for name, style in series
    )


def tick_labels(marks: Sequence[float]) -> list[str]:
    """Round figures with so many decimals that neighbours are told apart.

    Examples
    --------
    >>> tick_labels([0.0, 0.25, 0.5]), tick_labels([0, 20000, 40000])
    (['0', '0.25', '0.5'], ['0', '20,000', '40,000'])
    """
    step = min((b - a for a, b in pairwise(marks)), default=1.0)
    places = next((places for places in range(9) if abs(round(step, places) - step) < step / 100), 9)
    said = [f"{mark:,.{places}f}" for mark in marks]
    return [(each.rstrip("0").rstrip(".") if "." in each else each).replace("-", "−") for each in said]


def _scale(frame: Frame, head: float) -> str:
    found = next(marks for marks in (ticks(frame.x_low, frame.x_high, n) for n in (3, 4, 5, 8)) if len(marks) > 1)
    floor = frame.height - frame.bottom
    content = ""
    for value, said in zip(found, tick_labels(found), strict=True):
        x = number(frame.x(value))
        content += f'<line class="grid" x1="{x}" x2="{x}" y1="{number(head)}" y2="{number(floor)}"/>'
        content += _text(frame.x(value), floor + 17, said, "tick", anchor="middle")
    return content


def _marks(frame: Frame, marks: Mapping[str, float], head: float) -> str:
    content = ""
    for text, value in marks.items():
        x, half = frame.x(value), 3.4 * len(text)
        at = min(max(x, half), frame.width - half)
        content += (
            f'<line class="zero" x1="{number(x)}" x2="{number(x)}" y1="{number(head - 4)}" '
            f'y2="{number(frame.height - frame.bottom)}"/>' + _text(at, head - 8, text, "", anchor="middle")
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


def _value_in_words(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined"
    return figure(value) + (f" ({figure(low)} to {figure(high)})" if low is not None and high is not None else "")


def _path_in_words(points: Sequence[Sequence[float]]) -> str:
    """A few of the points."""
    if not points:
        return "none"
    kept = sorted({round(i * (len(points) - 1) / 4) for i in range(5)})
    return ", ".join(f"{figure(points[i][1])} at {figure(points[i][0])}" for i in kept)


def _text(x: float, y: float, text: str, style: str, *, anchor: str = "", middle: bool = False) -> str:
    named = f' class="{style}"' if style else ""
    placed = f' text-anchor="{anchor}"' if anchor else ""
    lowered = ' dy="0.32em"' if middle else ""
    return f'<text{named} x="{number(x)}" y="{number(y)}"{lowered}{placed}>{escape(text)}</text>'


def _picture(identity: str, title: str, description: str, width: float, height: float, content: str) -> str:
    return (
        f'<svg class="small" viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-labelledby="{escape(identity)}-t {escape(identity)}-d">'
        f'<title id="{escape(identity)}-t">{escape(title)}</title>'
        f'<desc id="{escape(identity)}-d">{escape(description)}</desc>{content}</svg>'
    )
