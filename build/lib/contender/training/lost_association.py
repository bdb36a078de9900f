"""Whether columns that always went together no longer do: a column was shuffled, or labels are wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import atanh, sqrt
from statistics import median

from contender.data.associations import MOST_ROWS
from contender.data.row_summary import RowSummary
from contender.training.loss_change import NORMAL

LEAST_BATCHES = 4
"""With fewer before, no association is steady."""
LEAST_STEADY = 0.25
"""The weakest association, as Fisher's z, that can be lost."""
STEADY, LOST = 0.5, 0.25
"""It was steady if it was at least this share of its median in each batch, and is lost below this share of it."""
SPREADS = 5.0
"""By how many of its usual deviations, or standard errors, it must be weaker."""
MOST_CERTAIN = 0.999


def lost_association(summary: RowSummary, earlier: Sequence[Mapping[str, float]]) -> str:
    """The association that is lost, in a sentence; empty where there is none.

    Parameters
    ----------
    earlier : the associations of the batches before.

    Examples
    --------
    >>> before = [{"delay and late": r} for r in (0.45, 0.50, 0.48, 0.52)]
    >>> lost_association(RowSummary(500, associations={"delay and late": 0.01}), before)
    'The correlation of delay and late is 0.01, where 0.49 is usual.'
    >>> lost_association(RowSummary(500, associations={"delay and late": 0.30}), before)
    ''
    """
    error = 1.0 / sqrt(max(min(summary.rows, MOST_ROWS) - 3, 1))
    for between, now in summary.associations.items():
        known = [each[between] for each in earlier if between in each]
        if len(known) >= LEAST_BATCHES and _is_lost(now, known, error=error):
            return f"The correlation of {between} is {now:.2f}, where {median(known):.2f} is usual."
    return ""


def _is_lost(now: float, known: Sequence[float], *, error: float) -> bool:
    usual = median(map(_z, known))
    side = 1.0 if usual >= 0.0 else -1.0
    strength = abs(usual)
    if strength < LEAST_STEADY or min(side * _z(each) for each in known) < STEADY * strength:
        return False
    spread = max(NORMAL * median(abs(_z(each) - usual) for each in known), error)
    left = side * _z(now)
    return left < max(LOST * strength, 2.0 * error) and strength - left > SPREADS * spread


def _z(correlation: float) -> float:
    """Fisher's transform, whose error does not depend on the correlation."""
    return atanh(max(-MOST_CERTAIN, min(MOST_CERTAIN, correlation)))
