"""Mirrors runs and versions from the buckets to an experiment tracker; keeps no state of its own.

A mirror and no calls from the training task: that task reaches no network but S3, and a mirror can be made again at any
time, for runs from before there was one too. A run is told in one go and marked with the state that was told; a run
whose state is the mark's is left alone, one that was cut short is told again, and telling again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contender.data.datasets import DatasetStore
from contender.errors import NotFoundError
from contender.ports import Ledger, Objects
from contender.registry.learned_rows import in_words
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.versions import CARD, EVIDENCE, EXPLANATION, MANIFEST, MODEL, ModelRegistry, ModelVersion
from contender.reports.run.evidence import CURVES
from contender.tracking.run_facts import RunFiles, parameters, points, tags
from contender.tracking.tracker import Known, TrackedDataset, TrackedRun, TrackedVersion, Tracker
from contender.workflow.run_folder import COMPARISON, DRIFT, PIPELINE_FILE, REPORT_PAGE, REPORTS, TRAINING, RunFolder

FORMAT = 1
"""Counts up when a run is told otherwise: all are then told again."""

VERSION_FILES = (MODEL, EVIDENCE, EXPLANATION, CARD)
RUN_FILES = (*REPORTS, CURVES, REPORT_PAGE, PIPELINE_FILE)
TOLD_EARLY = frozenset({TRAINING, COMPARISON, CURVES})
"""What makes a run that has not ended be told again; a canary is looked at too often for that."""

MOST_RUNS = 1000
CHAMPION, CHALLENGER = "champion", "challenger"

Draw = Callable[[Mapping[str, Any], Mapping[str, Any] | None, Mapping[str, Any] | None], Mapping[str, bytes]]
"""Evidence, explanation and the comparison's curves to pictures by file name."""


@dataclass(frozen=True)
class Mirrored:
    """What a mirroring changed: run ids, versions, and alias by what it points at now."""

    runs: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    aliases: Mapping[str, str | None] | None = None

    @property
    def nothing(self) -> bool:
        """Whether the tracker had everything already."""
        return not (self.runs or self.versions or self.aliases)


