"""How soon a shift of one feature could be acted on at all: detectors that know beforehand what they look for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from benchmarks.frames import DAY, FLIGHT_NUMERIC
from benchmarks.tables import markdown_table
from contender.drift.beyond_range import beyond_range

Floats = NDArray[np.float64]

LOOKS, EARLY = 60, 20


@dataclass(frozen=True)
class Oracle:
    """Detectors of one feature's shift, in sequences of days drawn from one year.

    Attributes
    ----------
    frame, column : the rows, and the feature that moves.
    known : days before the first look.
    threshold : days between two false alarms.
    sequences : how many.
    """

    frame: pd.DataFrame
    column: str
    known: int
    threshold: float
    sequences: int

    def table(self, shifts: tuple[float, ...]) -> str:
        """The share of sequences with an alarm within 20 days and within 60."""
        by_day = self.frame.groupby(self.frame[DAY].dt.day_of_year, observed=True)
        means = by_day[list(FLIGHT_NUMERIC)].mean()
        mean, largest = means[self.column].to_numpy(), by_day[self.column].max().to_numpy()
        alone = self._residual(means)
        deviation = float(self.frame[self.column].std())
        detectors: dict[str, Callable[[float], Floats]] = {
            "knows how means of days are distributed before and after": lambda add: self._of_means(mean, add),
            "knows them given the day's other features": lambda add: self._of_means(alone, add),
            "bets on days beyond the range of 59, and on nothing else": lambda add: self._beyond(largest, add),
        }
        lines = []
        for name, delays_of in detectors.items():
            delays = [delays_of(shift * deviation) for shift in shifts]
            lines.append([name, *(f"{np.mean(d <= EARLY):.0%} / {np.mean(d <= LOOKS):.0%}" for d in delays)])
        tested = [f"{self._last_day(mean, shift * deviation):.0%} / –" for shift in shifts]
        lines.append(["t test on the 20th day only, against 59 days", *tested])
        header = [f"{self.column}: within {EARLY} days / {LOOKS}", *(f"+{shift} sd" for shift in shifts)]
        spread = deviation / float(mean.std())
        return (
            f"What could be found at all? The means of days of {self.column} have a standard deviation "
            f"that is {1.0 / spread:.2f} times that of rows, so a shift of 0.3 sd is {0.3 * spread:.2f} of what days "
            f"differ by. The detectors below know beforehand which feature moves, up, and how far; the first two also "
            "know the year (its density, smoothed), so they need no reference. They sum up likelihood ratios "
            "(Shiryaev-Roberts) up to the same threshold, which is the best there is; the test spends what the budget "
            f"allows {EARLY} days all on the last of them.\n\n" + markdown_table(header, lines)
        )

    def _residual(self, means: pd.DataFrame) -> Floats:
        others = means.drop(columns=self.column)
        centred = (others - others.mean()) / others.std()
        design = np.column_stack([np.ones(len(others)), centred, centred**2])
        target = means[self.column].to_numpy()
        residual: Floats = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        return residual

    def _drawn(self, figures: Floats, days: int) -> Floats:
        random = np.random.default_rng(0)
        return figures[random.random((self.sequences, len(figures))).argsort(axis=1)[:, :days]]

    def _of_means(self, figures: Floats, add: float) -> Floats:
        """(sequences,) looks until the alarm of someone who knows both densities."""
        density = stats.gaussian_kde(figures)
        axis = np.linspace(figures.min() - 2.0 * add, figures.max() + 3.0 * add, 2_000)
        heights = np.log(density(axis) + 1e-12)
        moved = self._drawn(figures, LOOKS) + add
        ratios = np.interp(moved - add, axis, heights) - np.interp(moved, axis, heights)
        level, levels = np.zeros(self.sequences), []
        for look in range(LOOKS):
            level = (1.0 + level) * np.exp(ratios[:, look])
            levels.append(level)
        return self._first(np.stack(levels, axis=1))

    def _beyond(self, figures: Floats, add: float) -> Floats:
        """(sequences,) looks until the alarm of bets on the one event."""
        drawn = self._drawn(figures, self.known + LOOKS)
        drawn[:, self.known :] += add
        levels = [np.tril(beyond_range(row, known=self.known)).sum(axis=1) for row in drawn]
        return self._first(np.stack(levels))

    def _first(self, levels: Floats) -> Floats:
        reached = levels >= self.threshold
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)

    def _last_day(self, figures: Floats, add: float) -> float:
        """How often a test on the 20th day finds the shift, at the chance of a false alarm in 20 days."""
        drawn = self._drawn(figures, self.known + EARLY)
        after, before = drawn[:, self.known :] + add, drawn[:, : self.known]
        p_values = stats.ttest_ind(after, before, axis=1, alternative="greater").pvalue
        return float(np.mean(p_values < EARLY / self.threshold))
