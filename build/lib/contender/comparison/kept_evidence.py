"""Evidence about pairs of models that is kept from one comparison to the next.

One holdout says little about a small loss of quality. A champion and the best one before it are both asked at every
comparison, so that what is known about the two adds up, block by block, for as long as both exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import inf, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # functions that read judgements start without numpy
    from contender.stats.metrics import Floats, Metric
    from contender.stats.resampling import Holdout

LARGEST = 1e100
"""A difference beyond this has no square to add up; such a model loses on any one holdout."""


@dataclass(frozen=True)
class PairedBlocks:
    """The differences of two versions by block: a positive `mean` is an advantage of `version`.

    Attributes
    ----------
    metric : the one that the differences are of; those of another one are not added.
    through_order : the order (time) of the newest row; older rows are never counted for this pair again.
    blocks : how many.
    squares : the sum of the squared distances of the blocks from their mean.
    """

    version: str
    other: str
    metric: str
    through_order: float
    blocks: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def standard_error(self) -> float:
        """Of the mean; infinite where one block is all there is."""
        return sqrt(self.squares / (self.blocks - 1) / self.blocks) if self.blocks > 1 else inf

    def p_above(self, value: float) -> float:
        """One-sided p-value of "the true advantage is at most `value`", by Student's t."""
        return self._upper_tail(self.mean - value)

    def p_below(self, value: float) -> float:
        """One-sided p-value of "the true advantage is at least `value`"."""
        return self._upper_tail(value - self.mean)

    def _upper_tail(self, distance: float) -> float:
        from scipy.special import stdtr  # noqa: PLC0415  # imported where it is used, as in contender.stats.resampling

        if self.blocks < 2:
            return 1.0
        if self.standard_error == 0.0:
            return 0.0 if distance > 0.0 else 1.0
        return float(stdtr(self.blocks - 1, -distance / self.standard_error))

    def plus(self, newer: PairedBlocks) -> PairedBlocks:
        """Both together, as if their blocks had been seen at once.

        Examples
        --------
        >>> one = PairedBlocks("v2", "v1", "mae", 7.0, blocks=2, mean=1.0, squares=2.0)  # 0, 2
        >>> one.plus(PairedBlocks("v2", "v1", "mae", 8.0, blocks=1, mean=4.0))
        PairedBlocks(version='v2', other='v1', metric='mae', through_order=8.0, blocks=3, mean=2.0, squares=8.0)
        """
        blocks = self.blocks + newer.blocks
        if not blocks:
            return self
        apart = newer.mean - self.mean
        return replace(
            self,
            through_order=max(self.through_order, newer.through_order),
            blocks=blocks,
            mean=self.mean + apart * newer.blocks / blocks,
            squares=self.squares + newer.squares + apart**2 * self.blocks * newer.blocks / blocks,
        )

    def turned(self) -> PairedBlocks:
        """The same seen from the other version."""
        return replace(self, version=self.other, other=self.version, mean=-self.mean)


def known_of(evidence: Iterable[PairedBlocks], version: str, other: str, metric: str) -> PairedBlocks:
    """All that is known about a pair.

    Examples
    --------
    >>> kept = [PairedBlocks("v1", "v2", "mae", 7.0, blocks=3, mean=0.5), PairedBlocks("v2", "v3", "mae", 7.0, 3)]
    >>> found = known_of(kept, "v2", "v1", "mae")
    >>> found.blocks, found.mean
    (3, -0.5)
    """
    found = PairedBlocks(version, other, metric, -inf)
    for each in evidence:
        if each.metric == metric and (each.version, each.other) == (version, other):
            found = found.plus(each)
        elif each.metric == metric and (each.version, each.other) == (other, version):
            found = found.plus(each.turned())
    return found


@dataclass(frozen=True)
class Remembered:
    """What earlier comparisons leave to this one.

    Attributes
    ----------
    challenger, champion : the names of the two versions.
    best : the best champion of the past year, as far as was known; empty where there is none.
    evidence : by pair; any number of entries for one of them.
    """

    challenger: str = "the challenger"
    champion: str = "the champion"
    best: str = ""
    evidence: tuple[PairedBlocks, ...] = ()

    def with_more(self, evidence: Iterable[PairedBlocks]) -> Remembered:
        """The same, with what newer rows add."""
        return replace(self, evidence=(*self.evidence, *evidence))


NOTHING_REMEMBERED = Remembered()


def champions_standing(
    remembered: Remembered, newest: Sequence[PairedBlocks], past: Iterable[str], metric: str
) -> list[PairedBlocks]:
    """The champion against each of the earlier ones, by all that is known and what the newest rows add."""
    known = (*remembered.evidence, *newest)
    return [known_of(known, remembered.champion, version, metric) for version in past]


def new_evidence(
    holdout: Holdout,
    metric: Metric,
    answers: Mapping[str, Floats],
    order: Floats,
    remembered: Remembered,
) -> tuple[PairedBlocks, ...]:
    """What these rows add about challenger and champion, and about either and each earlier champion: of each pair, only
    rows that are newer than all that is known about it.

    A block's value of a metric is its jackknife pseudo-value, which for a mean over rows is the block's own mean if
    blocks are of one size. So the metric may be any that is smooth, as the AUC is.

    Parameters
    ----------
    answers : predictions (n, k) by version.
    order : (n,) the rows' times.
    """
    newer_two = (remembered.challenger, remembered.champion)
    pairs = [(one, other) for one, other in permutations(answers, 2) if one in newer_two and other != newer_two[0]]
    known = remembered.evidence
    groups: dict[float, list[tuple[str, str]]] = {}
    for pair in pairs:
        groups.setdefault(known_of(known, *pair, metric.name).through_order, []).append(pair)
    sign = 1.0 if metric.greater_is_better else -1.0
    found = []
    for through, asked in groups.items():
        newer = order > through
        if not newer.any():
            continue
        rows, last = holdout.only(newer), float(order[newer].max())
        names = {name for pair in asked for name in pair}
        values = {name: rows.block_values(metric, answers[name][newer]) for name in names}
        for version, other in asked:
            difference = sign * (values[version] - values[other])
            if len(difference) and all(abs(value) < LARGEST for value in difference):
                mean = float(difference.mean())
                squares = float(((difference - mean) ** 2).sum())
                found.append(PairedBlocks(version, other, metric.name, last, len(difference), mean, squares))
    return tuple(found)
