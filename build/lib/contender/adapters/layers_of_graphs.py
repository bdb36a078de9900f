"""Graphs in layers by fast-sugiyama, a binding of a Rust crate without requirements of its own."""

from __future__ import annotations

from collections.abc import Sequence

from contender.console.graph.layout import Placed

_UNIT = 100.0
_PASSING = 0.1
"""How much of a box's room an edge gets that passes a layer."""


def place_in_layers(edges: Sequence[tuple[int, int]]) -> Placed:
    """Place the nodes 0 … of a graph without cycles, the same way each time.

    Examples
    --------
    >>> [y for _, y in place_in_layers([(0, 1), (1, 2), (0, 2)]).positions]
    [0.0, 1.0, 2.0, 1.0]
    """
    from fast_sugiyama import from_edges  # noqa: PLC0415 - only the console draws graphs

    ((positions, _, _, solved),) = from_edges(list(edges), vertex_spacing=_UNIT, dummy_size=_PASSING, check_layout=True)
    # The library numbers nodes by their place in a set, in which small numbers keep their order; then come its own.
    found = {int(node): point for node, point in positions}
    numbers = {node: number for number, node in enumerate(sorted(found))}
    left, top = min(x for x, _ in found.values()), max(y for _, y in found.values())
    return Placed(
        tuple(((x - left) / _UNIT, (top - y) / _UNIT) for _, (x, y) in sorted(found.items())),
        tuple((numbers[int(start)], numbers[int(end)]) for start, end in solved or edges),
    )
