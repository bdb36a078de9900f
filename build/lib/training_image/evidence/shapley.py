"""Exact Shapley values of tree ensembles and of linear models.

For trees they are those of TreeSHAP [1]_ with the training rows' shares at each split as what is expected without a
feature ("tree path dependent"): `shap.TreeExplainer` and LightGBM's `pred_contrib` give the same numbers, and the
tests hold them to both. They are computed here, in numpy, so that a version is explained alike on every Python and
machine that trains: for Python 3.11 the library brings a compiler of 210 MB along, takes seconds to import, and has no
build for some machines.

Of one leaf with value v, let o_j say whether the row passes every split on feature j on the leaf's path, and let z_j
be the share of training rows that did. The contribution of feature i is v (o_i - z_i) times the mean of
∏_{j≠i} (o_j if j is known else z_j) over all orders in which features become known. With each other feature known by
chance t, independently, and t uniform, that mean is an integral [2]_ of a polynomial of degree m - 1,

    ∫₀¹ ∏_{j≠i} (o_j t + z_j (1 - t)) dt,

which Gauss-Legendre quadrature with ⌈m / 2⌉ points gives exactly. Leaves add up, and so do trees.

References
----------
.. [1] Lundberg, Erion, Chen, DeGrave, Prutkin, Nair, Katz, Himmelfarb, Bansal & Lee (2020), "From local explanations to
   global understanding with explainable AI for trees", Nature Machine Intelligence 2, 56-67.
.. [2] Owen (1972), "Multilinear extensions of games", Management Science 18(5), P64-P79.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from contender.stats.sums import matrix_product
from training_image.evidence.trees import LEAF, Ensemble, Tree

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Step = tuple[int, int, bool]
_CELLS = 2_000_000
"""Rows × leaves × points computed at once."""

_LEAST_SHARE = 1e-12
"""Stands for a branch that no training row took."""


@dataclass(frozen=True, eq=False)
class Paths:
    """The leaves of one tree, each with the features on its path; shorter paths are filled up with `LEAF`.

    Attributes
    ----------
    feature : (leaves, m) each once, in the order in which the path asks for them.
    share : (leaves, m) of the training rows that pass all the path's splits on the feature.
    value : (leaves, k).
    steps : of each leaf its path: (node, place of its feature among m, whether the path goes left).
    """

    feature: NDArray[np.int64]
    share: Floats
    value: Floats
    steps: tuple[tuple[Step, ...], ...]

    @property
    def points(self) -> int:
        """Of the quadrature."""
        return max(1, (int(self.feature.shape[1]) + 1) // 2)

    @property
    def work(self) -> int:
        """About how much one row costs."""
        leaves, longest = self.feature.shape
        return int(leaves) * int(longest) * self.points


def paths_of(tree: Tree) -> Paths:
    """Every leaf with the splits on its path."""
    leaves: list[tuple[dict[int, int], list[float], list[Step], int]] = []
    waiting: list[tuple[int, dict[int, int], list[float], list[Step]]] = [(0, {}, [], [])]
    while waiting:
        node, places, shares, steps = waiting.pop()
        feature = int(tree.feature[node])
        if feature == LEAF:
            leaves.append((places, shares, steps, node))
            continue
        total = tree.cover[node] or 1.0
        for child, goes_left in ((int(tree.right[node]), False), (int(tree.left[node]), True)):
            share = max(float(tree.cover[child] / total), _LEAST_SHARE)
            place = places.get(feature, len(places))
            further = list(shares) if place < len(shares) else [*shares, 1.0]
            further[place] *= share
            waiting.append((child, {**places, feature: place}, further, [*steps, (node, place, goes_left)]))
    longest = max(len(places) for places, *_ in leaves)
    features: NDArray[np.int64] = np.full((len(leaves), longest), LEAF, dtype=np.int64)
    passing: Floats = np.ones((len(leaves), longest))
    for position, (places, shares, _, _) in enumerate(leaves):
        features[position, : len(places)] = list(places)
        passing[position, : len(shares)] = shares
    ends = [end for *_, end in leaves]
    return Paths(features, passing, tree.values[ends], tuple(tuple(steps) for _, _, steps, _ in leaves))


def tree_values(ensemble: Ensemble, matrix: Matrix, paths: Sequence[Paths] | None = None) -> tuple[Floats, Floats]:
    """Contributions (n, features, k) of each row, and the expected output without any feature (k,).

    They add up: the sum of a row's contributions and the expectation are the ensemble's output.

    Parameters
    ----------
    matrix : (n, features).
    paths : the trees' own, where they are at hand already.

    Examples
    --------
    >>> stump = Tree(
    ...     np.array([0, LEAF, LEAF]), np.array([0.5, 0, 0]), np.array([1, 0, 0]), np.array([2, 0, 0]),
    ...     np.array([True, False, False]), np.array([4.0, 3.0, 1.0]), np.array([[0.0], [1.0], [5.0]]),
    ... )
    >>> values, expected = tree_values(Ensemble((stump,), np.zeros(1), "the target"), np.array([[0], [1]], np.float32))
    >>> values[:, 0, 0].tolist(), expected.tolist()  # (3 · 1 + 1 · 5) / 4 = 2
    ([-1.0, 3.0], [2.0])
    """
    features = matrix.shape[1]
    values = np.zeros((len(matrix), features, len(ensemble.start)))
    expected = ensemble.start.copy()
    for tree, own in zip(ensemble.trees, paths or map(paths_of, ensemble.trees), strict=True):
        expected += matrix_product(own.share.prod(axis=1)[None, :], own.value)[0]
        if not own.feature.shape[1]:
            continue
        rows = max(1, _CELLS // (len(own.value) * own.points))
        for start in range(0, len(matrix), rows):
            values[start : start + rows] += _of_paths(tree, own, matrix[start : start + rows])
    return values, expected


def _of_paths(tree: Tree, paths: Paths, matrix: Matrix) -> Floats:
    """One tree's contributions (n, features, k). Arrays are (leaves, points, n): rows lie beside each other."""
    known = _passed(tree, paths, matrix)
    at, weights = _quadrature(paths.points)
    # (m, leaves, points, 1): the factor of a feature whose splits the row does not pass; passing adds `at` to it.
    missed = paths.share.T[:, :, None, None] * (1.0 - at)[:, None]
    passed = missed + at[:, None]
    product = np.broadcast_to(weights[:, None], (len(paths.value), len(at), len(matrix))).copy()
    for place in range(len(missed)):
        product *= np.where(known[place][:, None], passed[place], missed[place])
    values = np.zeros((matrix.shape[1], len(matrix), paths.value.shape[1]))
    for place in range(len(missed)):
        share, goes = paths.share[:, place, None], known[place]
        # The feature's own factor is taken out of the product again, and what its being known changes is put in.
        changes = np.where(goes, (1.0 - share), -share) * (
            product / np.where(goes[:, None], passed[place], missed[place])
        ).sum(axis=1)
        for feature in np.unique(paths.feature[:, place]):
            if feature != LEAF:
                own = paths.feature[:, place] == feature
                values[feature] += matrix_product(changes[own].T, paths.value[own])
    return values.transpose(1, 0, 2)


