"""The plotting area, texts and outer element of the SVG charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from contender.reports.line_chart import number, ticks

WIDTH = 380.0


@dataclass(frozen=True)
class Frame:
    """A plotting area with linear x and y axes."""

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
        """Ticks on both axes, grid lines of y, and the axis labels."""
        edge, floor = self.width - self.right, self.height - self.bottom
        pieces = []
        y_marks, x_marks = ticks(self.y_low, self.y_high, 4), ticks(self.x_low, self.x_high, 4)
        for value, said in zip(y_marks, tick_labels(y_marks), strict=True):
            y = number(self.y(value))
            pieces.append(f'<line class="grid" x1="{number(self.left)}" x2="{number(edge)}" y1="{y}" y2="{y}"/>')
            pieces.append(svg_text(self.left - 7, self.y(value), said, "tick", anchor="end", middle=True))
        for value, said in zip(x_marks, tick_labels(x_marks), strict=True):
            pieces.append(svg_text(self.x(value), floor + 16, said, "tick", anchor="middle"))
        pieces.append(svg_text(edge, self.height - 5, f"{x_label} →", "", anchor="end"))
        pieces.append(svg_text(0.0, self.height - 5, f"↑ {y_label}", ""))
        return "".join(pieces)

    def path(self, points: Sequence[Sequence[float]], style: str) -> str:
        """A line through points (x, y)."""
        listed = [f"{number(self.x(x))} {number(self.y(y))}" for x, y, *_ in points]
        return f'<path class="line {style}" d="M{"L".join(listed)}"/>' if listed else ""


def tick_labels(marks: Sequence[float]) -> list[str]:
    """Ticks with enough decimals to tell neighbours apart.

    Examples
    --------
    >>> tick_labels([0.0, 0.25, 0.5]), tick_labels([0, 20000, 40000])
    (['0', '0.25', '0.5'], ['0', '20,000', '40,000'])
    """
    step = min((b - a for a, b in pairwise(marks)), default=1.0)
    places = next((places for places in range(9) if abs(round(step, places) - step) < step / 100), 9)
    said = [f"{mark:,.{places}f}" for mark in marks]
    return [(each.rstrip("0").rstrip(".") if "." in each else each).replace("-", "−") for each in said]


def svg_text(x: float, y: float, text: str, style: str, *, anchor: str = "", middle: bool = False) -> str:
    """A text, escaped; `middle` centres it on y."""
    named = f' class="{style}"' if style else ""
    placed = f' text-anchor="{anchor}"' if anchor else ""
    lowered = ' dy="0.32em"' if middle else ""
    return f'<text{named} x="{number(x)}" y="{number(y)}"{lowered}{placed}>{escape(text)}</text>'


def picture(identity: str, title: str, description: str, width: float, height: float, content: str) -> str:
    """The picture, titled and described for screen readers."""
    return (
        f'<svg class="small" viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-labelledby="{escape(identity)}-t {escape(identity)}-d">'
        f'<title id="{escape(identity)}-t">{escape(title)}</title>'
        f'<desc id="{escape(identity)}-d">{escape(description)}</desc>{content}</svg>'
    )
