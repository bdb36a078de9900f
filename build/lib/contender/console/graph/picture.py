"""A laid out machine as SVG, with the states of an execution in their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from html import escape

from contender.console.executions import Outcome
from contender.console.graph.layout import BOX_HEIGHT, BOX_WIDTH, Layout, Point
from contender.console.graph.machine import END, START, Edge, Machine, Node
from contender.reports.line_chart import number

OUTCOMES: Mapping[Outcome, str] = {
    "succeeded": "succeeded",
    "caught": "failed, and was caught",
    "failed": "failed",
    "running": "in progress",
    "aborted": "aborted",
}
_HALF = BOX_HEIGHT / 2
_ARROW = 5.0


def picture(
    machine: Machine,
    layout: Layout,
    *,
    title: str,
    outcomes: Mapping[str, Outcome] | None = None,
    steps: AbstractSet[tuple[str, str]] = frozenset(),
    links: Mapping[str, str] | None = None,
) -> str:
    """The graph as SVG, in its own size.

    Parameters
    ----------
    outcomes : how each state that was entered ended; None draws the machine alone.
    steps : the edges that were taken.
    links : where a click on a state leads.
    """
    entered = outcomes or {}
    pieces = [_edge(edge, route, taken=(edge.start, edge.end) in steps) for edge, route in _taken_last(layout, steps)]
    for node in machine.nodes:
        drawn = _node(node, layout.boxes[node.name], entered.get(node.name), faded=outcomes is not None)
        link = (links or {}).get(node.name)
        pieces.append(f'<a href="{escape(link)}">{drawn}</a>' if link else drawn)
    said = "; ".join(f"{name} {OUTCOMES[outcome]}" for name, outcome in entered.items())
    width, height = number(layout.width), number(layout.height)
    return (
        f'<svg class="machine" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="group" '
        f'aria-labelledby="machine-t machine-d"><title id="machine-t">{escape(title)}</title>'
        f'<desc id="machine-d">{escape(said or "no execution is shown")}</desc>{"".join(pieces)}</svg>'
    )


def legend() -> str:
    """What the colours and lines mean, as HTML."""
    keys = "".join(
        f'<span class="of-line"><svg class="key" viewBox="0 0 16 16" aria-hidden="true">'
        f'<rect class="state {outcome}" x="1.5" y="1.5" width="13" height="13" rx="3"/></svg>{escape(said)}</span> '
        for outcome, said in OUTCOMES.items()
    )
    return f'<p class="lines">{keys}<span class="of-line">dashed: taken when a state fails</span></p>'


def _taken_last(layout: Layout, steps: AbstractSet[tuple[str, str]]) -> list[tuple[Edge, Sequence[Point]]]:
    """The edges, those that were taken on top."""
    return sorted(layout.routes.items(), key=lambda item: (item[0].start, item[0].end) in steps)


def _node(node: Node, middle: Point, outcome: Outcome | None, *, faded: bool) -> str:
    x, y = middle
    if node.name in (START, END):
        return (
            f'<g class="end"><circle cx="{number(x)}" cy="{number(y)}" r="{number(_HALF)}"/>'
            f'<text x="{number(x)}" y="{number(y)}" dy="0.32em" text-anchor="middle">{escape(node.kind)}</text></g>'
        )
    style = outcome or ("unseen" if faded else "plain")
    said = f"{node.kind}. {node.comment}".strip()
    return (
        f"<g><title>{escape(said)}</title>"
        f'<rect class="state {style}" x="{number(x - BOX_WIDTH / 2)}" y="{number(y - _HALF)}" '
        f'width="{number(BOX_WIDTH)}" height="{number(BOX_HEIGHT)}" rx="5"/>'
        f'<text class="state" x="{number(x)}" y="{number(y)}" dy="0.32em" text-anchor="middle">'
        f"{escape(node.name)}</text></g>"
    )


def _edge(edge: Edge, route: Sequence[Point], *, taken: bool) -> str:
    style = f"way {edge.kind}{' taken' if taken else ''}"
    down = 1.0 if route[-1][1] > route[0][1] else -1.0
    path, tip = path_of(route, down)
    head = f"M{number(tip[0] - 3)} {number(tip[1] - down * _ARROW)}L{number(tip[0])} {number(tip[1])}"
    head += f"L{number(tip[0] + 3)} {number(tip[1] - down * _ARROW)}Z"
    return f'<path class="{style}" d="{path}"/><path class="head{" taken" if taken else ""}" d="{head}"/>'


def path_of(route: Sequence[Point], down: float) -> tuple[str, Point]:
    """The path along a route and its end: curves between the layers, upright within one, where boxes stand."""
    half = _HALF * down
    (x, y), *others = route
    path = f"M{number(x)} {number(y + half)}"
    at = (x, y + half)
    for place, (x, y) in enumerate(others):
        entry = (x, y - half)
        bend = (at[1] + entry[1]) / 2
        path += f"C{number(at[0])} {number(bend)} {number(x)} {number(bend)} {number(x)} {number(entry[1])}"
        at = entry
        if place < len(others) - 1:
            path += f"V{number(y + half)}"
            at = (x, y + half)
    return path, at
