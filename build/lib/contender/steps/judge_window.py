"""JudgeWindow: reads closed windows of the prediction log, judges them, and starts a run where their evidence asks.

It is no state of the loop: the loop has a lease for one training, and windows close whether or not a training is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any

from contender.data.feedback_rows import FeedbackFormat
from contender.data.periods import DAYS_OF_PERIOD
from contender.drift.batch_check import Reference
from contender.drift.profiles.profile import Profile
from contender.errors import ContenderError
from contender.formatting import counted
from contender.live.counting import WindowCounter
from contender.live.drift import (
    FIRST_WINDOWS,
    MOST_WINDOWS,
    Observed,
    VersionDrift,
    class_shares,
    judge_drift,
)
from contender.live.file_times import FileTimes, TimesOf
from contender.live.logged_rows import LoggedRows, not_comparable
from contender.live.reference import PREDICTED_CLASS, with_predicted_class
from contender.live.report import LiveStore
from contender.live.starts import Start, StartLog, choose
from contender.live.windows import LogFile, Window, closed_windows, files_of, is_due, window_period
from contender.pipeline.config import PipelineConfig
from contender.ports import Ledger, Log, Objects
from contender.predictions.holdout_counts import HOLDOUT_COUNTS, from_bytes
from contender.predictions.live_metrics import Outputs
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.versions import REFERENCE, ModelRegistry, ModelVersion
from contender.steps.judge_labels import Fetch, LabelJudge
from contender.workflow.live_evidence import LiveEvidence

ReadLoggedRows = Callable[[Iterable[bytes], Mapping[str, Any], Callable[[int], None]], Iterator[LoggedRows]]
"""Reads the rows of files of one version; the manifest is the version's, and the function is told which files, by their
number, cannot be read."""
Send = Callable[[LiveEvidence], None]
"""Puts an event on the bus."""


@dataclass(frozen=True)
class WindowJudge:
    """Where a pipeline's windows are read, and who is told of them."""

    config: PipelineConfig
    data: Objects
    models: Objects
    ledger: Ledger
    fetch: Fetch
    read_rows: ReadLoggedRows
    times_of: TimesOf
    send: Send
    log: Log
    read_feedback: FeedbackFormat | None = None
    _references: dict[str, Profile | None] = field(default_factory=dict)

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.config.name

    @property
    def store(self) -> LiveStore:
        """What is kept of the windows."""
        return LiveStore(self.data, self.pipeline)

    @property
    def registry(self) -> ModelRegistry:
        """The pipeline's model versions."""
        return ModelRegistry(self.models, self.pipeline)

    def judge(self, now: datetime) -> list[dict[str, Any]]:
        """Judge the windows that are due, oldest first, and start a run if the newest has evidence for one.

        Returns their reports.
        """
        found = read_pointer(self.models, self.pipeline)
        if found is None:
            return []
        starts, _ = StartLog(self.data, self.pipeline).read()
        reports, labels = [], self._labels(now, starts)
        windows = closed_windows(now, self.period(found.pointer))
        days = dict.fromkeys(day for one in windows for day in one.days)  # hours of a day have its folder in common
        of_day = {day: self._files(day, windows[0]) for day in days}
        for window in windows:
            files = files_of(window, chain.from_iterable(of_day[day] for day in window.days))
            names = [file.name for of_version in files.values() for file in of_version]
            before = self.store.report(window.name)
            if is_due(names, before.get("files") if before else None):
                report = self._judge(window, files, found.pointer, now, starts, again=before is not None)
                report |= self._of_labels(labels, window, report)
                self.store.write_report(report)
                reports.append(report)
        self._start(found.pointer, now)
        return reports

    def period(self, pointer: Pointer) -> str:
        """How long the windows are."""
        champion = self.registry.read(pointer.champion)
        return window_period(self.config.live.window, self._block_period(self._reference(champion)))

    def _block_period(self, reference: Profile | None) -> str | None:
        """Of the blocks that live rows can be ranked among: those of time, where the reference has enough of them."""
        config = self.config
        by_time = bool(config.time) and not config.block
        if reference is None or not by_time or config.drift.null == "rows":
            return None
        least = config.drift.min_blocks if config.drift.null == "auto" else 1
        return config.block_period if len(reference.blocks) >= least else None

    def _labels(self, now: datetime, starts: Sequence[Start]) -> LabelJudge | None:
        if self.read_feedback is None:
            return None
        return LabelJudge(self.config, self.data, self.registry, self.fetch, self.read_feedback, now, starts)

    def _of_labels(self, labels: LabelJudge | None, window: Window, report: Mapping[str, Any]) -> dict[str, Any]:
        """What labels add to a window's report; that they cannot be read is no reason not to judge the window."""
        if labels is None:
            return {}
        try:
            evidence = labels.evidence(report["champion"], window.name)
            found = {"performance": labels.report(), "feedback": labels.fresh.to_dict()}
        except Exception:
            self.log.exception("the labels of live predictions could not be judged", window=window.name)
            return {}
        return {**found, "evidence": [*report["evidence"], *map(asdict, evidence)]}

    def _files(self, day: str, window: Window) -> Sequence[LogFile]:
        """The files of a day's folder, with the times of their rows where windows like this one are parts of a day."""
        keys = self.data.keys(f"predictions/{self.pipeline}/dt={day}/")
        if window.is_whole_days:
            return list(map(LogFile, keys))
        return FileTimes(self.data, self.pipeline, day).of(keys, self.fetch, self.times_of)

    def _judge(
        self,
        window: Window,
        files: Mapping[str, Sequence[LogFile]],
        pointer: Pointer,
        now: datetime,
        starts: Sequence[Start],
        *,
        again: bool,
    ) -> dict[str, Any]:
        versions = {version: self._judge_version(window, version, found, starts) for version, found in files.items()}
        found = versions.get(pointer.champion)
        return {
            "window": window.name,
            "period": window.period,
            "from": window.start.isoformat(),
            "until": window.end.isoformat(),
            "pipeline": self.pipeline,
            "champion": pointer.champion,
            "judged_at": now.isoformat(),
            "judged_again": again,
            "files": sorted(file.name for of_version in files.values() for file in of_version),
            "versions": versions,
            "evidence": [asdict(one) for one in drift_evidence(window, pointer.champion, found)],
        }

    def _judge_version(
        self, window: Window, version: str, files: Sequence[LogFile], starts: Sequence[Start]
    ) -> dict[str, Any]:
        """One version's rows, against what that version was trained on."""
        model = self._model(version)
        reference = self._reference(model) if model is not None else None
        if model is None or reference is None:
            why = "its model version cannot be read" if model is None else "the version has no reference profile"
            return {"rows": 0, **VersionDrift("no profile", f"Not judged: {why}.").to_dict()}
        unreadable: list[str] = []
        counter = self._count(window, model, reference, files, unreadable)
        counted = counter.profile()
        self.store.write_profile(version, window, counted)
        drift = self._drift(window, model, reference, counted, starts)
        return {
            "rows": counter.rows,
            "repeated_rows": counter.repeated,
            "unreadable_files": unreadable,
            "stands_for": round(counter.stands_for),
            **replace(drift, reason=f"{counted_words(counter, unreadable)} {drift.reason}").to_dict(),
            "classes": class_shares(reference, counted, PREDICTED_CLASS),
        }

    def _model(self, version: str) -> ModelVersion | None:
        try:
            return self.registry.read(version)
        except ContenderError as error:
            self.log.error("a version in the prediction log cannot be read", version=version, reason=str(error))
            return None

    def _reference(self, model: ModelVersion) -> Profile | None:
        """Its reference profile, read once; None for a version that has none, or one that this code cannot read."""
        if model.version not in self._references:
            self._references[model.version] = self._read_reference(model)
        return self._references[model.version]

    def _read_reference(self, model: ModelVersion) -> Profile | None:
        try:
            profile = Reference.from_bytes(self.registry.file(model, REFERENCE)).profile
        except ContenderError as error:
            self.log.info("a version has no reference profile", version=model.version, reason=str(error))
            return None
        try:
            holdout = from_bytes(self.registry.file(model, HOLDOUT_COUNTS))
        except ContenderError:
            holdout = []
        return with_predicted_class(profile, holdout, Outputs.of(model.manifest))

    def _count(
        self, window: Window, model: ModelVersion, reference: Profile, files: Sequence[LogFile], unreadable: list[str]
    ) -> WindowCounter:
        """The counts of a version's rows; the names of files that cannot be read are added to `unreadable`."""
        block_period = self._block_period(reference)
        counter = WindowCounter(window, reference.grid, self.pipeline, self.config.serving, block_period)

        def tell(number: int) -> None:
            unreadable.append(files[number].name)
            self.log.error("a file of the prediction log cannot be read", key=files[number].key)

        for rows in self.read_rows(self.fetch([file.key for file in files]), model.manifest, tell):
            counter.add(rows)
        return counter

    def _drift(
        self, window: Window, model: ModelVersion, reference: Profile, counted: Profile, starts: Sequence[Start]
    ) -> VersionDrift:
        before = [one for one in self.store.windows_of(model.version) if one.period == window.period and one < window]
        first = before[: FIRST_WINDOWS.get(window.period, 1)]
        read = [*first, *(one for one in before[-MOST_WINDOWS:] if one not in first)]
        profiles = ((one, self.store.profile(model.version, one)) for one in read)
        observed = [Observed(one, each) for one, each in profiles if each is not None and each.grid == reference.grid]
        through = max((start.window for start in starts if start.version == model.version), default="")
        block_period = self._block_period(reference)
        return judge_drift(
            reference,
            [*observed, Observed(window, counted)],
            self.config.drift,
            answered=sum(one.window.name <= through for one in observed),
            days_per_block=DAYS_OF_PERIOD[block_period] if block_period else 1.0,
            not_comparable=not_comparable(model.manifest, self.config.serving),
            known_skew=self._known_skew(model.version, before),
        )

    def _known_skew(self, version: str, before: Sequence[Window]) -> Sequence[str]:
        """The columns that the window before found to differ since the first day."""
        report = self.store.report(before[-1].name) if before else None
        found = (report or {}).get("versions", {}).get(version, {})
        return tuple(found.get("skewed", ()))

    def _start(self, pointer: Pointer, now: datetime) -> None:
        """Start a run by the newest report, unless it waits; it is looked at again each time until a newer one."""
        newest = self.store.newest(1)
        if not newest:
            return
        of_champion = [one for one in newest[0].get("evidence", []) if one["version"] == pointer.champion]
        log = StartLog(self.data, self.pipeline)
        starts, etag = log.read()
        lease = self.ledger.lease(self.pipeline)
        running = lease is not None and lease.expires_at > now.timestamp()
        chosen, why_not = choose(
            [_evidence_of(one) for one in of_champion], starts, self.config.live, now=now, running=running
        )
        if chosen is None:
            if why_not:
                self.log.info("live evidence starts no run", reason=why_not, window=newest[0]["window"])
            return
        start = Start(chosen.trigger, chosen.window, chosen.version, now.isoformat())
        if not log.write([*starts, start], etag):
            return
        try:
            self.send(chosen)
        except Exception:
            log.write(starts, log.read()[1])  # what was not sent is tried again
            raise
        self.log.info("live evidence starts a run", trigger=chosen.trigger, window=chosen.window)


