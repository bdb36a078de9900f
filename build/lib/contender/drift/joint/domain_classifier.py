"""The domain classifier: a linear score that separates two samples.

It sees codes as effects, numbers with mean 0 and variance 1, and products of two effects of different features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Kind: TypeAlias = Literal["numeric", "categorical"]

MISSING = 255
MAX_LEVELS = 20
MAX_EFFECTS = 300
MAX_MAIN = 150
MAX_PRODUCTS = 40
"""More products find no more: at 120, noise took half of what they brought (see docs/decisions/0011)."""
MIN_SHARE = 0.01
MIN_CELL = 5.0
"""Rows expected at least where two indicators meet, to take part in the classifier."""
RIDGE_GRID = 10.0 ** np.arange(-3.0, 4.5, 0.5)
CHUNK = 4_096


@dataclass(frozen=True)
class Effects:
    """How codes become numbers: normal scores, their squares, and indicators of frequent levels and of missing.

    Each has mean 0 and variance 1 over both samples together, which do not tell the classifier which is which.

    Attributes
    ----------
    tables : (m, 256) an effect's value for each code.
    owner : (m,) the feature that it belongs to.
    share : (m,) share of the rows where an indicator is on; 1 for a number.
    """

    tables: NDArray[np.float32]
    owner: Integers
    share: Floats

    def design(self, codes: Codes) -> NDArray[np.float32]:
        """(n, m) effects of rows."""
        made = np.empty((len(codes), len(self.owner)), dtype=np.float32)
        for effect, feature in enumerate(self.owner):
            made[:, effect] = self.tables[effect][codes[:, feature]]
        return made


def fit_effects(codes: Codes, kinds: Sequence[Kind]) -> Effects:
    """The effects of columns of these kinds, of both samples together; with many columns fewer of each."""
    categorical = sum(kind == "categorical" for kind in kinds)
    numeric = len(kinds) - categorical
    levels = min(MAX_LEVELS, max(2, (MAX_EFFECTS - 2 * numeric) // max(1, categorical)))
    squares = 2 * numeric <= MAX_EFFECTS
    tables: list[Floats] = []
    owner: list[int] = []
    share: list[float] = []
    for feature, kind in enumerate(kinds):
        counts = np.bincount(codes[:, feature], minlength=256).astype(np.float64)
        made = normal_scores(counts, squares) if kind == "numeric" else []
        frequent = np.argsort(-counts[:MISSING], kind="stable")[:levels].tolist()
        made += _indicators(counts, [*frequent, MISSING] if kind == "categorical" else [MISSING])
        tables += [table for table, _ in made]
        share += [fraction for _, fraction in made]
        owner += [feature] * len(made)
    stacked = np.array(tables, dtype=np.float32).reshape(-1, 256)
    return Effects(stacked, np.array(owner, dtype=np.int64), np.array(share))


def normal_scores(counts: Floats, squares: bool) -> list[tuple[Floats, float]]:
    """Normal scores of ordered cells [1]_, and what their squares add; missing is in the middle.

    References
    ----------
    .. [1] van der Waerden (1952), "Order tests for the two-sample problem and their power", Indagationes
       Mathematicae 14, 453-458.
    """
    from scipy.special import ndtri  # noqa: PLC0415 scipy is loaded where it is used

    cells = counts[:MISSING]
    if (cells > 0).sum() < 2:
        return []
    middle = (np.cumsum(cells) - cells / 2.0) / cells.sum()
    score = np.zeros(256)
    score[:MISSING] = np.where(cells > 0, ndtri(np.clip(middle, 1e-9, 1.0 - 1e-9)), 0.0)
    made = _standardised(score, counts)
    if made and squares:
        first = made[0]
        square = first**2
        square -= (square * first * counts).sum() / counts.sum() * first
        made += _standardised(square, counts)
    return [(table, 1.0) for table in made]


def _indicators(counts: Floats, codes: Sequence[int]) -> list[tuple[Floats, float]]:
    total = counts.sum()
    made = []
    for code in codes:
        share = float(counts[code] / total) if total else 0.0
        if MIN_SHARE <= share <= 1.0 - MIN_SHARE:
            indicator = np.zeros(256)
            indicator[code] = 1.0
            made += [(table, share) for table in _standardised(indicator, counts)]
    return made


def _standardised(table: Floats, counts: Floats) -> list[Floats]:
    """The table with mean 0 and variance 1 over the counted rows; none when it does not vary."""
    weights = counts / counts.sum()
    centred = table - (table * weights).sum()
    variance = float((centred**2 * weights).sum())
    return [centred / sqrt(variance)] if variance > 1e-6 else []


@dataclass(frozen=True)
class Moments:
    """Means over rows: of effects (m,), of products of two (m, m), of squared products (m, m)."""

    mean: Floats
    product: Floats
    squared: Floats


def moments(effects: Effects, codes: Codes) -> Moments:
    """Those of the rows' effects."""
    size = len(effects.owner)
    mean, product, squared = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
    for chunk in _chunks(codes):
        made = effects.design(chunk)
        mean += made.sum(axis=0, dtype=np.float64)
        product += made.T @ made
        made *= made
        squared += made.T @ made
    return Moments(mean / len(codes), product / len(codes), squared / len(codes))


