"""What waiting with the next training costs, in loss and in US dollars.

After s rows more than the n that count of those at its training, a model has a staleness of log(1 + s/n), and a new one
would have a smaller loss by slope x loss x staleness a row. Waiting has then cost about slope x loss x s^2/(2n) in all
(by the first term of the logarithm). A training is worth its cost as soon as the price of that reaches it: where the
loss grows linearly this is the schedule with the least total cost (the economic order quantity [1]_), and as long as
an older model is never the better one, the total is at most twice that of the best schedule (rent or buy [2]_).
Comparing what the *next* batch alone would cost waits too long, because a new model also serves every batch after it.
CARA [3]_ decides by the same two costs.

With a fixed price, s grows with the square root of n. Without one, `retrain_wait` times the square root of the batches
that count is the schedule, and the price is the one at which this is the best schedule.

References
----------
.. [1] Harris (1913), "How many parts to make at once", Factory, The Magazine of Management 10(2), 135-136, 152;
   reprinted in Operations Research 38(6), 947-950 (1990).
.. [2] Karlin, Manasse, Rudolph & Sleator (1988), "Competitive snoopy caching", Algorithmica 3, 79-119.
.. [3] Mahadevan & Mathioudakis (2024), "Cost-aware retraining for machine learning", Knowledge-Based Systems 293,
   111610. What a training will bring is a forecast with an error: Regol et al. (2025), "When to retrain a machine
   learning model", ICML, PMLR 267, 51369-51404.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from contender.training.staleness import Aging, counted, staleness

ROUNDING = 1e-9
"""Relative; a schedule is due on the batch that it names, whatever the last bits say."""


@dataclass(frozen=True)
class RowsSince:
    """Rows before and since the newest training.

    Attributes
    ----------
    known : rows that it could know, since the data last changed; 0 where it has changed after the training.
    since : rows that arrived after it.
    batch : rows of a batch, on average.
    week : rows of a week; None where rows have no time.

    Examples
    --------
    >>> rows = RowsSince(known=8000, since=280, batch=100.0, week=None)
    >>> rows.wait(0.7), round(rows.lost_by(0.7), 9), rows.lost  # 80 batches count as 16: 0.7 times the root of that
    (2.8, 24.5, 24.5)
    """

    known: int
    since: int
    batch: float
    week: float | None

    @property
    def counted(self) -> float:
        """As many rows as the known ones are worth."""
        return max(counted(self.known, self.batch), 1.0)

    @property
    def staleness(self) -> float:
        """Of a model of the known rows."""
        return staleness(self.known, self.since, self.batch)

    def further(self, rows: float) -> float:
        """What so many more rows add to the staleness."""
        return staleness(self.known, self.since + rows, self.batch) - self.staleness

    @property
    def lost(self) -> float:
        """The staleness at each row since the training, added up."""
        return self.since**2 / (2.0 * self.counted)

    def lost_by(self, wait: float) -> float:
        """The same when `wait` times the square root of the batches that count has passed."""
        return wait**2 * self.batch / 2.0

    def wait(self, wait: float) -> float:
        """How many batches `wait` times the square root of the batches that count is."""
        return wait * sqrt(counted(self.known, self.batch) / self.batch) if self.batch > 0.0 else 0.0

    def is_due(self, wait: float) -> bool:
        """Whether so much time has passed; never where `wait` is 0 or nothing has arrived."""
        over = self.known == 0 or self.lost >= self.lost_by(wait) * (1.0 - ROUNDING)
        return wait > 0.0 and self.since > 0 and over


@dataclass(frozen=True)
class WaitingCost:
    """What has been lost since the newest training, against what another one costs.

    Attributes
    ----------
    loss : the champion's mean loss on the new rows.
    excess, excess_error : by how much a new model would have a smaller loss, a row, and its standard error.
    excess_a_batch, excess_a_week : what another batch or week adds to it; None where rows have no time.
    price_usd : of one unit of loss on one row; None where there is none, and none follows from the schedule.
    price_is_derived : whether it follows from the schedule.
    usd, training_usd : what waiting has cost since the newest training, and what a training costs.
    """

    loss: float
    excess: float
    excess_error: float
    excess_a_batch: float
    excess_a_week: float | None
    price_usd: float | None
    price_is_derived: bool
    usd: float
    training_usd: float

    @property
    def exceeds_training(self) -> bool:
        """Whether waiting has cost as much as a training does."""
        return self.price_usd is not None and self.usd >= self.training_usd * (1.0 - ROUNDING)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"exceeds_training": self.exceeds_training}


def waiting_cost(
    rows: RowsSince, aging: Aging, *, loss: float, price_usd: float, wait: float, training_usd: float
) -> WaitingCost:
    """What waiting has cost since the newest training, and what it goes on to cost.

    Parameters
    ----------
    loss : the champion's mean loss on the new rows.
    price_usd : of one unit of loss on one row. 0 derives it from the schedule.
    wait : the schedule: `retrain_wait` of the pipeline file; 0 for none.
    training_usd : of one training.

    Examples
    --------
    >>> rows = RowsSince(known=1600, since=240, batch=100.0, week=100.0)
    >>> found = waiting_cost(rows, Aging(), loss=0.3, price_usd=0.0, wait=0.7, training_usd=0.005)
    >>> round(found.excess, 5), round(found.excess_a_week, 5), round(found.price_usd, 5), found.exceeds_training
    (0.00359, 0.00127, 0.01361, True)
    >>> waiting_cost(rows, Aging(), loss=0.3, price_usd=0.01, wait=0.7, training_usd=0.005).exceeds_training
    False
    """
    lost = aging.slope * loss
    derived = price_usd == 0.0
    price: float | None = price_usd
    if derived:
        by_then = lost * rows.lost_by(wait)
        price = training_usd / by_then if by_then > 0.0 else None
    return WaitingCost(
        loss=loss,
        excess=lost * rows.staleness,
        excess_error=aging.error * loss * rows.staleness,
        excess_a_batch=lost * rows.further(rows.batch),
        excess_a_week=None if rows.week is None else lost * rows.further(rows.week),
        price_usd=price,
        price_is_derived=derived,
        usd=(price or 0.0) * lost * rows.lost,
        training_usd=training_usd,
    )
