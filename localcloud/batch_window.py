"""How many messages of a queue a function is called with, and when: as Lambda gathers them.

References
----------
AWS Lambda Developer Guide, "Using Lambda with Amazon SQS", batching behaviour,
docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WITHOUT_WINDOW = 10
"""Lambda takes a larger batch with a window of a second at least only."""
WINDOW_SECONDS = 1.0
"""The longest that a message waits for others, whatever the mapping says: here somebody waits for it."""
MOST_BYTES = 5_000_000
"""Of all messages of a batch; Lambda takes 6 MB, with what it says about them."""


@dataclass(frozen=True)
class Waiting:
    """A message that may be received: since when (epoch seconds), and its size in bytes."""

    since: float
    size: int


def batch_size(messages: Sequence[Waiting], *, most: int, now: float) -> int:
    """How many of these messages, the first ones, the function is called with now; 0 while others are waited for.

    Examples
    --------
    >>> two = [Waiting(since=10.0, size=100), Waiting(since=10.5, size=100)]
    >>> batch_size(two, most=100, now=10.9), batch_size(two, most=100, now=11.0), batch_size(two, most=2, now=10.9)
    (0, 2, 2)
    """
    fitting, total = 0, 0
    for message in messages[:most]:
        total += message.size
        if fitting and total > MOST_BYTES:
            break
        fitting += 1
    is_full = fitting == most or fitting < len(messages)
    is_over = any(now - message.since >= WINDOW_SECONDS for message in messages)
    return fitting if is_full or is_over else 0
