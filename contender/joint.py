"""Changes that leave every single feature alone: a domain classifier.

Can a classifier tell rows of the batch from rows of the reference? It is fitted on one half and asked on the other, so
it cannot have learned what it is tested on, and whatever it finds is a difference of the two distributions: of single
features, or of how they go together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import comb, erfc, exp, lgamma, sqrt
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.errors import InvalidInputError

Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Kind: TypeAlias = Literal["numeric", "categorical"]
TestName: TypeAlias = Literal["mann-whitney", "block permutation", "not tested"]

MISSING = 255
MIN_ROWS = 40
REACH = 0.05
"""A test that could not have a p-value this small, whatever the rows were, is not made."""
MAX_LEVELS = 20
MAX_EFFECTS = 300
MAX_MAIN = 150
MAX_PRODUCTS = 40
"""More products find no more: at 120, noise took half of what they brought (see docs/decisions/0011)."""
MIN_SHARE = 0.01
MIN_CELL, NAMED_CELL = 5.0, 25.0
"""Rows expected at least where two indicators meet: to take part in the classifier, and to be named as changed."""
RIDGE_GRID = 10.0 ** np.arange(-3.0, 4.5, 0.5)
MAX_ENUMERATED = 20_000
DRAWS = 9_999
CHUNK = 4_096
STANDS_OUT = 0.01
SHOWN = 3
SMALLEST_P_VALUE = 1e-300


@dataclass(frozen=True)
class DependenceChange:
    """A pair of features that go together differently in the batch.

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
        before, after = (round(value, 2) + 0.0 for value in (self.reference, self.current))  # no "-0.00"
        return f"{self.first} and {self.second}: {self.measure} {before:.2f} to {after:.2f}"


