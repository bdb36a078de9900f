"""Where boxes and lines of a graph lie: layers and their order come from a library, lines run between the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contender.console.graph.columns import columns
from contender.console.graph.machine import Edge, Machine, back_edges

BOX_WIDTH, BOX_HEIGHT = 132.0, 30.0
LAYER = 58.0
"""From the middle of a box to that of the next one below it."""

SPACE = 14.0
"""Between neighbours: boxes, lines that pass a layer, and the picture's edge."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Placed:
    """A layered graph. Nodes are numbers; those that an edge has where it passes a layer come after the given ones.

    Attributes
    ----------
    positions : of each node, from the left to the right in its layer, and its layer, the first one 0.
    edges : between nodes of neighbouring layers, downwards.
    """

    positions: tuple[Point, ...]
    edges: tuple[tuple[int, int], ...]


class PlaceInLayers(Protocol):
    """Places the nodes 0 … of a graph without cycles in layers, so that each edge leads down."""

    def __call__(self, edges: Sequence[tuple[int, int]]) -> Placed:
        """The graph must hang together, and have no edge twice."""


@dataclass(frozen=True)
class Layout:
    """A machine's picture in points, from the upper left.

    Attributes
    ----------
    boxes : the middle of each node's box.
    routes : each edge's points, from the middle of its first box to that of its last.
    """

    boxes: dict[str, Point]
    routes: dict[Edge, tuple[Point, ...]]
    width: float
    height: float


def lay_out(machine: Machine, place: PlaceInLayers) -> Layout:
    """Lay a machine out from top to bottom. An edge that leads back runs upwards along the others."""
    numbers = {node.name: number for number, node in enumerate(machine.nodes)}
    back = back_edges(machine.edges)
    ends = {edge: (edge.end, edge.start) if edge in back else (edge.start, edge.end) for edge in machine.edges}
    placed = place(list(dict.fromkeys((numbers[one], numbers[other]) for one, other in ends.values())))
    points = _points(placed, len(numbers))
    after: dict[int, list[int]] = {}
    for start, end in placed.edges:
        after.setdefault(start, []).append(end)
    routes = {}
    for edge, (upper, lower) in ends.items():
        route = tuple(points[number] for number in _route(numbers[upper], numbers[lower], after, len(numbers)))
        routes[edge] = route[::-1] if edge in back else route
    return Layout(
        {name: points[number] for name, number in numbers.items()},
        routes,
        max(x for x, _ in points) + BOX_WIDTH / 2 + SPACE,
        max(y for _, y in points) + BOX_HEIGHT / 2 + SPACE,
    )


def _points(placed: Placed, boxes: int) -> list[Point]:
    """The middle of each node: the order in its layer is the solver's, how far apart nodes are is ours."""
    layers: dict[float, list[int]] = {}
    for number in sorted(range(len(placed.positions)), key=lambda number: placed.positions[number][0]):
        layers.setdefault(placed.positions[number][1], []).append(number)

    def passes(number: int) -> bool:
        return number >= boxes

    def gap(left: int, right: int) -> float:
        return SPACE + BOX_WIDTH / 2 * (2 - passes(left) - passes(right))

    places = columns(list(layers.values()), placed.edges, gap, passes)
    return [
        (SPACE + BOX_WIDTH / 2 + x, SPACE + BOX_HEIGHT / 2 + LAYER * y)
        for x, (_, y) in zip(places, placed.positions, strict=True)
    ]


def _route(start: int, end: int, after: dict[int, list[int]], nodes: int) -> list[int]:
    """The numbers from `start` to `end` that an edge passes on its way."""
    for first in after[start]:
        way = [start, first]
        while way[-1] >= nodes:
            (following,) = after[way[-1]]
            way.append(following)
        if way[-1] == end:
            return way
    raise LookupError(f"the layout has no way from node {start} to node {end}")
