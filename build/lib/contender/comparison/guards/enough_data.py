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
    >>> enough_data(40, 7, PromotionPolicy()).reason
    '40 rows in 7 blocks; the minimum is 50 rows and 1 block.'
    """
    least_blocks = f"{policy.least_blocks:,} block{'' if policy.least_blocks == 1 else 's'}"
    enough = rows >= policy.least_rows and blocks >= policy.least_blocks
    reason = f"{amount(rows, blocks)}; the minimum is {policy.least_rows:,} rows and {least_blocks}."
    status: Status = "passed" if enough else "undecided"
    return EnoughData(status, reason, rows, policy.least_rows, blocks, policy.least_blocks)