@dataclass(frozen=True)
class JointDrift:
    """What the domain classifier found.

    Attributes
    ----------
    test : "mann-whitney" where rows are independent, "block permutation" where only blocks are, "not tested".
    auc : chance that the classifier ranks a row of the batch above one of the reference, on rows that it was not
        fitted on: 0.5 is no difference, and less than that is noise. The effect size; None when not tested.
    p_value : of at least this AUC if the two samples came from one world; None when not tested.
    smallest_p_value : that the test could have given with these rows and blocks.
    reference_rows, current_rows : rows used.
    reference_blocks, current_blocks : blocks used; None without blocks.
    pairs : pairs of features whose dependence changed beyond chance (rows taken as independent), the clearest first,
        three at most.
    moved : features whose own distribution differs beyond chance (likewise), the clearest first.
    reason : all that in words, or why there was no test.
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
    effects = _fit_effects(sample.codes, kinds)
    folds = _folds(sample, seed)
    smallest = 2.0 * min(_smallest(sample, held) for held in folds)
    why_not = _why_not(rows, blocks if sample.has_blocks else None, len(effects.owner), smallest)
    reference_count, current_count = blocks if sample.has_blocks else (None, None)
    found = [] if why_not else [_test_fold(sample, effects, held, seed) for held in folds]
    pairs, moved = ((), ()) if why_not else _carriers(sample, effects, kinds, names)
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


def mann_whitney(greater: Floats, smaller: Floats) -> tuple[float, float]:
    """AUC and one-sided p-value of scores (n,) being greater than others (m,), by the normal approximation with
    corrections for ties and continuity.

    Examples
    --------
    >>> auc, p_value = mann_whitney(np.arange(10.0, 40.0), np.arange(30.0))
    >>> round(auc, 3), p_value < 0.001
    (0.778, True)
    """
    n, m = len(greater), len(smaller)
    ranks, counts = _mid_ranks(np.concatenate([greater, smaller]))
    wins = ranks[:n].sum() - n * (n + 1) / 2.0
    total = n + m
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / (total * (total - 1.0))
    variance = n * m / 12.0 * (total + 1.0 - ties)
    auc = float(wins / (n * m))
    if variance <= 0.0:
        return auc, 1.0
    return auc, max(_fewest(n, m), _normal_tail((wins - n * m / 2.0 - 0.5) / sqrt(variance)))


def permutation_p_value(values: Floats, is_current: Mask, *, seed: int = 0) -> float:
    """Chance that the marked values have a mean at least as large as they do, if any others could have been marked.

    Exact where there are at most 20,000 ways to mark; else of 9,999 random ones and the one that is.

    Examples
    --------
    >>> permutation_p_value(np.array([1.0, 2.0, 3.0, 9.0]), np.array([False, False, False, True]))
    0.25
    """
    marked, total = int(is_current.sum()), len(values)
    observed = values[is_current].sum()
    slack = 1e-9 * max(1.0, float(np.abs(values).sum()))  # sums of the same values in another order are the same
    ways = comb(total, marked)
    if ways <= MAX_ENUMERATED:
        sums = np.array([values[list(chosen)].sum() for chosen in combinations(range(total), marked)])
        return float((sums >= observed - slack).mean())
    random = np.random.default_rng([seed, 2])
    order = random.permuted(np.tile(np.arange(total), (DRAWS, 1)), axis=1)[:, :marked]
    return float((1 + (values[order].sum(axis=1) >= observed - slack).sum()) / (DRAWS + 1))


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
        return _fewest(n, m)
    blocks, current = (len(np.unique(sample.block[rows])) for rows in (held, held & sample.is_current))
    ways = comb(blocks, current)
    return 1.0 / (ways if ways <= MAX_ENUMERATED else DRAWS + 1)


def _fewest(n: int, m: int) -> float:
    """Chance that of n + m rows in random order a certain n come first: no rank test can claim less."""
    return max(SMALLEST_P_VALUE, exp(max(-700.0, lgamma(n + 1) + lgamma(m + 1) - lgamma(n + m + 1))))


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


def _test_fold(sample: _Sample, effects: _Effects, held: Mask, seed: int) -> tuple[float, float]:
    """AUC and p-value on the held-out rows of a classifier fitted on the others."""
    classifier = _fit_classifier(effects, sample.codes[~held], sample.is_current[~held])
    scores, is_current = classifier.score(sample.codes[held]), sample.is_current[held]
    auc, p_value = mann_whitney(scores[is_current], scores[~is_current])
    if not sample.has_blocks:
        return auc, p_value
    # Ranks, so that one odd row cannot carry its block.
    ranks, _ = _mid_ranks(scores)
    labels, position = np.unique(sample.block[held], return_inverse=True)
    means = np.bincount(position, ranks) / np.bincount(position)
    of_batch = np.zeros(len(labels), dtype=np.bool_)
    of_batch[position[is_current]] = True
    return auc, permutation_p_value(means / len(scores), of_batch, seed=seed)


@dataclass(frozen=True)
class _Effects:
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


def _fit_effects(codes: Codes, kinds: Sequence[Kind]) -> _Effects:
    categorical = sum(kind == "categorical" for kind in kinds)
    numeric = len(kinds) - categorical
    levels = min(MAX_LEVELS, max(2, (MAX_EFFECTS - 2 * numeric) // max(1, categorical)))
    squares = 2 * numeric <= MAX_EFFECTS
    tables: list[Floats] = []
    owner: list[int] = []
    share: list[float] = []
    for feature, kind in enumerate(kinds):
        counts = np.bincount(codes[:, feature], minlength=256).astype(np.float64)
        made = _scores(counts, squares) if kind == "numeric" else []
        frequent = np.argsort(-counts[:MISSING], kind="stable")[:levels].tolist()
        made += _indicators(counts, [*frequent, MISSING] if kind == "categorical" else [MISSING])
        tables += [table for table, _ in made]
        share += [fraction for _, fraction in made]
        owner += [feature] * len(made)
    stacked = np.array(tables, dtype=np.float32).reshape(-1, 256)
    return _Effects(stacked, np.array(owner, dtype=np.int64), np.array(share))


def _scores(counts: Floats, squares: bool) -> list[tuple[Floats, float]]:
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
class _Classifier:
    """A linear score of main effects and of products of two."""

    effects: _Effects
    main: Integers
    first: Integers
    second: Integers
    weights: Floats

    def design(self, codes: Codes) -> NDArray[np.float32]:
        made = self.effects.design(codes)
        return np.hstack([made[:, self.main], made[:, self.first] * made[:, self.second]])

    def score(self, codes: Codes) -> Floats:
        """(n,) larger for rows that look like the batch's."""
        parts = [self.design(chunk) @ self.weights for chunk in _chunks(codes)]
        # Rows with equal codes get equal scores whatever the chunk: rounding would break their ties.
        return np.concatenate(parts, dtype=np.float64).round(9)


