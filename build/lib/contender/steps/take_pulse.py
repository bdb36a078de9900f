"""Pulse: gathers what is known of a pipeline, and derives its gauges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from contender.data.datasets import DatasetReader
from contender.errors import ContenderError, DamagedChampionError, DamagedPointerError
from contender.ports import Ledger, ReadObjects
from contender.predictions.holdout_counts import HOLDOUT_COUNTS, from_bytes
from contender.predictions.live_metrics import LiveCounts, total
from contender.predictions.record import CHALLENGER, CHAMPION
from contender.predictions.table_entries import ARRIVALS, OLDEST_AGE
from contender.pulse.champion import followed_since
from contender.pulse.live import LEAST_LABELS, LiveSeen, usual_labels
from contender.pulse.runs import UPLOADED, CurrentRun
from contender.pulse.settings import PulseSettings
from contender.pulse.take import Gathered, gauges_of
from contender.pulse.times import time_of
from contender.registry.champion import read_champion
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.versions import ModelReader, ModelVersion
from contender.steps.live_pairs import LiveMetrics
from contender.steps.month_budget import NEWEST_RUNS, newest_runs
from contender.workflow.claims import LEASE_SECONDS

RUNS_TO_AN_UPLOAD = 1_000
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FORMER_WEEKS = 4
LABELLED_DAYS = 7
LOGGED_WITHIN = timedelta(minutes=10)
"""Predictions and labels are in the table after this; what is newer is not counted yet."""
RARE = 0.01
"""Ages that fewer labels have are not worth reading the predictions of."""
FORMER_CHAMPIONS = 3
"""Versions that are looked for, beside the one that the pointer names, among those that answer."""


@dataclass
class ChampionFacts:
    """What is not read each time while the function stays warm: files of versions, which never change, and counts of
    many days, which are read again after an hour."""

    newest_rows_at: dict[str, str | None] = field(default_factory=dict)
    holdout: dict[str, Sequence[LiveCounts]] = field(default_factory=dict)
    labelled_days: dict[str, tuple[datetime, list[LiveCounts]]] = field(default_factory=dict)
    former_labels: tuple[datetime, Sequence[float]] = (datetime.min.replace(tzinfo=UTC), ())


@dataclass(frozen=True)
class PulseTaker:
    """Where a pipeline's state is read.

    Attributes
    ----------
    is_running : whether a run of the pipeline is in progress.
    facts : of its versions, as far as they are known.
    """

    settings: PulseSettings
    ledger: Ledger
    data: ReadObjects
    models: ReadObjects
    live: LiveMetrics
    is_running: Callable[[str], bool]
    facts: ChampionFacts

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.settings.pipeline

    def take(self, now: datetime) -> dict[str, float]:
        """The gauges of the pipeline at this time, as far as there is evidence for them."""
        pointer, damaged = self._pointer()
        history = self.ledger.promotions(self.pipeline)
        champion = None
        if pointer is not None:
            champion, damaged = self._champion(pointer)
        return gauges_of(
            Gathered(
                settings=self.settings,
                now=now,
                runs=self._runs(now),
                current=self._current(pointer, now),
                pending=self.ledger.pending_batches(self.pipeline),
                pointer=pointer,
                history=history,
                damaged=damaged,
                another_serves=pointer is not None and self._another_serves(pointer, history, now),
                newest_rows_at=self._newest_rows_at(champion) if champion is not None else None,
                live=self._live(pointer, champion, history, now),
            )
        )

    def _runs(self, now: datetime) -> Sequence[Mapping[str, Any]]:
        """Back to the newest upload, if there is one among a thousand runs."""
        runs = newest_runs(self.ledger, self.pipeline, now)
        if len(runs) < NEWEST_RUNS or any(run.get("trigger") in UPLOADED for run in runs):
            return runs
        return max(runs, self.ledger.runs(self.pipeline, limit=RUNS_TO_AN_UPLOAD), key=len)

    def _current(self, pointer: Pointer | None, now: datetime) -> CurrentRun | None:
        """The run that holds the lease, which it took a fixed time before the lease ends."""
        lease = self.ledger.lease(self.pipeline)
        if lease is None:
            return None
        since = datetime.fromtimestamp(lease.expires_at - LEASE_SECONDS, tz=now.tzinfo)
        asked = self.ledger.approval(self.pipeline, lease.owner)
        trial = pointer.challenger if pointer is not None else None
        bakes = trial is not None and trial.run_id == lease.owner and trial.is_on(now.timestamp())
        return CurrentRun(
            lease.owner,
            since,
            "running" if self.is_running(lease.owner) else "ended",
            waits=bakes or (asked is not None and not asked.answer),
        )

    def _pointer(self) -> tuple[Pointer | None, bool]:
        """The champion pointer, and whether it is there and cannot be read."""
        try:
            found = read_pointer(self.models, self.pipeline)
        except DamagedPointerError:
            return None, True
        return (found.pointer if found is not None else None), False

    def _champion(self, pointer: Pointer) -> tuple[ModelVersion | None, bool]:
        """Its manifest, and whether it is gone or another one than was promoted."""
        try:
            return read_champion(ModelReader(self.models, self.pipeline), pointer), False
        except DamagedChampionError:
            return None, True
        except ContenderError:
            return None, False

    def _newest_rows_at(self, champion: ModelVersion) -> str | None:
        """When the newest of the dataset versions that it was trained on arrived."""
        known = self.facts.newest_rows_at
        if champion.version not in known:
            newest = (champion.manifest.get("datasets") or ("",))[-1]
            try:
                known[champion.version] = DatasetReader(self.data, self.pipeline).manifest(newest).created_at
            except (ContenderError, TypeError, KeyError):
                known[champion.version] = None
        return known[champion.version]

    def _another_serves(self, pointer: Pointer, history: Sequence[Mapping[str, Any]], now: datetime) -> bool:
        """Whether a former champion answered since every instance has seen the pointer, by the log of predictions."""
        since = followed_since(pointer, history)
        if since is None or since >= now:
            return False
        former = dict.fromkeys(swap.champion for swap in reversed(pointer.past))
        others = [version for version in former if version != pointer.champion][:FORMER_CHAMPIONS]
        return any(self._count(version, CHAMPION, max(since, now - HOUR), now).requests for version in others)

    def _live(
        self,
        pointer: Pointer | None,
        champion: ModelVersion | None,
        history: Sequence[Mapping[str, Any]],
        now: datetime,
    ) -> LiveSeen:
        until = now - LOGGED_WITHIN
        begun = min(filter(None, (time_of(entry.get("swapped_at")) for entry in history)), default=None)
        if pointer is None or begun is None:
            return LiveSeen()
        weeks = [timedelta(weeks=number) for number in range(1, FORMER_WEEKS + 1)]
        serving = time_of(pointer.swapped_at) or now
        return LiveSeen(
            requests=self._requests(history, until) if begun <= until - HOUR else None,
            former_requests=[self._requests(history, until - ago) for ago in weeks if begun <= until - ago - HOUR],
            labels=self._count(*ARRIVALS, until - DAY, until).labels if begun <= until - DAY else None,
            former_labels=self._former_labels(history, until, [ago for ago in weeks if begun <= until - ago - DAY]),
            day=self._count(pointer.champion, CHAMPION, until - DAY, until) if serving <= until - DAY else None,
            days=self._labelled_days(pointer.champion, max(serving, until - LABELLED_DAYS * DAY), until),
            holdout=self._holdout(champion) if champion is not None else (),
        )

    def _requests(self, history: Sequence[Mapping[str, Any]], until: datetime) -> int:
        return self._answered(history, until - HOUR, until).requests

    def _answered(self, history: Sequence[Mapping[str, Any]], since: datetime, until: datetime) -> LiveCounts:
        """The counts of whatever versions answered then."""
        served = {version for entry in _in_force(history, since, until) for version in _answering(entry)}
        return total(
            self._count(version, variant, since, until)
            for version in sorted(served)
            for variant in (CHAMPION, CHALLENGER)
        )

    def _former_labels(
        self, history: Sequence[Mapping[str, Any]], until: datetime, weeks: Sequence[timedelta]
    ) -> Sequence[float]:
        """What labels are to be expected, by each of these former weeks."""
        read_at, usual = self.facts.former_labels
        if timedelta(0) <= until - read_at < HOUR and len(usual) == len(weeks):
            return usual
        usual = [self._usual_labels(history, until, ago) for ago in weeks]
        self.facts.former_labels = until, usual
        return usual

    def _usual_labels(self, history: Sequence[Mapping[str, Any]], until: datetime, ago: timedelta) -> float:
        def rows(age: int, at: datetime) -> int:
            return self._answered(history, at - (age + 1) * DAY, at - age * DAY).rows

        arrived = self._count(*ARRIVALS, until - ago - DAY, until - ago)
        common = [age for age, count in arrived.ages.items() if age < OLDEST_AGE and count >= RARE * arrived.labels]
        return usual_labels(arrived, {age: (rows(age, until - ago), rows(age, until)) for age in common})

    def _labelled_days(self, version: str, since: datetime, until: datetime) -> list[LiveCounts]:
        """Counts by day, from the newest back to where there are enough labels."""
        read_at, days = self.facts.labelled_days.get(version, (until - HOUR, []))
        if timedelta(0) <= until - read_at < HOUR:
            return days
        read_at, days = until, []
        while until > since and sum(day.labels for day in days) < 10 * LEAST_LABELS:
            days.append(self._count(version, CHAMPION, max(since, until - DAY), until))
            until -= DAY
        self.facts.labelled_days[version] = read_at, days
        return days

    def _holdout(self, champion: ModelVersion) -> Sequence[LiveCounts]:
        """Nothing for a version from before its holdout was counted."""
        known = self.facts.holdout
        if champion.version not in known:
            try:
                body = ModelReader(self.models, self.pipeline).file(champion, HOLDOUT_COUNTS)
                known[champion.version] = from_bytes(body)
            except (ContenderError, KeyError):
                known[champion.version] = ()
        return known[champion.version]

    def _count(self, version: str, variant: str, since: datetime, until: datetime) -> LiveCounts:
        """The counts from one time up to another, by whole minutes."""
        last = until - timedelta(minutes=1)
        found = self.live.live_minutes(self.pipeline, version, variant, since.timestamp(), last.timestamp())
        return total(counts for _, counts in found)


def _in_force(history: Sequence[Mapping[str, Any]], since: datetime, until: datetime) -> list[Mapping[str, Any]]:
    """The entries, newest first, whose versions answered at some time between."""
    found: list[Mapping[str, Any]] = []
    for entry in history:
        swapped = time_of(entry.get("swapped_at"))
        if swapped is None or swapped >= until:
            continue
        found.append(entry)
        if swapped <= since:
            break
    return found


def _answering(entry: Mapping[str, Any]) -> list[str]:
    trial = entry.get("challenger") or {}
    return [str(version) for version in (entry.get("champion"), trial.get("version")) if version]