def drift_evidence(window: Window, version: str, found: Mapping[str, Any] | None) -> list[LiveEvidence]:
    """What starts a run with trigger `drift-alarm`: that the champion drifted since its first day.

    Parameters
    ----------
    found : what the window shows of it; None where it answered nothing.
    """
    if found is None or found["kind"] != "drift":
        return []
    over_time = (found["drift"] or {}).get("evidence") or {}
    figures = {"rows": float(found["rows"])}
    if over_time:
        figures |= {"evidence_days": over_time["level"], "threshold_days": over_time["threshold"]}
    return [LiveEvidence("drift-alarm", window.name, version, found["reason"], tuple(found["features"]), figures)]


def counted_words(counter: WindowCounter, unreadable: Sequence[str] = ()) -> str:
    """How many predictions were looked at, and of how many.

    Examples
    --------
    >>> from datetime import UTC
    >>> from contender.drift.profiles.grid import ProfileGrid
    >>> from contender.pipeline.serving_policy import ServingPolicy
    >>> window = Window.of(datetime(2026, 3, 1, tzinfo=UTC), "day")
    >>> counted_words(WindowCounter(window, ProfileGrid(()), "shop", ServingPolicy(), rows=50, stands_for=500.0))
    '50 predictions, a sample of about 500.'
    """
    sample = f", a sample of about {round(counter.stands_for):,}" if round(counter.stands_for) > counter.rows else ""
    lost = f" {counted(len(unreadable), 'file')} could not be read." if unreadable else ""
    return f"{counter.rows:,} predictions{sample}.{lost}"


def _evidence_of(content: Mapping[str, Any]) -> LiveEvidence:
    return LiveEvidence(**{**content, "features": tuple(content["features"])})
