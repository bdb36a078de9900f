"""What an experiment is planned from: labels lately, how losses of the two differ, how often the champion changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import pi, sqrt
from typing import Any

from contender.cli.clouds import Workbench
from contender.errors import NotFoundError
from contender.predictions.live_metrics import LiveCounts, total
from contender.predictions.record import CHALLENGER, SHADOW_OF, VARIANTS
from contender.registry.pointer import Pointer
from contender.rollout.experiments.metrics import LOSS
from contender.rollout.experiments.plan import DaySpread, spread_of_days, spread_on_holdout
from contender.rollout.paired_losses import NO_PAIRS, HoldoutSpread, PairedLosses
from contender.steps.live_pairs import LOOK_BACK_DAYS, pairs_in, wait_days
from contender.workflow.run_folder import COMPARISON, RunFolder

SWAPS_BACK_DAYS = 90
LEAST_PAIRS, LEAST_DAYS = 500, 4
"""Labelled rows, and days, of an earlier trial of the same two that say more than the holdout."""
DAYS_DIFFER = 0.035
"""Of the champion's loss: how far one day of two equal models is from another, docs/decisions/0034."""


class Facts:
    """What live metrics, history and comparison say at `now`."""

    def __init__(
        self, bench: Workbench, pointer: Pointer, version: str, *, relative: bool, now: datetime, metric: str = LOSS
    ) -> None:
        self._bench, self._pointer, self._version, self._relative = bench, pointer, version, relative
        self._metric = metric
        self._now, self._history = now, bench.ledger.promotions(bench.pipeline)
        names = dict.fromkeys([pointer.champion, version, *(str(entry["champion"]) for entry in self._history)])
        self._answered = {name: self._counts(name) for name in names}

    def _counts(self, version: str) -> LiveCounts:
        since, until = (self._now - timedelta(days=LOOK_BACK_DAYS)).timestamp(), self._now.timestamp()
        live = self._bench.predictions.live
        return total(live(self._bench.pipeline, version, variant, since, until) for variant in VARIANTS)

    def _days_since_first(self, most: int) -> float:
        times = [datetime.fromisoformat(str(entry["swapped_at"])) for entry in self._history]
        first = min(times, default=datetime.fromisoformat(self._pointer.swapped_at))
        return min(float(most), max(1.0, (self._now - first) / timedelta(days=1)))

    @property
    def labels_a_day(self) -> float:
        """Rows whose label has come, of those predicted in the last 14 days, a day."""
        labels = sum(counts.labels for counts in self._answered.values())
        return labels / self._days_since_first(LOOK_BACK_DAYS)

    @property
    def wait_days(self) -> int:
        """Until nine of ten labels have come; a day where nothing is known."""
        return wait_days(self._bench.predictions, self._bench.pipeline, self._now)

    @property
    def swaps_a_day(self) -> float:
        """How often the champion has changed in the last 90 days."""
        since = self._now - timedelta(days=SWAPS_BACK_DAYS)
        swaps = [
            entry
            for entry in self._history
            if entry["kind"] in ("promotion", "rollback") and datetime.fromisoformat(str(entry["swapped_at"])) >= since
        ]
        return max(0, len(swaps) - 1) / self._days_since_first(SWAPS_BACK_DAYS)

    def spread(self, manifest: Mapping[str, Any]) -> DaySpread | None:
        """How far the losses of the two differ, by the best source there is; None where there is none.

        Parameters
        ----------
        manifest : of the challenger.
        """
        live = self._answered[self._pointer.champion]
        days = self._earlier_trial()
        if len(days) >= LEAST_DAYS and sum(day.rows for day in days) >= LEAST_PAIRS:
            return spread_of_days(days, relative=self._relative, source="labels of an earlier trial of the same two")
        try:
            comparison = RunFolder(self._bench.data, self._bench.pipeline, str(manifest["run_id"])).read(COMPARISON)
        except (NotFoundError, KeyError):
            comparison = {}
        found, loss = comparison.get("paired_spread"), live.mean_loss
        if self._metric == LOSS and found is not None and (loss or not self._relative):
            compared = comparison.get("champion")
            same = compared in (None, self._pointer.champion)
            source = "the comparison on the holdout" + ("" if same else f", where the champion was {compared}")
            return spread_on_holdout(
                HoldoutSpread.from_dict(found), loss or 1.0, relative=self._relative, source=source
            )
        if self._metric == LOSS:
            return None if loss is None else _assumed(live, loss, relative=self._relative)
        return _assumed_of_errors(live, relative=self._relative)

    def _earlier_trial(self) -> Sequence[PairedLosses]:
        """The days of the last 14 on which both predicted."""
        until = self._now.timestamp()
        days: dict[str, PairedLosses] = {}
        for variant in (CHALLENGER, SHADOW_OF[CHALLENGER]):
            minutes = self._bench.predictions.live_minutes(
                self._bench.pipeline, self._version, variant, until - LOOK_BACK_DAYS * 86_400.0, until
            )
            for minute, pairs in pairs_in(minutes, self._metric):
                days[minute[:10]] = days.get(minute[:10], NO_PAIRS) + pairs
        return list(days.values())


def _assumed(live: LiveCounts, loss: float, *, relative: bool) -> DaySpread:
    """Where the two have never been compared: as if their losses correlated by a half."""
    row = sqrt(max(0.0, live.loss_square_sum / live.labels - loss * loss))
    unit = loss if relative and loss > 0.0 else 1.0
    source = "the champion's own losses, as the two have not been compared (an assumption)"
    return DaySpread(row / unit, DAYS_DIFFER * loss / unit, source)


def _assumed_of_errors(live: LiveCounts, *, relative: bool) -> DaySpread | None:
    """The same of errors: of wrong classes by the live accuracy; of a regression as if its errors were normal, whose
    absolute values have a standard deviation of 0.756 of their mean (the square root of π/2 - 1)."""
    source = "the champion's own errors, as the two have not been compared by their errors (an assumption)"
    if relative:
        return DaySpread(sqrt(pi / 2.0 - 1.0), DAYS_DIFFER, source) if live.labels else None
    if live.accuracy is None:
        return None
    wrong = 1.0 - live.accuracy
    return DaySpread(sqrt(wrong * live.accuracy), DAYS_DIFFER * wrong, source)
