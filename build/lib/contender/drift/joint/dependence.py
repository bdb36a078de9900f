"""Explains multivariate drift: which features moved, and which pairs changed their dependence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from contender.drift.joint.domain_classifier import (
    MISSING,
    Codes,
    Effects,
    Floats,
    Integers,
    Kind,
    Moments,
    main_evidence,
    moments,
    normal_scores,
    pairs_of,
    studentised,
)
from contender.stats.rank_tests import normal_tail

NAMED_CELL = 25.0
"""Rows expected at least where two indicators meet, to be named as changed."""
STANDS_OUT = 0.01
SHOWN = 3


@dataclass(frozen=True)
class DependenceChange:
    """A pair of features whose dependence changed in the batch.

    Attributes
    ----------
    measure : "correlation" (of normal scores, so of ranks: -1 to 1) for two numeric features, "correlation ratio"
        (0 to 1) for one of each kind, "Cramér's V" (0 to 1) [1]_ for two categorical ones; the last two corrected for
        what many levels show by chance.
    reference, current : its value in each sample.
    p_value : of the difference, if rows were independent, times the number of pairs and levels looked at.

    References
    ----------
    .. [1] Bergsma (2013), "A bias-correction for Cramér's V and Tschuprow's T", J. Korean Statistical Society 42,
       323-328.
    """

    first: str
    second: str
    measure: str
    reference: float
    current: float
    p_value: float

    @property
    def sentence(self) -> str:
        """The two features, the measure, and its value before and now."""
        before, after = (round(value, 2) + 0.0 for value in (self.reference, self.current))  # no "-0.00"
        return f"{self.first} and {self.second}: {self.measure} {before:.2f} to {after:.2f}"


def carriers(
    sides: tuple[Codes, Codes], effects: Effects, kinds: Sequence[Kind], names: Sequence[str]
) -> tuple[tuple[DependenceChange, ...], tuple[str, ...]]:
    """The pairs of features whose dependence changed, and the features that changed alone.

    `sides` are the rows of the reference and of the batch.
    """
    sizes = (len(sides[0]), len(sides[1]))
    before, after = (moments(effects, side) for side in sides)
    alone = np.abs(main_evidence(before, after, sizes))
    moved = _strongest(alone, [(int(owner),) for owner in effects.owner])
    first, second = pairs_of(effects, min(sizes), least=NAMED_CELL)
    correlations, spreads = zip(*(_correlation(side, first, second) for side in (before, after)), strict=True)
    evidence = np.abs(studentised(correlations[1] - correlations[0], spreads, sizes))
    owners = [(int(a), int(b)) for a, b in zip(effects.owner[first], effects.owner[second], strict=True)]
    pairs = [
        _dependence_change(sides, pair[0], pair[1], kinds, names, p_value)
        for pair, p_value in list(_strongest(evidence, owners).items())[:SHOWN]
    ]
    return tuple(pairs), tuple(names[feature] for (feature,) in moved)


def _correlation(side: Moments, first: Integers, second: Integers) -> tuple[Floats, Floats]:
    """Correlations of pairs of effects within one sample, and the variance of one row's part in them."""
    variance = np.diag(side.product) - side.mean**2
    scale = np.sqrt(np.maximum(variance[first], 0.01) * np.maximum(variance[second], 0.01))
    correlation = (side.product[first, second] - side.mean[first] * side.mean[second]) / scale
    return correlation, side.squared[first, second] / scale**2 - correlation**2


def _strongest(evidence: Floats, owners: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    """Owners whose evidence stands out among all (Bonferroni), the strongest first, with corrected p-values."""
    found: dict[tuple[int, ...], float] = {}
    for position in np.argsort(-evidence, kind="stable"):
        p_value = 2.0 * normal_tail(float(evidence[position])) * len(evidence)
        if p_value > STANDS_OUT:
            break
        found.setdefault(owners[position], p_value)
    return found


def _dependence_change(
    sides: Sequence[Codes], first: int, second: int, kinds: Sequence[Kind], names: Sequence[str], p_value: float
) -> DependenceChange:
    of_pair = (kinds[first], kinds[second])
    measured = []
    for codes in sides:
        present = (codes[:, first] != MISSING) & (codes[:, second] != MISSING)
        one, other = codes[present, first], codes[present, second]
        if of_pair == ("numeric", "numeric"):
            measured.append(_score_correlation(one, other))
        elif of_pair == ("categorical", "categorical"):
            measured.append(_cramers_v(one, other))
        else:
            number, level = (one, other) if of_pair[0] == "numeric" else (other, one)
            measured.append(_correlation_ratio(number, level))
    if of_pair == ("numeric", "numeric"):
        measure = "correlation"
    else:
        measure = "Cramér's V" if of_pair == ("categorical", "categorical") else "correlation ratio"
    return DependenceChange(names[first], names[second], measure, measured[0], measured[1], p_value)


def _scores_of_rows(codes: Codes) -> Floats:
    """Each row's standardised normal score within its own sample; zeros where nothing varies."""
    made = normal_scores(np.bincount(codes, minlength=256).astype(np.float64), squares=False)
    return made[0][0][codes] if made else np.zeros(len(codes))


def _score_correlation(one: Codes, other: Codes) -> float:
    if len(one) == 0:
        return 0.0
    return float(np.clip((_scores_of_rows(one) * _scores_of_rows(other)).mean(), -1.0, 1.0))


def _correlation_ratio(number: Codes, level: Codes) -> float:
    """Share of the scores' standard deviation that levels explain, corrected for their number."""
    levels, position = np.unique(level, return_inverse=True)
    rows, groups = len(number), len(levels)
    if rows <= groups or groups < 2:
        return 0.0
    score = _scores_of_rows(number)
    total = float((score**2).sum())
    if total <= 0.0:
        return 0.0
    between = float((np.bincount(position, score) ** 2 / np.bincount(position)).sum())
    return sqrt(max(0.0, 1.0 - (1.0 - between / total) * (rows - 1) / (rows - groups)))


def _cramers_v(one: Codes, other: Codes) -> float:
    """Bergsma's corrected V."""
    first, second = (np.unique(codes, return_inverse=True) for codes in (one, other))
    shape, rows = (len(first[0]), len(second[0])), len(one)
    if min(shape) < 2:
        return 0.0
    table = np.bincount(first[1] * shape[1] + second[1], minlength=shape[0] * shape[1]).reshape(shape) / rows
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    phi = float(((table - expected) ** 2 / expected).sum())
    phi = max(0.0, phi - (shape[0] - 1) * (shape[1] - 1) / (rows - 1))
    sides = [size - (size - 1) ** 2 / (rows - 1) for size in shape]
    return min(1.0, sqrt(phi / max(min(sides) - 1.0, 1e-9)))
