"""Line charts over batches as inline SVG: axes, lines labelled at their ends, marks of different shapes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from os.path import commonprefix

Points = Sequence[tuple[float, float | None]]

LABEL_HEIGHT = 17.0


def number(value: float) -> str:
    """A coordinate."""
    return f"{value:.1f}".removesuffix(".0")


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values from `low` to `high`, about as many as wanted.

    Examples
    --------
    >>> ticks(0.88, 0.93, 5)
    [0.88, 0.89, 0.9, 0.91, 0.92, 0.93]
    """
    span = (high - low) or 1.0
    rough = span / max(1, wanted)
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, floor(high / step + 1e-9) + 1)]


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions moved as little as possible to be at least `gap` apart, within `low` to `high` where there is room.

    Examples
    --------
    >>> spread([10.0, 12.0, 50.0], 15.0, 0.0, 100.0)
    [3.5, 18.5, 50.0]
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    groups: list[list[float]] = []  # centre and size of labels that touch
    for i in order:
        groups.append([min(max(positions[i], low), high), 1])
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            (b, m), (a, n) = groups.pop(), groups.pop()
            centre = (a * n + b * m) / (n + m)
            half = gap * (n + m - 1) / 2
            groups.append([min(max(centre, low + half), max(high - half, low + half)), n + m])
    placed = [centre + gap * (k - (size - 1) / 2) for centre, size in groups for k in range(int(size))]
    moved = [0.0] * len(positions)
    for i, position in zip(order, placed, strict=True):
        moved[i] = position
    return moved


def shortened(text: str, characters: int) -> str:
    """The text, cut to this many characters with an ellipsis."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def told_apart(names: Sequence[str], characters: int) -> list[str]:
    """Names cut to this many characters: at the end, or at the start where names would become equal.

    Examples
    --------
    >>> told_apart(["amount", "mean_of_the_last_07_days", "mean_of_the_last_30_days"], 12)
    ['amount', '…07_days', '…30_days']
    """
    cut = [shortened(name, characters) for name in names]
    alike = {short: {name for name, other in zip(names, cut, strict=True) if other == short} for short in cut}
    begin = {short: _shared(whole) for short, whole in alike.items() if len(whole) > 1}
    return [
        f"…{shortened(name[begin[short] :], characters - 1)}" if short in begin else short
        for name, short in zip(names, cut, strict=True)
    ]


def _shared(names: Collection[str]) -> int:
    """The length of the names' common prefix, in whole words if it has any."""
    beginning = commonprefix(list(names))  # noqa: RUF071 - they are no paths
    return len(beginning.rstrip("".join(filter(str.isalnum, beginning)))) or len(beginning)


