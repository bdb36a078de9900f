"""How soon a shift of one feature could be acted on at all: detectors that know beforehand what they look for."""

from __future__ import annotations

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
        each = 1.0 / (2 * len(FLIGHT_NUMERIC))
        detectors: dict[str, tuple[Floats | None, Floats | None, float]] = {
            "knows how means of days are distributed before and after": (mean, None, 1.0),
            "knows them given the day's other features": (alone, None, 1.0),
            "bets on days beyond the range of 59, and on nothing else": (None, largest, 1.0),
            "both: knows means of days, and bets on the range": (mean, largest, 1.0),
            "both, given the day's other features": (alone, largest, 1.0),
            f"the same, not told which of {len(FLIGHT_NUMERIC)} features, or where to": (alone, largest, each),
        }
        lines = []
        for name, (figures, ends, stake) in detectors.items():
            delays = [self._delays(figures, ends, shift * deviation, stake) for shift in shifts]
            lines.append([name, *(f"{np.mean(d <= EARLY):.0%} / {np.mean(d <= LOOKS):.0%}" for d in delays)])
        tested = [f"{self._last_day(mean, shift * deviation):.0%} / –" for shift in shifts]
        lines.append(["t test on the 20th day only, against 59 days", *tested])
        header = [f"{self.column}: within {EARLY} days / {LOOKS}", *(f"+{shift} sd" for shift in shifts)]
        spread = deviation / float(mean.std())
        return (
            f"What could be found at all? The means of days of {self.column} have a standard deviation that is "
            f"{1.0 / spread:.2f} times that of rows, so a shift of 0.3 sd is {0.3 * spread:.2f} of theirs. "
            "The detectors below know which feature moves, up, how far; who knows means also knows the "
            "year (its density, smoothed), so needs no reference for them. They sum up likelihood ratios "
            "(Shiryaev-Roberts) up to the same threshold, close to the best there is; the test spends all that "
            f"the budget allows {EARLY} days on the last of them.\n\n" + markdown_table(header, lines)
        )

    def _residual(self, means: pd.DataFrame) -> Floats:
        others = means.drop(columns=self.column)
        centred = (others - others.mean()) / others.std()
        design = np.column_stack([np.ones(len(others)), centred, centred**2])
        target = means[self.column].to_numpy()
        residual: Floats = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        return residual

    def _days(self, of: int, count: int) -> NDArray[np.int64]:
        """(sequences, count) days of the year, in random order."""
        return np.random.default_rng(0).random((self.sequences, of)).argsort(axis=1)[:, :count]

    def _delays(self, figures: Floats | None, largest: Floats | None, add: float, stake: float) -> Floats:
        """(sequences,) looks until the alarm. Both kinds of evidence are multiplied, as if they were independent."""
        both = [values for values in (figures, largest) if values is not None]
        days = self._days(len(both[0]), self.known + LOOKS)
        gains = (
            np.zeros((self.sequences, LOOKS)) if figures is None else _log_ratios(figures, days[:, self.known :], add)
        )
        levels = []
        for chosen, gained in zip(days, gains, strict=True):
            sums = np.append(0.0, np.cumsum(gained))
            wealth = np.exp(sums[1:, None] - sums[:-1])
            if largest is not None:
                wealth *= beyond_range(
                    largest[chosen] + np.where(np.arange(len(chosen)) < self.known, 0.0, add), known=self.known
                )
            levels.append(stake * np.tril(wealth).sum(axis=1))
        return self._first(np.stack(levels))

    def _first(self, levels: Floats) -> Floats:
        reached = levels >= self.threshold
        return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)

    def _last_day(self, figures: Floats, add: float) -> float:
        """How often a test on the 20th day finds the shift, at the chance of a false alarm in 20 days."""
        drawn = figures[self._days(len(figures), self.known + EARLY)]
        after, before = drawn[:, self.known :] + add, drawn[:, : self.known]
        p_values = stats.ttest_ind(after, before, axis=1, alternative="greater").pvalue
        return float(np.mean(p_values < EARLY / self.threshold))


def _log_ratios(figures: Floats, days: NDArray[np.int64], add: float) -> Floats:
    """(sequences, looks) how much likelier each moved day is after the change than before, for who knows both laws."""
    density = stats.gaussian_kde(figures)
    axis = np.linspace(figures.min() - 2.0 * add, figures.max() + 3.0 * add, 2_000)
    heights = np.log(density(axis) + 1e-12)
    moved = figures[days] + add
    ratios: Floats = np.interp(moved - add, axis, heights) - np.interp(moved, axis, heights)
    return ratios