def pairs_of(effects: Effects, rows: int, least: float = MIN_CELL) -> tuple[Integers, Integers]:
    """Pairs of effects of different features that enough rows have together."""
    first, second = np.triu_indices(len(effects.owner), 1)
    kept = effects.owner[first] != effects.owner[second]
    kept &= effects.share[first] * effects.share[second] * rows >= least
    return first[kept], second[kept]


def main_evidence(before: Moments, after: Moments, sizes: tuple[int, int]) -> Floats:
    """(m,) how far each effect's mean moved, in standard errors."""
    spread = [np.diag(side.product) - side.mean**2 for side in (before, after)]
    return studentised(after.mean - before.mean, spread, sizes)


def studentised(difference: Floats, spread: Sequence[Floats], sizes: tuple[int, int]) -> Floats:
    """Differences of means in standard errors, which are held above what a sample without variation would claim."""
    before, after = (np.maximum(part, 0.01) / size for part, size in zip(spread, sizes, strict=True))
    evidence: Floats = difference / np.sqrt(before + after)
    return evidence


@dataclass(frozen=True)
class Classifier:
    """A linear score of main effects and of products of two."""

    effects: Effects
    main: Integers
    first: Integers
    second: Integers
    weights: Floats

    def design(self, codes: Codes) -> NDArray[np.float32]:
        """The columns that the score is linear in, shape (rows, terms), of the rows' codes (rows, features)."""
        made = self.effects.design(codes)
        return np.hstack([made[:, self.main], made[:, self.first] * made[:, self.second]])

    def score(self, codes: Codes) -> Floats:
        """(n,) larger for rows that look like the batch's."""
        parts = [self.design(chunk) @ self.weights for chunk in _chunks(codes)]
        # Rows with equal codes get equal scores whatever the chunk: rounding would break their ties.
        return np.concatenate(parts, dtype=np.float64).round(9)


def fit_classifier(effects: Effects, codes: Codes, is_current: Mask) -> Classifier:
    """Ridge regression of which sample a row is from, on the effects and products that differ most [1]_.

    References
    ----------
    .. [1] Fan & Lv (2008), "Sure independence screening for ultrahigh dimensional feature space", J. Royal
       Statistical Society B 70, 849-911.
    """
    before, after = moments(effects, codes[~is_current]), moments(effects, codes[is_current])
    sizes = (int((~is_current).sum()), int(is_current.sum()))
    main = np.sort(np.argsort(-np.abs(main_evidence(before, after, sizes)), kind="stable")[:MAX_MAIN])
    first, second = pairs_of(effects, len(codes))
    spread = [side.squared[first, second] - side.product[first, second] ** 2 for side in (before, after)]
    evidence = studentised(after.product[first, second] - before.product[first, second], spread, sizes)
    kept = np.sort(np.argsort(-np.abs(evidence), kind="stable")[:MAX_PRODUCTS])
    size = len(main) + len(kept)
    unfitted = Classifier(effects, main, first[kept], second[kept], np.zeros(size))
    mean, gram, with_label = np.zeros(size), np.zeros((size, size)), np.zeros(size)
    label = is_current - is_current.mean()
    for chunk, of_chunk in zip(_chunks(codes), _chunks(label), strict=True):
        made = unfitted.design(chunk)
        mean += made.sum(axis=0, dtype=np.float64)
        gram += made.T @ made
        with_label += made.T @ of_chunk
    rows = len(codes)
    covariance = gram / rows - np.outer(mean / rows, mean / rows)
    weights = _ridge(covariance, with_label / rows, float((label**2).mean()), rows)
    return Classifier(effects, main, first[kept], second[kept], weights)


def _ridge(covariance: Floats, with_label: Floats, label_variance: float, rows: int) -> Floats:
    """Weights of standardised columns, with the penalty that generalised cross-validation chooses [1]_.

    References
    ----------
    .. [1] Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge
       parameter", Technometrics 21, 215-223.
    """
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    usable = spread > 1e-4
    scale = np.where(usable, 1.0 / np.where(usable, spread, 1.0), 0.0)
    values, vectors = np.linalg.eigh(covariance * np.outer(scale, scale))
    values = np.maximum(values, 0.0)
    along = vectors.T @ (with_label * scale)
    explained = np.where(values > 1e-6, along**2 / np.where(values > 1e-6, values, 1.0), 0.0)
    best, weights = np.inf, np.zeros(len(along))
    for penalty in RIDGE_GRID:
        shrunk = values / (values + penalty)
        residual = label_variance - float((explained * (2.0 * shrunk - shrunk**2)).sum())
        criterion = residual / max(1.0 - float(shrunk.sum()) / rows, 1e-3) ** 2
        if criterion < best:
            best, weights = criterion, (vectors @ (along / (values + penalty))) * scale
    return weights


def _chunks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The rows in pieces, so that their effects are never all in memory."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
