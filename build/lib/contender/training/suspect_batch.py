"""Whether a batch looks broken, so that no model learns from it before the next batch has come.

A broken batch and a real change look alike on the day they come: the champion's loss rises on both. The next batch
tells them apart. And no comparison does: the model that is judged does not know the newest batch, and the one that
serves does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

from contender.data.dataset_fate import Fate
from contender.training.loss_change import REMEMBERED

Sign: TypeAlias = Literal["short", "repeated", "range", "association", "loss"]
OF_CHANGE: frozenset[Sign] = frozenset({"range", "association", "loss"})
"""Signs that a change of the data has, too."""

FEW_ROWS = 1.0 / 3.0
"""Fewer rows than this share of a usual batch are suspicious,"""
FEWER_THAN_LATELY = 2.0 / 3.0
"""if they are fewer than this share of the smallest of the last eight, too: weekends are small every week."""
LEAST_BATCHES = 3
"""From so many batches on, their usual number of rows is known: the first upload is often years of history."""
MANY_REPEATED = 0.5
"""More rows than this share that were there before, and twice as many as usual, are suspicious."""
MANY_OUTSIDE = 0.25
"""A larger share of one numeric column outside of all that was ever seen is suspicious, where the column has moved."""
FAR_MOVED = 0.5
"""By more than this share of its spread (the 10 % to 90 % quantiles), and by more than twice as much as ever before."""


@dataclass(frozen=True)
class BatchSigns:
    """What is known of a batch when it has come.

    Attributes
    ----------
    rows, usual_rows : of it, and of the batches before.
    repeated, usual_repeated : the share of rows, features and target, that were there before: of it, and of the batches
        before.
    repeated_from : the batch that most of these were in.
    outside, usual_outside : of each numeric column the share of values outside of the range of all batches before: of
        it, and of the batches before. A date is always outside.
    moved, usual_moved : of each numeric column how far its deciles are from those of the nearest batch before, in
        spreads: of it, and of the batches before. A trend moves by as much each time, another unit by much more.
    loss_rose : whether the champion's loss is out of line with the batches before.
    lost_association : which columns went together in all batches before, and no longer do; in words.
    """

    rows: int
    usual_rows: Sequence[int]
    repeated: float
    usual_repeated: Sequence[float]
    outside: Mapping[str, float]
    usual_outside: Mapping[str, Sequence[float]]
    moved: Mapping[str, float]
    usual_moved: Mapping[str, Sequence[float]]
    loss_rose: bool
    repeated_from: str = ""
    lost_association: str = ""


@dataclass(frozen=True)
class Suspicion:
    """Why a batch looks broken."""

    sign: Sign
    reason: str


def suspicion(signs: BatchSigns) -> Suspicion | None:
    """Why a batch looks broken; None where it does not.

    Examples
    --------
    >>> from dataclasses import replace
    >>> usual = BatchSigns(500, [480, 510, 495], 0.0, [0.0], {}, {}, {}, {}, loss_rose=False)
    >>> suspicion(usual) is None
    True
    >>> suspicion(replace(usual, rows=90)).reason
    'It has 90 rows, where 495 are usual.'
    >>> suspicion(replace(usual, repeated=0.98, repeated_from="may.csv")).reason
    '98 % of its rows were in may.csv already.'
    >>> suspicion(replace(usual, outside={"x": 1.0}, moved={"x": 8.0}, usual_moved={"x": [0.1, 0.2]})).reason
    '100 % of x is outside of everything seen before.'
    """
    usual = median(signs.usual_rows) if len(signs.usual_rows) >= LEAST_BATCHES else 0
    least = min(signs.usual_rows[-REMEMBERED:], default=0)
    if signs.rows < FEW_ROWS * usual and signs.rows < FEWER_THAN_LATELY * least:
        return Suspicion("short", f"It has {signs.rows:,} rows, where {usual:,.0f} are usual.")
    if _is_unusual(signs.repeated, signs.usual_repeated, least=MANY_REPEATED):
        where = f"in {signs.repeated_from} already" if signs.repeated_from else "there before"
        return Suspicion("repeated", f"{100.0 * signs.repeated:.0f} % of its rows were {where}.")
    for name, outside in signs.outside.items():
        usual_outside, usual_moved = signs.usual_outside.get(name, ()), signs.usual_moved.get(name, ())
        known = len(usual_moved) >= LEAST_BATCHES - 1  # the first batch has nothing to be outside of
        moved = known and signs.moved[name] > max(FAR_MOVED, 2.0 * max(usual_moved))
        if moved and _is_unusual(outside, usual_outside, least=MANY_OUTSIDE):
            return Suspicion("range", f"{100.0 * outside:.0f} % of {name} is outside of everything seen before.")
    if signs.lost_association:
        return Suspicion("association", signs.lost_association)
    if signs.loss_rose:
        return Suspicion("loss", "The champion's loss is out of line with the batches before.")
    return None


def _is_unusual(share: float, usual: Sequence[float], *, least: float) -> bool:
    """Whether a share is large, and twice as large as usual."""
    return share > max(least, 2.0 * median(usual) if usual else 0.0)


def fate(suspect: Suspicion, following: Suspicion | None) -> Fate:
    """What the next batch says of a suspicious one.

    `confirmed`: the data has changed, and both are trained on. `kept`: nothing was wrong with its rows. `left out`: no
    model is trained on it; of rows that were there before nothing is lost by that.

    Examples
    --------
    >>> rose, short = Suspicion("loss", ""), Suspicion("short", "")
    >>> fate(rose, rose), fate(rose, None), fate(short, None)
    ('confirmed', 'left out', 'kept')
    """
    if suspect.sign == "short":
        return "kept"
    again = following is not None and following.sign in OF_CHANGE
    return "confirmed" if again and suspect.sign in OF_CHANGE else "left out"
