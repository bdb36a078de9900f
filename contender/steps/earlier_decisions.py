"""What the runs of earlier batches decided about a training, from their drift.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contender.data.datasets import DatasetManifest
from contender.errors import NotFoundError
from contender.steps.loop_run import LoopRun
from contender.training.loss_change import REMEMBERED
from contender.workflow.run_folder import DRIFT, RunFolder

TRAINING, UNCHANGED_SINCE = "training", "unchanged_since"
"""The decision in a run's drift.json, and in it the number of the first dataset version since the data last changed."""


@dataclass(frozen=True)
class Decisions:
    """Some runs' decisions, the newest first."""

    found: Sequence[Mapping[str, Any]]

    @property
    def unchanged_since(self) -> int:
        """The number of the first dataset version since the data last changed."""
        return max((int(each.get(UNCHANGED_SINCE, 0)) for each in self.found), default=0)

    @property
    def losses(self) -> list[float]:
        """The champion's loss on each batch, oldest first."""
        return [each["loss"]["value"] for each in reversed(self.found) if each.get("loss")]


@dataclass(frozen=True)
class EarlierDecisions:
    """Reads each run's decision once."""

    run: LoopRun
    known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, manifests: Sequence[DatasetManifest], *, before: int) -> Decisions:
        """Those of the newest of these dataset versions, before the one with this number. Runs without one are left
        out."""
        runs = [found.run_id for found in reversed(manifests) if found.sequence < before]
        read = map(self._decision, list(dict.fromkeys(runs))[:REMEMBERED])
        return Decisions([found for found in read if found])

    def _decision(self, run_id: str) -> Mapping[str, Any]:
        if run_id not in self.known:
            try:
                found = RunFolder(self.run.data, self.run.pipeline, run_id).read(DRIFT).get(TRAINING)
            except NotFoundError:
                found = None
            self.known[run_id] = found or {}
        return self.known[run_id]
