"""Where the boxes and lines of a graph lie: the layers come from a library, the lines run between the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contender.console.graph.machine import Edge, Machine, back_edges

BOX_WIDTH, BOX_HEIGHT = 132.0, 30.0
COLUMN, LAYER = 148.0, 58.0
"""From the middle of a box to that of the next one beside it, and below it."""

MARGIN = 12.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Placed:
    """A layered graph. Nodes are numbers; those that an edge has where it passes a layer come after the given ones.

    Attributes
    ----------
    positions : column and layer of each node, in units of one column and one layer, the first layer 0.
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
    points = [(MARGIN + BOX_WIDTH / 2 + COLUMN * x, MARGIN + BOX_HEIGHT / 2 + LAYER * y) for x, y in placed.positions]
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
        max(x for x, _ in points) + BOX_WIDTH / 2 + MARGIN,
        max(y for _, y in points) + BOX_HEIGHT / 2 + MARGIN,
    )


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
