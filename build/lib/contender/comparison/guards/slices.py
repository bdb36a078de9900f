"""Guard: is the challenger no worse than the champion in any declared slice?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contender.comparison.guards.status import Status
from contender.comparison.wording import scores
from contender.errors import InvalidInputError
from contender.formatting import figure
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.stats.metrics import Floats, Metric
from contender.stats.multiple_testing import holm_adjusted
from contender.stats.resampling import Holdout

SliceStatus = Literal["no worse", "worse", "undecided", "not judged"]

MAX_UNJUDGED_SLICES = 50
NAMED_SLICES = 3
MISSING_LEVEL = "(missing)"


@dataclass(frozen=True)
class SliceEvidence:
    """One level of one slicing column; p-values are None where the slice is not judged.

    `p_no_worse` tests "worse than the margin" and small values show that it is not; `p_worse` tests the
    opposite and `adjusted_p_worse` is corrected for the number of judged slices (Holm).
    """

    column: str
    level: str
    rows: int
    blocks: int
    status: SliceStatus
    reason: str
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_no_worse: float | None = None
    p_worse: float | None = None
    adjusted_p_worse: float | None = None


@dataclass(frozen=True)
class SlicesNoWorse:
    """Every slice's evidence, and the verdict on all of them."""

    status: Status
    reason: str
    margin: float
    judged: int = 0
    not_judged: int = 0
    slices: tuple[SliceEvidence, ...] = ()


def slices_no_worse(
    holdout: Holdout,
    metric: Metric,
    champion: Floats,
    challenger: Floats,
    slices: Mapping[str, ArrayLike],
    policy: PromotionPolicy,
    *,
    margin: float,
) -> SlicesNoWorse:
    """Non-inferiority of the challenger within each level of each declared column.

    That *all* slices are no worse needs no correction, since each must pass on its own [1]_; that *some*
    slice is worse is one claim among many, and is corrected by Holm's method [2]_.

    References
    ----------
    .. [1] Berger (1982), "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24,
       295-300.
    .. [2] Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6,
       65-70.
    """
    if not slices:
        return SlicesNoWorse("not judged", "No slices were declared.", margin)
    found = [
        _slice_evidence(
            holdout.only(rows), metric, champion[rows], challenger[rows], (column, level), policy, margin=margin
        )
        for column, labels in slices.items()
        for level, rows in levels_of(column, labels, len(holdout))
    ]
    judged = [evidence for evidence in found if evidence.p_worse is not None]
    adjusted = holm_adjusted(np.array([evidence.p_worse for evidence in judged], dtype=np.float64)).tolist()
    decided = tuple(_decided(evidence, p_value, policy) for evidence, p_value in zip(judged, adjusted, strict=True))
    others = sorted((e for e in found if e.p_worse is None), key=lambda e: (-e.rows, e.column, e.level))
    status, reason = _slices_status(decided, policy, margin)
    if others:
        reason += f" {len(others):,} {'slice was' if len(others) == 1 else 'slices were'} not judged."
    return SlicesNoWorse(
        status, reason, margin, len(decided), len(others), decided + tuple(others[:MAX_UNJUDGED_SLICES])
    )


def _slice_evidence(
    part: Holdout,
    metric: Metric,
    champion: Floats,
    challenger: Floats,
    name: tuple[str, str],
    policy: PromotionPolicy,
    *,
    margin: float,
) -> SliceEvidence:
    """One slice's figures; not yet judged against the other slices."""
    rows, asked = len(part), policy.min_slice_rows
    evidence = SliceEvidence(*name, rows, part.blocks, "not judged", "")
    if rows < asked:
        return replace(evidence, reason=f"Only {rows:,} rows; the minimum for a slice is {asked:,}.")
    interval = part.improvement(metric, champion, challenger, level=policy.guard_level)
    if isinstance(interval, str):
        return replace(evidence, reason=interval)
    theirs, mine = part.score(metric, champion), part.score(metric, challenger)
    return replace(
        evidence,
        reason=f"{scores(metric, mine, theirs, interval)}.",
        champion=theirs,
        challenger=mine,
        difference=interval.difference,
        low=interval.low,
        high=interval.high,
        p_no_worse=interval.p_above(-margin),
        p_worse=interval.p_below(-margin),
    )


def _decided(evidence: SliceEvidence, adjusted_p_worse: float, policy: PromotionPolicy) -> SliceEvidence:
    status: SliceStatus = "undecided"
    if adjusted_p_worse <= policy.guard_level:
        status = "worse"
    elif evidence.p_no_worse is not None and evidence.p_no_worse <= policy.guard_level:
        status = "no worse"
    return replace(evidence, status=status, adjusted_p_worse=adjusted_p_worse)


def _slices_status(judged: tuple[SliceEvidence, ...], policy: PromotionPolicy, margin: float) -> tuple[Status, str]:
    worse = [evidence for evidence in judged if evidence.status == "worse"]
    undecided = [evidence for evidence in judged if evidence.status == "undecided"]
    more = f"by more than {figure(margin)}"
    of_all = f"{len(judged)} slice{'s' if len(judged) != 1 else ''}"
    if worse:
        return "failed", f"The challenger is worse {more} in {len(worse)} of {of_all}: {_named(worse)}."
    if not judged:
        return "not judged", "No slice could be judged."
    if undecided and policy.slice_rule == "non-inferiority":
        unsure = f"{len(undecided)} of {of_all}: {_named(undecided)}"
        return "undecided", f"The challenger may be worse {more} in {unsure}."
    shown = "shown to be worse" if undecided else "worse"
    return "passed", f"The challenger is not {shown} {more} in any of {of_all}."


def levels_of(column: str, labels: ArrayLike, rows: int) -> list[tuple[str, NDArray[np.bool_]]]:
    """The levels of one slicing column with the masks of their rows; missing labels are a level too.

    Raises
    ------
    InvalidInputError
        When there is not one label for each row.
    """
    values = np.asarray(labels, dtype=object)
    if values.shape != (rows,):
        raise InvalidInputError(
            f"slices[{column!r}] must have shape ({rows},), one label for each of y, but got {values.shape}"
        )
    names = [MISSING_LEVEL if _is_missing(value) else str(value) for value in values.tolist()]
    found, level = np.unique(np.array(names, dtype=str), return_inverse=True)
    return [(str(name), level == i) for i, name in enumerate(found)]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and isnan(value))


def _named(slices: list[SliceEvidence]) -> str:
    shown = [f"{each.column}={each.level}, {each.reason.removesuffix('.')}" for each in slices[:NAMED_SLICES]]
    more = len(slices) - NAMED_SLICES
    return "; ".join(shown) + (f" and {more} more" if more > 0 else "")