@dataclass(frozen=True)
class Plot:
    """A plotting area: x is the position of a batch, from 0, y is a value.

    `names` are the batches'. `decimals` is of the y axis' labels.
    """

    names: Sequence[str]
    low: float
    high: float
    width: float = 1040.0
    height: float = 320.0
    left: float = 58.0
    right: float = 150.0
    top: float = 14.0
    bottom: float = 30.0
    y_ticks: Sequence[float] = ()
    tick_labels: Sequence[str] = ()

    def x(self, position: float) -> float:
        """The x coordinate of a batch, in SVG units."""
        count = max(1, len(self.names) - 1)
        return self.left + (self.width - self.left - self.right) * position / count

    def y(self, value: float) -> float:
        """The y coordinate of a value, kept inside the plotting area, in SVG units."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.height - self.bottom - (self.height - self.top - self.bottom) * min(max(share, 0.0), 1.0)

    @property
    def narrow(self) -> bool:
        """Whether it is drawn for a phone."""
        return self.width < 600

    def axes(self) -> str:
        """Grid lines at the ticks, and below them the names of as many batches as there is room for."""
        pieces = []
        edge = self.width - self.right
        for value, label in zip(self.y_ticks, self.tick_labels, strict=True):
            y = number(self.y(value))
            pieces.append(f'<line class="grid" x1="{number(self.left)}" x2="{number(edge)}" y1="{y}" y2="{y}"/>')
            at = number(self.left - 8)
            pieces.append(f'<text class="tick" x="{at}" y="{y}" dy="0.32em" text-anchor="end">{escape(label)}</text>')
        room = max(1, int((edge - self.left) // (8.2 * max((len(name) for name in self.names), default=1) + 14)))
        step = max(1, ceil(len(self.names) / room))
        bottom = number(self.height - self.bottom + 20)
        for i in range(0, len(self.names), step):
            name = escape(shortened(self.names[i], 16))
            pieces.append(f'<text class="tick" x="{number(self.x(i))}" y="{bottom}" text-anchor="middle">{name}</text>')
        return "".join(pieces)

    def across(self, value: float, style: str) -> str:
        """A horizontal line at a value, from edge to edge."""
        y, edge = number(self.y(value)), number(self.width - self.right)
        return f'<line class="{style}" x1="{number(self.left)}" x2="{edge}" y1="{y}" y2="{y}"/>'

    def line(self, points: Points, style: str, *, steps: bool = False) -> str:
        """A line through the points, broken where a value is missing; `steps` draws a step function."""
        paths = []
        for run in _runs(points):
            start, *rest = run
            path = f"M{number(self.x(start[0]))} {number(self.y(start[1]))}"
            for (_, _), (x, value) in pairwise([start, *rest]):
                across = f"H{number(self.x(x))}V{number(self.y(value))}"
                path += across if steps else f"L{number(self.x(x))} {number(self.y(value))}"
            paths.append(path if rest else path + "h0.01")
        return f'<path class="line {style}" d="{"".join(paths)}"/>' if paths else ""

    def end_labels(self, labels: Sequence[tuple[str, str, float]]) -> str:
        """Names (text, style, value) at the right edge, moved apart where they would overlap."""
        wanted = [self.y(value) for _, _, value in labels]
        placed = spread(wanted, LABEL_HEIGHT, self.top + 4, self.height - self.bottom)
        x = self.width - self.right
        room = int((self.right - 16) // 7.3)
        pieces = []
        for (text, style, _), y, old in zip(labels, placed, wanted, strict=True):
            if abs(y - old) > 3:
                leader = f"M{number(x + 2)} {number(old)}L{number(x + 9)} {number(y)}"
                pieces.append(f'<path class="leader {style}" d="{leader}"/>')
            pieces.append(
                f'<text class="label {style}" x="{number(x + 12)}" y="{number(y)}" dy="0.32em">'
                f"<title>{escape(text)}</title>{escape(shortened(text, room))}</text>"
            )
        return "".join(pieces)

    def mark(self, shape: str, position: float, value: float, style: str, said: str) -> str:
        """A mark with its meaning as its title."""
        return (
            f'<g class="mark {style}" transform="translate({number(self.x(position))} {number(self.y(value))})">'
            f"<title>{escape(said)}</title>{SHAPES[shape]}</g>"
        )

    def whole(self, identity: str, title: str, description: str, content: str, css: str = "") -> str:
        """The picture, titled and described for screen readers."""
        return (
            f'<svg class="{css}" viewBox="0 0 {number(self.width)} {number(self.height)}" role="img" '
            f'aria-labelledby="{identity}-t {identity}-d">'
            f'<title id="{identity}-t">{escape(title)}</title><desc id="{identity}-d">{escape(description)}</desc>'
            f"{content}</svg>"
        )


SHAPES = {
    "up": '<path d="M0-7.5 7 5H-7Z"/>',
    "cross": '<path class="open" d="M-5-5 5 5M5-5-5 5"/>',
    "diamond": '<path class="hollow" d="M0-6.5 6.5 0 0 6.5-6.5 0Z"/>',
    "square": '<path class="hollow" d="M-5-5H5V5H-5Z"/>',
    "dot": '<circle r="2.6"/>',
    "start": '<circle class="hollow" r="4.5"/>',
}


def _runs(points: Points) -> Iterator[list[tuple[float, float]]]:
    """Stretches of points without a gap."""
    run: list[tuple[float, float]] = []
    for x, value in points:
        if value is not None:
            run.append((x, value))
        elif run:
            yield run
            run = []
    if run:
        yield run
