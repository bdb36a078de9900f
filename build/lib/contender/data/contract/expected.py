"""What is known before a file comes: from earlier uploads, and from the clock."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from statistics import median

from contender.data.datasets import DatasetManifest
from contender.pipeline.config import PipelineConfig

A_DAY = 86_400.0
"""In seconds. So far a clock may be ahead of ours, time zones included."""

LAST_UPLOADS, FEWEST_UPLOADS = 10, 3
"""The uploads whose rows say how many a file has, and how many there must be."""


@dataclass(frozen=True)
class Expected:
    """What the next file is compared with; by default nothing.

    Attributes
    ----------
    classes : of the target, in the uploads so far; none where there were none, or where any may come.
    latest : the largest time stamp that a row may have, in epoch seconds.
    oldest : the least that the largest time stamp of a file may be, in epoch seconds.
    rows : the median number of rows of the last uploads; 0.0 where there were too few to tell.
    class_shares : the share of each class in the rows of all uploads.
    levels : the values of text columns in the uploads so far; without columns that have too many to tell.
    """

    classes: tuple[str, ...] = ()
    latest: float = math.inf
    oldest: float = -math.inf
    rows: float = 0.0
    class_shares: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[str, frozenset[str]] = field(default_factory=dict)


NOTHING_EXPECTED = Expected()


def expected_of(config: PipelineConfig, manifests: Sequence[DatasetManifest], *, now: float) -> Expected:
    """What the dataset versions so far, and the clock, say of the next file.

    Parameters
    ----------
    manifests : in the order of arrival, without versions that are left out.
    now : in epoch seconds.
    """
    days, summaries = config.validation.max_age_days, [found.summary for found in manifests if found.summary]
    counts: Counter[str] = Counter()
    for summary in summaries:
        counts.update(summary.labels)
    levels = {}
    for name in columns_with_levels(config):
        kept = list(takewhile(lambda found: found is not None, (found.levels.get(name) for found in summaries[::-1])))
        if kept:  # since the limit was set; none where the newest upload had too many
            levels[name] = frozenset(level for found in kept for level in found or ())
    sizes = [found.rows + found.known for found in manifests]
    return Expected(
        classes=known_classes(config, [found.classes for found in manifests]),
        latest=now + A_DAY,
        oldest=now - days * A_DAY if days else -math.inf,
        rows=median(sizes[-LAST_UPLOADS:]) if len(sizes) >= FEWEST_UPLOADS else 0.0,
        class_shares={name: count / counts.total() for name, count in counts.items()},
        levels=levels,
    )


def columns_with_levels(config: PipelineConfig) -> tuple[str, ...]:
    """The columns that have a limit of values not seen before.

    Examples
    --------
    >>> columns_with_levels(PipelineConfig(name="shop", task="binary", target="y", categorical=("a", "b")))
    ()
    """
    limits = dict.fromkeys(config.categorical, config.validation.max_unseen_fraction)
    limits |= {name: own.max_unseen for name, own in config.contract.items() if own.max_unseen is not None}
    return tuple(name for name, limit in limits.items() if limit < 1.0)


def known_classes(config: PipelineConfig, of_each: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The classes that rows may have; none where any may come.

    Parameters
    ----------
    of_each : the classes of each upload so far.

    Examples
    --------
    >>> shop = PipelineConfig(name="shop", task="binary", target="y", numeric=("x",))
    >>> known_classes(shop, [("no",), ("no", "yes")]), known_classes(shop, [("no",)])
    (('no', 'yes'), ())
    """
    known = tuple(sorted({label for classes in of_each for label in classes}))
    if config.task == "binary":
        return known if len(known) == 2 else ()
    return () if config.validation.new_classes else known
