"""Detects multivariate drift with a domain classifier.

Can a classifier tell rows of the batch from rows of the reference? It is fitted on one half of the rows and tested on
the other. What it finds is a difference of the two distributions: of single features, or of their dependence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from contender.drift.joint.dependence import SHOWN, DependenceChange, carriers
from contender.drift.joint.domain_classifier import (
    MISSING,
    Codes,
    Effects,
    Integers,
    Kind,
    Mask,
    fit_classifier,
    fit_effects,
)
from contender.errors import InvalidInputError
from contender.stats.rank_tests import (
    mann_whitney,
    mid_ranks,
    permutation_p_value,
    smallest_of_marks,
    smallest_of_ranks,
)

TestName: TypeAlias = Literal["mann-whitney", "block permutation", "not tested"]

MIN_ROWS = 40
REACH = 0.05
"""A test is not made if it could never give a p-value this small."""


@dataclass(frozen=True)
class JointDrift:
    """What the domain classifier found.

    Attributes
    ----------
    test : "mann-whitney" where rows are independent, "block permutation" where only blocks are, "not tested".
    auc : chance that the classifier ranks a row of the batch above one of the reference, on rows that it was not
        fitted on: 0.5 is no difference, and less than that is noise. The effect size; None when not tested.
    p_value : of at least this AUC if the two samples have one distribution; None when not tested.
    smallest_p_value : that the test can give with these rows and blocks.
    reference_rows, current_rows : rows used.
    reference_blocks, current_blocks : blocks used; None without blocks.
    pairs : pairs of features whose dependence changed beyond chance (rows taken as independent), the clearest first,
        three at most.
    moved : features whose own distribution differs beyond chance (likewise), the clearest first.
    reason : the same in words, or why there was no test.
    """

    test: TestName
    auc: float | None
    p_value: float | None
    smallest_p_value: float | None
    reference_rows: int
    current_rows: int
    reference_blocks: int | None
    current_blocks: int | None
    pairs: tuple[DependenceChange, ...]
    moved: tuple[str, ...]
    reason: str

    @property
    def tested(self) -> bool:
        """Whether there were rows enough for a test."""
        return self.p_value is not None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        pairs = [{**asdict(pair), "sentence": pair.sentence} for pair in self.pairs]
        return {**asdict(self), "tested": self.tested, "pairs": pairs, "moved": list(self.moved)}


def detect_joint(
    reference: Codes,
    current: Codes,
    *,
    kinds: Sequence[Kind],
    names: Sequence[str],
    reference_blocks: ArrayLike | None = None,
    current_blocks: ArrayLike | None = None,
    seed: int = 0,
    max_rows: int = 20_000,
) -> JointDrift:
    """Test whether the batch can be told from the reference [1]_.

    Two classifiers are fitted, each on one half, and each is tested on the half that it has not seen; the smaller
    p-value counts twice, which is valid however the two depend on each other. Without blocks, rows are dealt to the
    halves and held-out scores compared by ranks [2]_. With blocks, whole blocks are dealt alternately in the order of
    their labels, and the p-value comes from exchanging which held-out blocks are the batch's: all ways where they are
    few, else random ones [3]_.

    The order of rows does not matter, nor do the codes of levels (but those of equally frequent ones, which can deal
    the rows otherwise).

    Parameters
    ----------
    reference, current : (n, d) codes, one column a feature: a numeric feature's quantile cell, in order; a
        categorical feature's level; 255 for missing.
    kinds, names : (d,) of the features.
    reference_blocks, current_blocks : (n,) labels of rows that are not independent of each other (a day), for both
        samples or for none.
    seed : of the deal, and of random exchanges.
    max_rows : of a larger sample, so many rows are drawn.

    Raises
    ------
    InvalidInputError
        When shapes, kinds or names do not fit each other, codes are not bytes, or blocks are given for one sample.

    References
    ----------
    .. [1] Lopez-Paz & Oquab (2017), "Revisiting classifier two-sample tests", ICLR.
    .. [2] Mann & Whitney (1947), "On a test of whether one of two random variables is stochastically larger than the
       other", Annals of Mathematical Statistics 18, 50-60.
    .. [3] Phipson & Smyth (2010), "Permutation p-values should never be zero", Statistical Applications in Genetics
       and Molecular Biology 9(1), 39.

    Examples
    --------
    >>> together = np.repeat(np.arange(40, dtype=np.uint8), 40)
    >>> apart = np.tile(np.arange(40, dtype=np.uint8), 40)
    >>> found = detect_joint(
    ...     np.column_stack([together, together]), np.column_stack([together, apart]),
    ...     kinds=["numeric", "numeric"], names=["delay", "distance"])
    >>> found.p_value < 1e-6, found.pairs[0].sentence
    (True, 'delay and distance: correlation 1.00 to 0.00')
    """
    _check(reference, current, kinds, names, max_rows)
    recode = _by_frequency(reference, current, kinds)
    sample = _sample(recode(reference), recode(current), reference_blocks, current_blocks, seed, max_rows)
    rows = (int((~sample.is_current).sum()), int(sample.is_current.sum()))
    blocks = (len(np.unique(sample.block[~sample.is_current])), len(np.unique(sample.block[sample.is_current])))
    effects = fit_effects(sample.codes, kinds)
    folds = _folds(sample, seed)
    smallest = 2.0 * min(_smallest(sample, held) for held in folds)
    why_not = _why_not(rows, blocks if sample.has_blocks else None, len(effects.owner), smallest)
    reference_count, current_count = blocks if sample.has_blocks else (None, None)
    found = [] if why_not else [_test_fold(sample, effects, held, seed) for held in folds]
    pairs, moved = ((), ()) if why_not else carriers(sample.sides, effects, kinds, names)
    auc = float(np.mean([auc for auc, _ in found])) if found else None
    p_value = min(1.0, 2.0 * min(p_value for _, p_value in found)) if found else None
    made: TestName = "block permutation" if sample.has_blocks else "mann-whitney"
    return JointDrift(
        test="not tested" if why_not else made,
        auc=auc,
        p_value=p_value,
        smallest_p_value=None if why_not else min(1.0, smallest),
        reference_rows=rows[0],
        current_rows=rows[1],
        reference_blocks=reference_count,
        current_blocks=current_count,
        pairs=pairs,
        moved=moved,
        reason=_reason(auc, p_value, pairs, moved)
        if auc is not None and p_value is not None
        else f"not tested: {why_not}",
    )


@dataclass(frozen=True)
class _Sample:
    """Rows of both samples, in an order that depends on their content only, then shuffled by the seed.

    `block` is a row's block, numbered in the order of the labels, the reference's first; without blocks all are 0
    in the reference and 1 in the batch.
    """

    codes: Codes
    is_current: Mask
    block: Integers
    has_blocks: bool

    @property
    def sides(self) -> tuple[Codes, Codes]:
        return self.codes[~self.is_current], self.codes[self.is_current]


def _check(reference: Codes, current: Codes, kinds: Sequence[Kind], names: Sequence[str], max_rows: int) -> None:
    for name, codes in (("reference", reference), ("current", current)):
        if not isinstance(codes, np.ndarray) or codes.dtype != np.uint8 or codes.ndim != 2:
            got = f"{codes.dtype} of shape {codes.shape}" if isinstance(codes, np.ndarray) else type(codes).__name__
            raise InvalidInputError(f"{name} must be a uint8 array of shape (rows, {len(names)}), but got {got}")
        if codes.shape[1] != len(names):
            raise InvalidInputError(f"{name} must have a column for each of {len(names)} names, but got {codes.shape}")
    if len(kinds) != len(names):
        raise InvalidInputError(f"kinds must have one entry for each of {len(names)} names, but got {len(kinds)}")
    unknown = sorted(set(kinds) - {"numeric", "categorical"})
    if unknown:
        raise InvalidInputError(f"kinds must be 'numeric' or 'categorical', but got {unknown}")
    if max_rows < MIN_ROWS:
        raise InvalidInputError(f"max_rows must be at least {MIN_ROWS}, but got {max_rows}")


def _sample(
    reference: Codes,
    current: Codes,
    reference_blocks: ArrayLike | None,
    current_blocks: ArrayLike | None,
    seed: int,
    max_rows: int,
) -> _Sample:
    if (reference_blocks is None) != (current_blocks is None):
        given = "reference_blocks" if current_blocks is None else "current_blocks"
        raise InvalidInputError(f"blocks must be given for both samples or for none, but got {given} only")
    random = np.random.default_rng([seed, 0])
    parts, blocks = [], []
    for name, codes, labels in (
        ("reference", reference, reference_blocks),
        ("current", current, current_blocks),
    ):
        block = _numbered(labels, codes, name)
        order = np.lexsort((*codes.T, block))
        chosen = order[random.permutation(len(codes))[:max_rows]]
        parts.append(codes[chosen])
        blocks.append(block[chosen])
    before = int(blocks[0].max(initial=-1)) + 1
    return _Sample(
        np.concatenate(parts),
        np.repeat([False, True], [len(part) for part in parts]),
        np.concatenate([blocks[0], blocks[1] + before]),
        reference_blocks is not None,
    )


def _by_frequency(reference: Codes, current: Codes, kinds: Sequence[Kind]) -> Callable[[Codes], Codes]:
    """Renumbers the levels of categorical features from the most frequent, so that their codes play no part."""
    tables = np.tile(np.arange(256, dtype=np.uint8), (len(kinds), 1))
    for feature, kind in enumerate(kinds):
        if kind == "categorical":
            counts = sum(np.bincount(codes[:, feature], minlength=256)[:MISSING] for codes in (reference, current))
            tables[feature, np.argsort(-np.asarray(counts), kind="stable")] = np.arange(MISSING, dtype=np.uint8)
    return lambda codes: tables[np.arange(len(kinds)), codes]


def _numbered(labels: ArrayLike | None, codes: Codes, name: str) -> Integers:
    """Block numbers from 0 in the order of the labels."""
    if labels is None:
        return np.zeros(len(codes), dtype=np.int64)
    listed = np.asarray(labels)
    if listed.shape != (len(codes),):
        raise InvalidInputError(f"{name}_blocks must have shape ({len(codes)},), but got {listed.shape}")
    if listed.dtype == object:
        listed = listed.astype(str)
    return np.unique(listed, return_inverse=True)[1].astype(np.int64)


def _folds(sample: _Sample, seed: int) -> tuple[Mask, Mask]:
    """Which rows each of the two tests holds out: half of each sample's rows, or every other of its blocks."""
    held = np.zeros(len(sample.codes), dtype=np.bool_)
    for side in (False, True):
        rows = np.flatnonzero(sample.is_current == side)
        if sample.has_blocks:
            held[rows] = np.unique(sample.block[rows], return_inverse=True)[1] % 2 == 0
        else:
            # Rows are shuffled already; a second shuffle makes the deal independent of the draw.
            held[np.random.default_rng([seed, 1, int(side)]).permutation(rows)[: len(rows) // 2]] = True
    return held, ~held


def _smallest(sample: _Sample, held: Mask) -> float:
    """The smallest p-value that a test of these rows could give."""
    if not sample.has_blocks:
        n, m = int((held & sample.is_current).sum()), int((held & ~sample.is_current).sum())
        return smallest_of_ranks(n, m)
    blocks, current = (len(np.unique(sample.block[rows])) for rows in (held, held & sample.is_current))
    return smallest_of_marks(blocks, current)


def _why_not(rows: tuple[int, int], blocks: tuple[int, int] | None, effects: int, smallest: float) -> str:
    """Why there can be no test; empty when there can."""
    for place, count in zip(("the reference", "the batch"), rows, strict=True):
        if count < MIN_ROWS:
            return f"{count} rows in {place}, but at least {MIN_ROWS} are needed"
    if effects == 0:
        return "no feature has two values that are frequent enough to compare"
    if blocks is not None:
        for place, count in zip(("the reference", "the batch"), blocks, strict=True):
            if count < 2:
                return f"{count} block in {place}, but two halves need at least 2"
        if smallest > REACH:
            return (
                f"{blocks[0]} blocks in the reference and {blocks[1]} in the batch cannot give a p-value "
                f"below {min(1.0, smallest):.2g}; more blocks would"
            )
    return ""


def _test_fold(sample: _Sample, effects: Effects, held: Mask, seed: int) -> tuple[float, float]:
    """AUC and p-value on the held-out rows of a classifier fitted on the others."""
    classifier = fit_classifier(effects, sample.codes[~held], sample.is_current[~held])
    scores, is_current = classifier.score(sample.codes[held]), sample.is_current[held]
    auc, p_value = mann_whitney(scores[is_current], scores[~is_current])
    if not sample.has_blocks:
        return auc, p_value
    # Ranks, so that one odd row cannot carry its block.
    ranks, _ = mid_ranks(scores)
    labels, position = np.unique(sample.block[held], return_inverse=True)
    means = np.bincount(position, ranks) / np.bincount(position)
    of_batch = np.zeros(len(labels), dtype=np.bool_)
    of_batch[position[is_current]] = True
    return auc, permutation_p_value(means / len(scores), of_batch, seed=seed)


def _reason(auc: float, p_value: float, pairs: Sequence[DependenceChange], moved: Sequence[str]) -> str:
    tells = (
        f"the domain classifier tells the batch from the reference with AUC {auc:.3f} on held-out rows "
        f"(0.5 is chance, p = {p_value:.2g})"
    )
    parts = [pair.sentence for pair in pairs]
    if moved:
        more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
        parts.append(f"features that changed alone: {', '.join(moved[:SHOWN])}{more}")
    return f"{tells}; {'; '.join(parts)}" if parts else f"{tells}; no feature and no pair of features stands out"
