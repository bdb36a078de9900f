"""Whether the champion's loss on new rows is out of line with the batches before: the data has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from contender.training.staleness import MeanLoss

REMEMBERED = 8
"""Batches whose losses the newest one is compared with."""
LEAST_REMEMBERED = 5
"""With fewer, no batch is out of line: three losses tell neither a level nor a usual deviation."""
SPREADS = 5.0
"""How many of their usual deviations, or of its own standard errors, a loss must be above the others."""
BATCHES_APART = 3
"""After a change the loss is high for some batches: these are no further changes."""
NORMAL = 1.4826
"""A normal distribution's standard deviation in median absolute deviations (Rousseeuw & Croux 1993)."""


@dataclass(frozen=True)
class LossRise:
    """The champion's loss on the new rows, and the losses of the batches before, each of the model that served then.

    Attributes
    ----------
    usual : their median; of fewer than five the highest.
    needed : from which loss on the data counts as changed.
    batches : how many it is compared with.
    """

    now: float
    usual: float
    needed: float
    batches: int

    @property
    def share(self) -> float:
        """By which share of the usual loss it is higher."""
        return self.now / self.usual - 1.0 if self.usual > 0.0 else 0.0

    @property
    def usual_is(self) -> str:
        """Which of the losses before is the usual one."""
        return "highest" if self.batches < LEAST_REMEMBERED else "median"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"share": self.share, "usual_is": self.usual_is}

    @property
    def is_change(self) -> bool:
        """Whether the data counts as changed."""
        return self.now > self.needed


def loss_rise(now: MeanLoss, earlier: Sequence[float], *, least_share: float) -> LossRise | None:
    """How the loss on the new rows compares with those of the batches before; None with too few of them.

    Parameters
    ----------
    earlier : the mean losses of the batches before, oldest first; the last eight count.
    least_share : the smallest rise that counts, as a share of the usual loss.

    Examples
    --------
    >>> found = loss_rise(MeanLoss(0.45, 0.01, 7), [0.30, 0.31, 0.29, 0.30, 0.30], least_share=0.25)
    >>> round(found.needed, 3), found.is_change, round(found.share, 2)
    (0.375, True, 0.5)
    >>> loss_rise(MeanLoss(0.45, 0.04, 7), [0.30, 0.31, 0.29, 0.30, 0.30], least_share=0.25).is_change  # 3.75 errors
    False
    """
    known = list(earlier[-REMEMBERED:])
    if len(known) < LEAST_REMEMBERED:
        return None
    usual = median(known)
    deviation = NORMAL * median(abs(loss - usual) for loss in known)
    needed = usual + max(SPREADS * deviation, SPREADS * now.error, least_share * abs(usual))
    return LossRise(now.value, usual, needed, len(known))


def early_rise(now: MeanLoss, earlier: Sequence[float], *, least_share: float) -> LossRise | None:
    """How the loss compares with the highest of the few batches before; None where there are none, or enough of them.

    Whether a batch may be broken cannot be told yet. That the champion does worse on it than on any other can, and the
    first models age fastest.

    Examples
    --------
    >>> early_rise(MeanLoss(47.6, 0.9, 7), [20.9, 22.5], least_share=0.25).is_change
    True
    >>> early_rise(MeanLoss(47.6, 0.9, 7), [20.9, 22.5, 39.0], least_share=0.25).is_change
    False
    """
    if not 0 < len(earlier) < LEAST_REMEMBERED:
        return None
    highest = max(earlier)
    needed = highest + max(SPREADS * now.error, least_share * abs(highest))
    return LossRise(now.value, highest, needed, len(earlier))


def is_out_of_line(now: MeanLoss, earlier: Sequence[float], *, least_share: float, unchanged: int) -> bool:
    """Whether a batch looks broken by its loss.

    Parameters
    ----------
    earlier, least_share : as for `loss_rise`; a share of 0 watches no loss.
    unchanged : batches before it since the data last changed.

    Examples
    --------
    >>> now, calm = MeanLoss(0.45, 0.01, 7), [0.30, 0.31, 0.29, 0.30, 0.30]
    >>> [is_out_of_line(now, calm, least_share=0.25, unchanged=batches) for batches in (3, 4)]
    [False, True]
    """
    if least_share <= 0.0 or unchanged <= BATCHES_APART:
        return False
    rise = loss_rise(now, earlier, least_share=least_share)
    return rise is not None and rise.is_change


def is_confirmed(now: MeanLoss, earlier: Sequence[float], *, least_share: float) -> bool:
    """Whether the batch before was out of line too, both beside the batches before the two.

    One batch out of line may be broken: the data has changed when the next one is as well.

    Examples
    --------
    >>> calm = [0.30, 0.31, 0.29, 0.30, 0.30]
    >>> is_confirmed(MeanLoss(0.45, 0.01, 7), [*calm, 0.46], least_share=0.25)
    True
    >>> is_confirmed(MeanLoss(0.45, 0.01, 7), calm, least_share=0.25)
    False
    """
    if not earlier:
        return False
    both = [loss_rise(loss, earlier[:-1], least_share=least_share) for loss in (MeanLoss(earlier[-1], 0.0, 0), now)]
    return all(rise is not None and rise.is_change for rise in both)
