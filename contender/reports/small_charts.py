"""Small charts of a model as inline SVG: curves, bars, a confusion matrix.

Drawn for about 380 points of width, without scripts. Colours are the page's classes (`champion`, `challenger`, …) and
small_charts.css; every picture has a title and a description for screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from contender.formatting import figure
from contender.reports.frame import WIDTH, Frame, picture, svg_text, tick_labels
from contender.reports.line_chart import number, shortened, ticks

Series = tuple[str, str, Sequence[Sequence[float]]]
"""Name, class, points (x, y)."""


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
    return picture(identity, title, said, frame.width, frame.height, content)


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
        content += svg_text(frame.left - 7, frame.y(value), said, "tick", anchor="end", middle=True)
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
        content += svg_text(frame.x(position + 0.5), frame.height - 26, labels[position], "tick", anchor="middle")
    if x_label:
        content += svg_text(WIDTH - 12, frame.height - 5, f"{x_label} →", "", anchor="end")
    if y_label:
        content += svg_text(0.0, frame.height - 5, f"↑ {y_label}", "")
    said = "; ".join(f"{name}: {', '.join(figure(height) for height in heights)}" for name, _, heights in series)
    return picture(identity, title, said, frame.width, frame.height, content)


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
    content = svg_text(left, 12.0, "predicted →", "") + svg_text(0.0, height - 4.0, "↑ actual; row percentages", "")
    room = max(1, int(cell // 7))
    for column, label in enumerate(labels):
        x = left + cell * (column + 0.5)
        content += svg_text(x, top - 6, shortened(label, room), "tick", anchor="middle")
    for line, (label, row) in enumerate(zip(labels, counts, strict=True)):
        y = top + tall * line
        content += svg_text(left - 8, y + tall / 2, shortened(label, 12), "tick", anchor="end", middle=True)
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
                content += svg_text(
                    x + cell / 2, y + tall / 2 - (8 if cell >= 56 else 0), f"{share:.0%}".replace("%", " %"), "name",
                    anchor="middle", middle=True,
                )  # fmt: skip
                if cell >= 56:
                    content += svg_text(
                        x + cell / 2, y + tall / 2 + 10, f"{rows:,}", "name", anchor="middle", middle=True
                    )
            content += "</g>"
    said = "; ".join(
        f"actual {label}: {', '.join(f'{rows} predicted {name}' for rows, name in zip(row, labels, strict=True))}"
        for label, row in zip(labels, counts, strict=True)
    )
    return picture(identity, title, said, WIDTH, height, content)


def legend(series: Sequence[tuple[str, str]]) -> str:
    """Names with a piece of their line, as HTML for a caption: (name, class)."""
    entries = "".join(
        f'<span class="of-line"><svg class="swatch" viewBox="0 0 26 10" aria-hidden="true">'
        f'<path class="line {style}" d="M1 5H25"/></svg>{escape(name)}</span> '
        for name, style in series
    )
    return f'<span class="lines">{entries.rstrip()}</span>'


def _path_in_words(points: Sequence[Sequence[float]]) -> str:
    """A few of the points."""
    if not points:
        return "none"
    kept = sorted({round(i * (len(points) - 1) / 4) for i in range(5)})
    return ", ".join(f"{figure(points[i][1])} at {figure(points[i][0])}" for i in kept)
