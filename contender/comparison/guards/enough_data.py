"""Guard: does the holdout have enough rows and blocks?"""

from __future__ import annotations

from dataclasses import dataclass

from contender.comparison.guards.status import Status
from contender.formatting import amount
from contender.pipeline.promotion_policy import PromotionPolicy


@dataclass(frozen=True)
class EnoughData:
    """How many rows and blocks there are, and how many are needed."""

    status: Status
    reason: str
    rows: int
    min_rows: int
    blocks: int
    min_blocks: int


def enough_data(rows: int, blocks: int, policy: PromotionPolicy) -> EnoughData:
    """Whether the holdout is large enough for any verdict.

    Examples
    --------
    >>> enough_data(100, 7, PromotionPolicy()).reason
    '100 rows in 7 blocks; the minimum is 200 rows and 5 blocks.'
    """
    enough = rows >= policy.min_rows and blocks >= policy.min_blocks
    reason = f"{amount(rows, blocks)}; the minimum is {policy.min_rows:,} rows and {policy.min_blocks:,} blocks."
    status: Status = "passed" if enough else "undecided"
    return EnoughData(status, reason, rows, policy.min_rows, blocks, policy.min_blocks)
