"""Calendars: retrain at set times, and serve what comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Times = tuple[int, ...]
"""Batches after which a model is trained, as a loss matrix counts them: 0 is the first model's last batch."""


def every(each: int, batches: int) -> Times:
    """After every so many batches, as long as another one follows.

    Examples
    --------
    >>> every(2, 7)
    (2, 4)
    """
    return tuple(range(each, batches - 1, each))


def evenly(retrains: int, batches: int) -> Times:
    """So many, as evenly as it goes.

    Examples
    --------
    >>> evenly(3, 9), evenly(0, 9)
    ((2, 4, 6), ())
    """
    steps = np.arange(1, retrains + 1) * (batches - 1) / (retrains + 1)
    return tuple(sorted({int(step) for step in np.maximum(1, np.round(steps)).tolist()}))


def with_as_many(retrains: int, batches: int) -> Iterator[Times]:
    """The calendars that a policy of so many retrains is compared with: the most frequent one of whole batches that has
    no more, and as many evenly spread."""
    yield next((times for each in range(1, batches) if len(times := every(each, batches)) <= retrains), ())
    yield evenly(retrains, batches)
