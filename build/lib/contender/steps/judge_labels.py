"""What labels say when a window of the prediction log is judged: live performance, and rows that could be learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from contender.data.feedback_rows import RECEIVED_AT, VERSION, FeedbackFormat, newest_labels
from contender.errors import InvalidInputError
from contender.live.label_evidence import fresh_labels_evidence, performance_evidence
from contender.live.performance import Performance, live_slices
from contender.live.starts import Start
from contender.pipeline.config import PipelineConfig
from contender.ports import Objects
from contender.registry.versions import ModelReader
from contender.steps.gather_labels import Gathered, LabelGatherer
from contender.steps.performance_of_labels import performance_of_labels
from contender.table import Table
from contender.workflow.live_evidence import LiveEvidence

LOOK_BACK_DAYS = 14
"""Of labels: a fall that is seen takes days, and older ones say what a version was like."""
MOST_FILES = 5_000
"""The newest are read: one a minute for three days and a half, one an hour for more than that."""

Fetch = Callable[[Sequence[str]], Iterator[bytes]]
"""The objects of the data bucket with these keys, in their order."""


@dataclass(frozen=True)
class LabelJudge:
    """Judges labels once for all windows of a call.

    Attributes
    ----------
    starts : runs that live evidence has started: what one was started for is no evidence for another.
    """

    config: PipelineConfig
    data: Objects
    models: ModelReader
    fetch: Fetch
    format: FeedbackFormat
    now: datetime
    starts: Sequence[Start] = ()

    @cached_property
    def performance(self) -> Performance | None:
        """Of all versions, by the labels of the last days; None without any."""
        rows = self._labels()
        if not len(rows):
            return None
        rows = newest_labels(rows)
        kept = rows.select_rows(np.flatnonzero(rows[RECEIVED_AT] > self._answered_until(rows)))
        return performance_of_labels(kept, self.config, self.models)

    @cached_property
    def fresh(self) -> Gathered:
        """What a run would learn from feedback now."""
        return LabelGatherer(self.data, self.config, self.format, self.now).gather()

    def evidence(self, champion: str, window: str) -> list[LiveEvidence]:
        """What labels say for starting a run."""
        found = [
            performance_evidence(self.performance, champion=champion, window=window) if self.performance else None,
            fresh_labels_evidence(self.fresh.chosen, self.config.live, champion=champion, window=window),
        ]
        return [each for each in found if each is not None]

    def report(self) -> dict[str, Any] | None:
        """Live performance as JSON values, for the window's report."""
        return self.performance.to_dict() if self.performance is not None else None

    def _labels(self) -> Table:
        days = [(self.now - timedelta(days=back)).date().isoformat() for back in range(LOOK_BACK_DAYS, -2, -1)]
        keys = [key for day in days for key in self.data.keys(f"feedback/{self.config.name}/dt={day}/")]
        bodies = self.fetch(keys[-MOST_FILES:])
        return Table.concatenate([found for body in bodies if (found := self._read(body)) is not None])

    def _read(self, body: bytes) -> Table | None:
        """None where a file is damaged, which the run that gathers labels names."""
        try:
            return self.format.read_feedback(body, self.config, live_slices(self.config))
        except InvalidInputError:
            return None

    def _answered_until(self, rows: Table) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(n,) until when a run was started for what labels of the row's version said: evidence begins anew then."""
        at = {
            start.version: datetime.fromisoformat(start.at).astimezone(UTC).timestamp()
            for start in self.starts
            if start.trigger == "performance-alarm"
        }
        return np.array([at.get(version, -np.inf) for version in rows[VERSION].tolist()], dtype=np.float64)