@dataclass(frozen=True)
class Mirror:
    """One pipeline of one environment, mirrored to a tracker.

    Attributes
    ----------
    environment : goes into the title, so that the same pipeline of two environments does not share an alias.
    data_uri : of the data bucket, as people would name a dataset.
    draw : makes pictures of a version's evidence.
    report : is told a line for each run and version.
    """

    pipeline: str
    environment: str
    data: Objects
    models: Objects
    ledger: Ledger
    tracker: Tracker
    draw: Draw
    data_uri: str = ""
    report: Callable[[str], None] = lambda _line: None

    @property
    def title(self) -> str:
        """Experiment and registered model: `flights` of the local cloud, `prod-flights` of an environment on AWS."""
        return self.pipeline if self.environment == "local" else f"{self.environment}-{self.pipeline}"

    @cached_property
    def registry(self) -> ModelRegistry:
        """The model versions of the pipeline."""
        return ModelRegistry(self.models, self.pipeline)

    def sync(self, *, now: float) -> Mirrored:
        """Tell the tracker what it does not know, and point its aliases where the pointer points at `now` (epoch
        seconds).

        Safe to repeat and to cut short at any point. Whatever the pointer names is finished when it is read, and so is
        among the versions that are listed after.
        """
        state = read_pointer(self.models, self.pipeline)
        known = dict(self.tracker.runs(self.title))
        written = self._runs(known)
        registered = dict(self.tracker.versions(self.title))
        new = self._versions(known, registered)
        moved = self._aliases(state.pointer if state else None, registered, now)
        return Mirrored(tuple(written), tuple(new), moved)

    def _runs(self, known: dict[str, Known]) -> list[str]:
        records = {str(record["run_id"]): record for record in self.ledger.runs(self.pipeline, limit=MOST_RUNS)}
        folders = self._folders()
        trained = [run_id for run_id, names in folders.items() if _trained(names, records.get(run_id))]
        states = {run_id: _state(records.get(run_id), folders[run_id]) for run_id in trained}
        due = [run_id for run_id in trained if run_id not in known or known[run_id].state != states[run_id]]
        runs = [self._read(run_id, records.get(run_id), folders[run_id], states[run_id]) for run_id in due]
        for number, run in enumerate(sorted(runs, key=lambda run: (run.started_at, run.run_id)), start=1):
            self._write(run, known, f"run {number} of {len(runs)}")
        return due

    def _write(self, run: TrackedRun, known: dict[str, Known], about: str) -> None:
        self.report(f"{self.title}: {about}, {run.name}")
        known[run.run_id] = Known(self.tracker.write_run(self.title, run, known.get(run.run_id)), run.state)

    def _folders(self) -> dict[str, set[str]]:
        """The names of the files of every run."""
        prefix = f"runs/{self.pipeline}/"
        found: dict[str, set[str]] = {}
        for key in self.data.keys(prefix):
            run_id, _slash, name = key[len(prefix) :].partition("/")
            found.setdefault(run_id, set()).add(name)
        return found

    def _read(self, run_id: str, record: Mapping[str, Any] | None, names: set[str], state: str) -> TrackedRun:
        folder = RunFolder(self.data, self.pipeline, run_id)
        reports = folder.reports()
        version = str(reports.get("training", {}).get("model_version", ""))
        model = self._model(version)
        files = {f"run/{name}": self.data.get(folder.key(name)).body for name in RUN_FILES if name in names}
        return self._tell(RunFiles(run_id, record, reports, model.manifest if model else None), model, files, state)

    def _model(self, version: str) -> ModelVersion | None:
        try:
            return self.registry.read(version) if version else None
        except NotFoundError:
            return None

    def _tell(self, found: RunFiles, model: ModelVersion | None, files: dict[str, bytes], state: str) -> TrackedRun:
        if model is not None:
            files |= {f"version/{name}": body for name, body in self._version_files(model).items()}
        evidence, explanation, compared = (
            json.loads(files[name]) if name in files else None
            for name in (f"version/{EVIDENCE}", f"version/{EXPLANATION}", f"run/{CURVES}")
        )
        if evidence is not None or compared is not None:
            pictures = self.draw(evidence or {}, explanation, compared)
            files |= {f"plots/{name}": body for name, body in pictures.items()}
        told = RunFiles(found.run_id, found.record, found.reports, found.manifest, evidence)
        record = found.record or {}
        return TrackedRun(
            run_id=told.run_id,
            name=told.name,
            status=told.status,
            started_at=str(record.get("started_at") or (found.manifest or {}).get("created_at", "")),
            seconds=float(record.get("seconds", 0.0)),
            parameters=parameters(told),
            points=points(told),
            tags=tags(told) | {"pipeline": self.pipeline, "environment": self.environment},
            datasets=self._datasets(found.manifest or {}),
            files=files,
            state=state,
        )

    def _version_files(self, model: ModelVersion) -> dict[str, bytes]:
        manifest = {MANIFEST: json.dumps(model.manifest, indent=2, sort_keys=True).encode()}
        there = [name for name in VERSION_FILES if name in model.manifest["files"]]
        return manifest | {name: self.registry.file(model, name) for name in there}

    def _datasets(self, manifest: Mapping[str, Any]) -> list[TrackedDataset]:
        store, found = DatasetStore(self.data, self.pipeline), []
        for version in manifest.get("datasets", ()):
            try:
                dataset = store.manifest(version)
            except NotFoundError:  # its keep has run out; the model is there all the same
                continue
            uri = f"{self.data_uri}/{store.key(version, dataset.part)}".lstrip("/")
            found.append(TrackedDataset(version, dataset.part_sha256, uri, dataset.rows))
        return found

    def _versions(self, known: dict[str, Known], registered: dict[str, str]) -> list[str]:
        """Register what is new, oldest first: the tracker counts them in that order."""
        new = [version for version in self.registry.versions() if version not in registered]
        for version in new:
            model = self.registry.read(version)
            run_id = str(model.manifest["run_id"])
            if run_id not in known:  # its folder is gone, or says nothing yet
                run = self._tell(RunFiles(run_id, manifest=model.manifest), model, {}, state="")
                self._write(run, known, "a run without a folder")
            self.report(f"{self.title}: version {version}")
            registered[version] = self.tracker.write_version(self.title, _version(model, known[run_id].id))
        return new

    def _aliases(self, pointer: Pointer | None, registered: Mapping[str, str], now: float) -> dict[str, str | None]:
        trial = pointer.challenger if pointer else None
        wanted = {
            CHAMPION: pointer.champion if pointer else None,
            CHALLENGER: trial.version if trial is not None and trial.is_on(now) else None,
        }
        there = self.tracker.aliases(self.title) if registered else {}
        moved: dict[str, str | None] = {}
        for alias, version in wanted.items():
            number = registered.get(version) if version else None
            if there.get(alias) != number:
                self.tracker.set_alias(self.title, alias, number)
                moved[alias] = version
        return moved


def version_files(
    data: Objects, registry: ModelRegistry, model: ModelVersion
) -> tuple[RunFiles, dict[str, Any] | None]:
    """What is known of the run that made a version, and the version's explanation, for those who show just that."""
    run_id = str(model.manifest["run_id"])
    evidence, explanation = (
        json.loads(registry.file(model, name)) if name in model.manifest["files"] else None
        for name in (EVIDENCE, EXPLANATION)
    )
    reports = RunFolder(data, registry.pipeline, run_id).reports()
    return RunFiles(run_id, None, reports, model.manifest, evidence), explanation


def _trained(names: set[str], record: Mapping[str, Any] | None) -> bool:
    """Whether training was begun: it left its report, or the run failed after it was decided to train."""
    return TRAINING in names or (DRIFT in names and record is not None and record["verdict"] == "failed")


def _state(record: Mapping[str, Any] | None, names: set[str]) -> str:
    """A digest that changes when a run has more to tell: a step's report, and in the end the record."""
    content = json.dumps([FORMAT, record, sorted(names if record else names & TOLD_EARLY)], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _version(model: ModelVersion, run: str) -> TrackedVersion:
    manifest = model.manifest
    holdout = ", ".join(f"{name} {value:.4g}" for name, value in manifest["metrics"].items() if value is not None)
    return TrackedVersion(
        version=model.version,
        run=run,
        description=f"{manifest['estimator']['name']}, {in_words(manifest)}. On the holdout: {holdout}.",
        tags={
            "run_id": str(manifest["run_id"]),
            "manifest_sha256": model.manifest_sha256,
            "code_sha": str(manifest["code"]["sha"]),
        },
    )
