"""The batches of an arm that looked broken when they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contender.data.row_summary import RowSummary
from contender.replay.history import HistoryBatch
from contender.training.arriving_batches import ArrivingBatches, Decided


@dataclass
class BatchFates:
    """What the loop's own check decided.

    Attributes
    ----------
    checked : whether the arm checks batches.
    out : the names of the batches that no model is trained or judged on, as it is now.
    """

    checked: bool
    batches: ArrivingBatches = field(default_factory=ArrivingBatches)
    out: set[str] = field(default_factory=set)

    def take(self, name: str, summary: RowSummary) -> None:
        """A batch that came before there was a champion."""
        self.batches.take(name, summary)

    def arrive(self, name: str, summary: RowSummary, *, loss_rose: bool) -> Mapping[str, Decided]:
        """Decide about a batch, and about the one before it where that was set aside."""
        if not self.checked:
            return {}
        decided = self.batches.arrive(name, summary, loss_rose=loss_rose)
        for each, found in decided.items():
            if found.fate in ("set aside", "left out"):
                self.out.add(each)
            else:
                self.out.discard(each)
        return decided

    def usable(self, batches: Sequence[HistoryBatch]) -> Sequence[HistoryBatch]:
        """Those of these batches that models are trained and judged on."""
        return [batch for batch in batches if batch.name not in self.out]