@dataclass(frozen=True)
class _Moments:
    """Means over rows: of effects (m,), of products of two (m, m), of squared products (m, m)."""

    mean: Floats
    product: Floats
    squared: Floats


def _moments(effects: _Effects, codes: Codes) -> _Moments:
    size = len(effects.owner)
    mean, product, squared = np.zeros(size), np.zeros((size, size)), np.zeros((size, size))
    for chunk in _chunks(codes):
        made = effects.design(chunk)
        mean += made.sum(axis=0, dtype=np.float64)
        product += made.T @ made
        made *= made
        squared += made.T @ made
    return _Moments(mean / len(codes), product / len(codes), squared / len(codes))


def _fit_classifier(effects: _Effects, codes: Codes, is_current: Mask) -> _Classifier:
    """Ridge regression of which sample a row is from, on the effects and products that differ most [1]_.

    References
    ----------
    .. [1] Fan & Lv (2008), "Sure independence screening for ultrahigh dimensional feature space", J. Royal
       Statistical Society B 70, 849-911.
    """
    before, after = _moments(effects, codes[~is_current]), _moments(effects, codes[is_current])
    sizes = (int((~is_current).sum()), int(is_current.sum()))
    main = np.sort(np.argsort(-np.abs(_main_evidence(before, after, sizes)), kind="stable")[:MAX_MAIN])
    first, second = _pairs(effects, len(codes))
    spread = [side.squared[first, second] - side.product[first, second] ** 2 for side in (before, after)]
    evidence = _studentised(after.product[first, second] - before.product[first, second], spread, sizes)
    kept = np.sort(np.argsort(-np.abs(evidence), kind="stable")[:MAX_PRODUCTS])
    size = len(main) + len(kept)
    unfitted = _Classifier(effects, main, first[kept], second[kept], np.zeros(size))
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
    return _Classifier(effects, main, first[kept], second[kept], weights)


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


def _pairs(effects: _Effects, rows: int, least: float = MIN_CELL) -> tuple[Integers, Integers]:
    """Pairs of effects of different features that enough rows have together."""
    first, second = np.triu_indices(len(effects.owner), 1)
    kept = effects.owner[first] != effects.owner[second]
    kept &= effects.share[first] * effects.share[second] * rows >= least
    return first[kept], second[kept]


def _main_evidence(before: _Moments, after: _Moments, sizes: tuple[int, int]) -> Floats:
    spread = [np.diag(side.product) - side.mean**2 for side in (before, after)]
    return _studentised(after.mean - before.mean, spread, sizes)


def _studentised(difference: Floats, spread: Sequence[Floats], sizes: tuple[int, int]) -> Floats:
    """Differences of means in standard errors, which are held above what a sample without variation would claim."""
    before, after = (np.maximum(part, 0.01) / size for part, size in zip(spread, sizes, strict=True))
    evidence: Floats = difference / np.sqrt(before + after)
    return evidence