@cache
def _quadrature(points: int) -> tuple[Floats, Floats]:
    """Quadrature points between 0 and 1, and their weights."""
    at, weights = np.polynomial.legendre.leggauss(points)
    return (at + 1.0) / 2.0, weights / 2.0


def _passed(tree: Tree, paths: Paths, matrix: Matrix) -> NDArray[np.bool_]:
    """(m, leaves, n): whether a row passes every split on the m-th feature of a leaf's path; True where none is."""
    asks = np.flatnonzero(tree.feature != LEAF)
    goes_left = np.zeros((len(tree.feature), len(matrix)), dtype=np.bool_)
    asked = matrix[:, tree.feature[asks]].astype(np.float64)
    goes_left[asks] = np.where(np.isnan(asked), tree.missing_left[asks], asked <= tree.threshold[asks]).T
    passed = np.ones((paths.feature.shape[1], len(paths.value), len(matrix)), dtype=np.bool_)
    for leaf, steps in enumerate(paths.steps):
        for node, place, left in steps:
            passed[place, leaf] &= goes_left[node] if left else ~goes_left[node]
    return passed


def linear_values(coefficients: Floats, columns: Floats, means: Floats, feature: NDArray[np.int64]) -> Floats:
    """Contributions (n, features, k) of a linear model, exact for independent features.

    A column contributes its coefficient times its distance from the mean; columns of one feature add up.

    Parameters
    ----------
    coefficients : (k, columns). columns : (n, columns). means : (columns,) over training rows.
    feature : (columns,) which feature each column was made of.

    Examples
    --------
    >>> linear_values(np.array([[2.0, 1.0]]), np.array([[3.0, 1.0]]), np.array([1.0, 0.0]), np.array([0, 0])).tolist()
    [[[5.0]]]
    """
    away = columns - means
    values = np.zeros((len(columns), int(feature.max()) + 1, len(coefficients)))
    for position, own in enumerate(feature.tolist()):
        values[:, own, :] += away[:, position, None] * coefficients[None, :, position]
    return values
