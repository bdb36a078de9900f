"""Where the nodes of a layered graph lie from left to right: close together, and lines as straight as they can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

WEIGHTS = (1.0, 2.0, 8.0)
"""Of an edge between two boxes, from a box to where a line passes a layer, and between two such points: a long line is
to be straight first of all. The values are those of dot."""


def columns(
    order: Sequence[Sequence[int]],
    edges: Sequence[tuple[int, int]],
    gap: Callable[[int, int], float],
    passes: Callable[[int], bool],
) -> list[float]:
    """The x of each node that makes the edges' horizontal lengths smallest, weighted.

    Parameters
    ----------
    order : of each layer its nodes from left to right.
    gap : the least distance between two neighbours of a layer.
    passes : whether a node is only where a line passes a layer.

    References
    ----------
    E. R. Gansner, E. Koutsofios, S. C. North, K.-P. Vo (1993), "A technique for drawing directed graphs", IEEE
    Transactions on Software Engineering 19(3), section 4. There it is solved by network simplex, here as a linear
    program: each edge has a variable that is at least the difference of its ends, either way.

    Examples
    --------
    >>> columns([[0], [1, 2]], [(0, 1), (0, 2)], lambda one, other: 10.0, lambda node: False)[1:]
    [0.0, 10.0]
    """
    nodes = sum(map(len, order))
    neighbours = [pair for layer in order for pair in pairwise(layer)]
    constraints: list[tuple[int, int, float]] = []
    for number, (start, end) in enumerate(edges):
        for row, (one, other) in enumerate(((start, end), (end, start)), start=2 * number):
            constraints += [(row, one, 1.0), (row, other, -1.0), (row, nodes + number, -1.0)]
    for row, (left, right) in enumerate(neighbours, start=2 * len(edges)):
        constraints += [(row, left, 1.0), (row, right, -1.0)]
    rows, places, values = zip(*constraints, strict=True)
    height = 2 * len(edges) + len(neighbours)
    solved = linprog(
        [0.0] * nodes + [WEIGHTS[passes(start) + passes(end)] for start, end in edges],
        A_ub=coo_array((values, (rows, places)), shape=(height, nodes + len(edges))).tocsr(),
        b_ub=[0.0] * (2 * len(edges)) + [-gap(left, right) for left, right in neighbours],
        bounds=(0.0, None),
    )
    x = np.asarray(solved.x[:nodes])
    return [float(value) for value in np.round(x - x.min(), 3)]