def _carriers(
    sample: _Sample, effects: _Effects, kinds: Sequence[Kind], names: Sequence[str]
) -> tuple[tuple[DependenceChange, ...], tuple[str, ...]]:
    """The pairs of features whose dependence changed, and the features that moved by themselves."""
    sides = [sample.codes[~sample.is_current], sample.codes[sample.is_current]]
    sizes = (len(sides[0]), len(sides[1]))
    before, after = (_moments(effects, side) for side in sides)
    alone = np.abs(_main_evidence(before, after, sizes))
    moved = _strongest(alone, [(int(owner),) for owner in effects.owner])
    first, second = _pairs(effects, min(sizes), least=NAMED_CELL)
    correlations, spreads = zip(*(_correlation(side, first, second) for side in (before, after)), strict=True)
    evidence = np.abs(_studentised(correlations[1] - correlations[0], spreads, sizes))
    owners = [(int(a), int(b)) for a, b in zip(effects.owner[first], effects.owner[second], strict=True)]
    pairs = [
        _dependence_change(sides, pair[0], pair[1], kinds, names, p_value)
        for pair, p_value in list(_strongest(evidence, owners).items())[:SHOWN]
    ]
    return tuple(pairs), tuple(names[feature] for (feature,) in moved)


def _correlation(side: _Moments, first: Integers, second: Integers) -> tuple[Floats, Floats]:
    """Correlations of pairs of effects within one sample, and the variance of one row's part in them."""
    variance = np.diag(side.product) - side.mean**2
    scale = np.sqrt(np.maximum(variance[first], 0.01) * np.maximum(variance[second], 0.01))
    correlation = (side.product[first, second] - side.mean[first] * side.mean[second]) / scale
    return correlation, side.squared[first, second] / scale**2 - correlation**2


def _strongest(evidence: Floats, owners: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    """Owners whose evidence stands out among all (Bonferroni), the strongest first, with corrected p-values."""
    found: dict[tuple[int, ...], float] = {}
    for position in np.argsort(-evidence, kind="stable"):
        p_value = 2.0 * _normal_tail(float(evidence[position])) * len(evidence)
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


def _normal_scores(codes: Codes) -> Floats:
    """Each row's standardised normal score within its own sample; zeros where nothing varies."""
    made = _scores(np.bincount(codes, minlength=256).astype(np.float64), squares=False)
    return made[0][0][codes] if made else np.zeros(len(codes))


def _score_correlation(one: Codes, other: Codes) -> float:
    if len(one) == 0:
        return 0.0
    return float(np.clip((_normal_scores(one) * _normal_scores(other)).mean(), -1.0, 1.0))


def _correlation_ratio(number: Codes, level: Codes) -> float:
    """Share of the scores' standard deviation that levels explain, corrected for their number."""
    levels, position = np.unique(level, return_inverse=True)
    rows, groups = len(number), len(levels)
    if rows <= groups or groups < 2:
        return 0.0
    score = _normal_scores(number)
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


def _reason(auc: float, p_value: float, pairs: Sequence[DependenceChange], moved: Sequence[str]) -> str:
    tells = (
        f"a classifier ranks a row of the batch above one of the reference in {auc:.1%} of pairs that it has not seen "
        f"(50% is chance, p = {p_value:.2g})"
    )
    parts = [pair.sentence for pair in pairs]
    if moved:
        more = f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else ""
        parts.append(f"moved by themselves: {', '.join(moved[:SHOWN])}{more}")
    return f"{tells}; {'; '.join(parts)}" if parts else f"{tells}; no feature and no pair of them stands out"


def _mid_ranks(values: Floats) -> tuple[Floats, Integers]:
    """Ranks from 1, ties sharing their mean, and the sizes of the ties."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    after = np.cumsum(counts)
    return (after - (counts - 1) / 2.0)[position], counts


def _normal_tail(value: float) -> float:
    """Chance that a standard normal exceeds the value, never quite zero."""
    return max(SMALLEST_P_VALUE, erfc(value / sqrt(2.0)) / 2.0)


def _chunks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The rows in pieces, so that their effects are never all in memory."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
