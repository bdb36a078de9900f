"""What a batch is compared with: the rows of all batches before it, from their summaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contender.data.row_summary import RowSummary
from contender.training.loss_change import REMEMBERED
from contender.training.lost_association import lost_association
from contender.training.suspect_batch import BatchSigns

Floats = NDArray[np.float64]

LEAST_COMPARABLE = 32
"""Hashes of a batch that every earlier sketch would have. With fewer, each counts, and those found are too few."""


@dataclass
class EarlierBatches:
    """The batches before the next one.

    Attributes
    ----------
    rows, moved : of each batch that models are trained on: its rows, and how far its columns had moved.
    repeated, outside : what was measured of every batch when it came: usual values for the next one.
    hashes : of rows, each with the batch that it was seen in first.
    complete_to : every hash up to here is known of all batches.
    seen : (batches, quantiles) of each numeric column.
    associations : of each batch that models are trained on.
    """

    rows: list[int] = field(default_factory=list)
    repeated: list[float] = field(default_factory=list)
    outside: dict[str, list[float]] = field(default_factory=dict)
    moved: dict[str, list[float]] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    complete_to: float = np.inf
    seen: dict[str, Floats] = field(default_factory=dict)
    associations: list[Mapping[str, float]] = field(default_factory=list)

    def signs(self, summary: RowSummary, *, loss_rose: bool) -> BatchSigns:
        """What is known of a batch that has come."""
        return BatchSigns(
            rows=summary.rows,
            usual_rows=tuple(self.rows),
            repeated=self._repeated_share(summary.sketch),
            usual_repeated=tuple(self.repeated),
            outside=self._outside(summary.quantiles),
            usual_outside={name: tuple(shares) for name, shares in self.outside.items()},
            moved=self._moved(summary.quantiles),
            usual_moved={name: tuple(moves[-REMEMBERED:]) for name, moves in self.moved.items()},
            repeated_from=self._source(summary.sketch),
            lost_association=lost_association(summary, self.associations[-REMEMBERED:]),
            loss_rose=loss_rose,
        )

    def remember(self, summary: RowSummary) -> None:
        """Let what a batch shares with those before count as usual for the next one, whatever becomes of it."""
        if self.hashes and summary.sketch:  # else it was compared with nothing
            self.repeated.append(self._repeated_share(summary.sketch))
        for name, share in self._outside(summary.quantiles).items():
            self.outside.setdefault(name, []).append(share)

    def accept(self, name: str, summary: RowSummary) -> None:
        """Let the rows of a batch that models are trained on count as seen."""
        self.rows.append(summary.rows)
        for value in summary.sketch:
            self.hashes.setdefault(value, name)
        if summary.sketch_is_cut:
            self.complete_to = min(self.complete_to, summary.sketch[-1])
        if summary.associations:
            self.associations.append(summary.associations)
        for column, distance in self._moved(summary.quantiles).items():
            self.moved.setdefault(column, []).append(distance)
        for column, values in summary.quantiles.items():
            before = self.seen.get(column, np.empty((0, len(values))))
            self.seen[column] = np.vstack([before, values])

    def _repeated_share(self, sketch: Sequence[int]) -> float:
        """The share of the rows that were there before, as far as the sketches tell."""
        if not sketch or not self.hashes:
            return 0.0
        comparable = [value for value in sketch if value <= self.complete_to]
        if len(comparable) < LEAST_COMPARABLE:
            comparable = list(sketch)
        return sum(value in self.hashes for value in comparable) / len(comparable)

    def _source(self, sketch: Sequence[int]) -> str:
        """The batch in which most of the repeated rows were seen first; empty where none was."""
        sources = [self.hashes[value] for value in sketch if value in self.hashes]
        return max(dict.fromkeys(sources), key=sources.count, default="")

    def _outside(self, quantiles: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Of each column that was seen before, the share of its values outside of all that was seen."""
        return {
            name: outside_of(values, self.seen[name][:, 0].min(), self.seen[name][:, -1].max())
            for name, values in quantiles.items()
            if name in self.seen
        }

    def _moved(self, quantiles: Mapping[str, Sequence[float]]) -> dict[str, float]:
        """Of each column that was seen before, how far its deciles are from those of the nearest batch, in spreads."""
        return {
            name: distance_to_nearest(np.array(values), self.seen[name])
            for name, values in quantiles.items()
            if name in self.seen
        }


def distance_to_nearest(quantiles: Floats, seen: Floats) -> float:
    """The largest difference of a decile to the nearest batch, as a share of that batch's 10 % to 90 % range; of its
    whole range where most values are one.

    Parameters
    ----------
    quantiles, seen : (q,) of a batch and (n, q) of others: the smallest value, deciles, the largest value.

    Examples
    --------
    >>> distance_to_nearest(np.array([0.0, 2.0, 4.0, 6.0, 8.0]), np.array([[0.0, 1.0, 2.0, 3.0, 4.0]]))
    1.5
    """
    inner, whole = seen[:, -2] - seen[:, 1], seen[:, -1] - seen[:, 0]
    spread = np.where(inner > 0.0, inner, whole)
    spread = np.where(spread > 0.0, spread, np.maximum(np.abs(seen[:, 0]), 1.0))
    return float((np.abs(seen - quantiles)[:, 1:-1].max(axis=1) / spread).min())


def outside_of(quantiles: Sequence[float], low: float, high: float) -> float:
    """The share of the values outside of a range, by their quantiles at even steps.

    Examples
    --------
    >>> outside_of([0.0, 1.0, 2.0, 3.0, 4.0], 1.0, 3.5)
    0.375
    """
    return _below(quantiles, low) + _below([-value for value in reversed(quantiles)], -high)


def _below(quantiles: Sequence[float], bound: float) -> float:
    """The share of the values below a bound; between two quantiles they are taken to be evenly spread.

    Examples
    --------
    >>> _below([1.0, 1.0, 1.0], 1.0), _below([1.0, 1.0, 1.0], 2.0), _below([0.0, 2.0], 0.5)
    (0.0, 1.0, 0.25)
    """
    place = int(np.searchsorted(quantiles, bound, side="left"))
    steps = len(quantiles) - 1
    if place == 0 or steps == 0:
        return float(place > 0)
    if place > steps:
        return 1.0
    before, after = quantiles[place - 1], quantiles[place]
    return (place - 1 + (bound - before) / (after - before)) / steps
