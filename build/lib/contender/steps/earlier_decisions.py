"""What the runs of earlier batches decided about a training, and how far their estimates were off: from drift.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contender.data.datasets import DatasetManifest
from contender.drift.performance.past_errors import LaterErrors
from contender.errors import NotFoundError
from contender.steps.loop_run import LoopRun
from contender.training.loss_change import REMEMBERED
from contender.workflow.run_folder import DRIFT, RunFolder

TRAINING, UNCHANGED_SINCE = "training", "unchanged_since"
"""The decision in a run's drift.json, and in it the number of the first dataset version since the data last changed."""


@dataclass(frozen=True)
class Decisions:
    """Some runs' decisions, the newest first, and by metric how far their estimates were off."""

    found: Sequence[Mapping[str, Any]]
    estimate_errors: LaterErrors = field(default_factory=dict)

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
        reports = [found for found in map(self._report, list(dict.fromkeys(runs))[:REMEMBERED]) if found.get(TRAINING)]
        return Decisions([found[TRAINING] for found in reports], _estimate_errors(reports))

    def _report(self, run_id: str) -> Mapping[str, Any]:
        if run_id not in self.known:
            try:
                self.known[run_id] = RunFolder(self.run.data, self.run.pipeline, run_id).read(DRIFT)
            except NotFoundError:
                self.known[run_id] = {}
        return self.known[run_id]


def _estimate_errors(reports: Sequence[Mapping[str, Any]]) -> LaterErrors:
    """By metric (rows, realised minus estimated), of whatever champion served then."""
    errors: dict[str, list[tuple[int, float]]] = {}
    for found in reports:
        for check in (found.get("realised") or {}).get("metrics", ()):
            rows = int(found["estimated"]["rows"])
            errors.setdefault(check["name"], []).append((rows, check["realised"] - check["estimated"]))
    return errors
