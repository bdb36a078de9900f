"""The interface of an experiment tracker; `contender.adapters.trackers.mlflow` implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contender.tracking.run_facts import Point, Status


@dataclass(frozen=True)
class TrackedDataset:
    """A dataset version that a model was trained on."""

    version: str
    sha256: str
    uri: str
    rows: int


@dataclass(frozen=True)
class TrackedRun:
    """All that a tracker is told of a run. `started_at` is an ISO time; empty where it is not known."""

    run_id: str
    name: str
    status: Status
    started_at: str
    seconds: float
    parameters: Mapping[str, str]
    points: Sequence[Point]
    tags: Mapping[str, str]
    datasets: Sequence[TrackedDataset]
    files: Mapping[str, bytes]
    state: str


@dataclass(frozen=True)
class TrackedVersion:
    """A model version, and the tracker's own name of the run that it came of."""

    version: str
    run: str
    description: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Known:
    """A run as the tracker has it: its own name for it, and the state that was told; empty when telling was cut."""

    id: str
    state: str


class Tracker(Protocol):
    """An experiment tracker, seen from one of our pipelines: one experiment and one registered model, both `title`."""

    def runs(self, title: str) -> Mapping[str, Known]:
        """The runs that are there, by our run id."""

    def write_run(self, title: str, run: TrackedRun, known: Known | None) -> str:
        """Tell a run, whole; its state last. Answers the tracker's own name for it."""

    def versions(self, title: str) -> Mapping[str, str]:
        """The registered model's versions: the tracker's number by our version."""

    def write_version(self, title: str, version: TrackedVersion) -> str:
        """Register a version; answers its number."""

    def aliases(self, title: str) -> Mapping[str, str]:
        """Number by alias."""

    def set_alias(self, title: str, alias: str, number: str | None) -> None:
        """Point an alias at a version; None takes it away."""
