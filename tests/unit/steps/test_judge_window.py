"""JudgeWindow on ports: windows are read, judged and answered once, whatever their files do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contender.drift.batch_check import Reference, RowSample
from contender.drift.profiles.counting import fit_profile
from contender.live.logged_rows import LoggedRows
from contender.live.report import LiveStore
from contender.live.starts import StartLog
from contender.pipeline.config import overridden
from contender.registry.versions import REFERENCE, ModelVersion
from contender.steps.judge_window import WindowJudge
from contender.table import Table
from contender.workflow.live_evidence import LiveEvidence
from tests.unit.steps.loop_world import LoopWorld

START = datetime(2026, 3, 1, tzinfo=UTC)
FEATURES = [{"name": "amount", "kind": "numeric"}]
SERVED = {"task": "regression", "features": FEATURES}


def day(number: float) -> datetime:
    """So many days after the first window begins."""
    return START + timedelta(days=number)


def next_morning(number: int) -> datetime:
    """When the window of a day is judged."""
    return day(number + 1) + timedelta(hours=1)


class Quiet:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, msg: object, **fields: Any) -> None:
        self.said.append(f"{msg} {fields.get('reason', '')}")

    error = exception = info


@dataclass
class LiveWorld:
    """A pipeline whose champion answers, and the files of its log."""

    world: LoopWorld = field(default_factory=LoopWorld)
    files: dict[bytes, LoggedRows] = field(default_factory=dict)
    sent: list[LiveEvidence] = field(default_factory=list)
    log: Quiet = field(default_factory=Quiet)
    settings: Sequence[str] = ()
    fails: bool = False

    def add_model(self, name: str, *, blocks: int = 12, profile: bool = True) -> ModelVersion:
        """A version that was trained on amounts around 50, in so many days."""
        random = np.random.default_rng(7)
        amount = random.normal(50.0, 10.0, 100 * blocks)
        labels = np.repeat([f"2025-12-{number + 1:02d}" for number in range(blocks)], 100)
        fitted = fit_profile(Table({"amount": amount}), numeric=["amount"], prediction=amount, blocks=labels)
        reference = Reference(fitted, RowSample(("amount",), np.zeros((0, 1), dtype=np.uint8), None), None)
        dataset = self.world.add_dataset_of_days(range(10)) if not self.world.tables else "0000000000000001"
        files = {REFERENCE: reference.to_bytes()} if profile else {}
        return self.world.add_model(name, [dataset], files=files, **SERVED)

    def crown(self, name: str, **how: Any) -> None:
        self.world.crown(self.add_model(name, **how))

    def predict(
        self,
        when: datetime,
        n: int = 100,
        *,
        version: str = "v1",
        dearer: float = 0.0,
        ids: NDArray[np.uint64] | None = None,
        fraction: float = 1.0,
        name: str = "",
    ) -> None:
        """Log predictions from a moment on, a second apart; `name` is the file's."""
        random = np.random.default_rng(round(when.timestamp()))
        amount = random.normal(50.0 + dearer, 10.0, n)
        body = f"file {len(self.files)}".encode()
        self.files[body] = LoggedRows(
            ids=random.integers(0, 2**63, n, dtype=np.uint64) if ids is None else ids,
            at=when.timestamp() + np.arange(n, dtype=np.float64),
            features=Table({"amount": amount}),
            prediction=amount,
            predicted=None,
            stands_for=np.full(n, 1.0 / fraction),
        )
        name = name or f"{len(self.files):020x}"
        self.world.data.put(f"predictions/shop/dt={when.date()}/{version}-{name}.parquet", body)

    def quiet_days(self, count: int) -> None:
        for number in range(count):
            self.predict(day(number))
            self.judge(next_morning(number))

    def judge(self, now: datetime) -> list[dict[str, Any]]:
        return self.judging().judge(now)

    def judging(self) -> WindowJudge:
        def read(
            bodies: Iterable[bytes], _: Mapping[str, Any], unreadable: Callable[[int], None]
        ) -> Iterator[LoggedRows]:
            for number, body in enumerate(bodies):
                if body in self.files:
                    yield self.files[body]
                else:
                    unreadable(number)

        def fetch(keys: Sequence[str]) -> Iterator[bytes]:
            return (self.world.data.get(key).body for key in keys)

        def times_of(body: bytes) -> tuple[float, float]:
            return float(self.files[body].at.min()), float(self.files[body].at.max())

        def send(evidence: LiveEvidence) -> None:
            if self.fails:
                raise ConnectionError("the bus is away")
            self.sent.append(evidence)

        return WindowJudge(
            overridden(self.world.config, self.settings),
            self.world.data,
            self.world.models,
            self.world.ledger,
            fetch=fetch,
            read_rows=read,
            times_of=times_of,
            send=send,
            log=self.log,
        )

    @property
    def starts(self) -> list[str]:
        return [start.window for start in StartLog(self.world.data, "shop").read()[0]]


@pytest.fixture
def live() -> LiveWorld:
    found = LiveWorld()
    found.crown("v1")
    return found


def test_without_a_champion_or_predictions_nothing_is_judged() -> None:
    assert LiveWorld().judge(next_morning(0)) == []
    empty = LiveWorld()
    empty.crown("v1")
    assert empty.judge(next_morning(0)) == []


def test_a_window_is_judged_once_when_its_day_and_the_grace_have_passed(live: LiveWorld) -> None:
    live.predict(day(0.5))
    assert live.judge(day(1) + timedelta(minutes=14)) == []
    (report,) = live.judge(day(1) + timedelta(minutes=15))
    assert (report["window"], report["champion"]) == ("2026-03-01", "v1")
    assert report["versions"]["v1"]["kind"] == "stable"
    assert report["versions"]["v1"]["reason"].startswith("100 predictions. First day of this version: as in training.")
    assert live.judge(next_morning(0)) == []
    (kept,) = LiveStore(live.world.data, "shop").newest(5)
    assert kept == json.loads(json.dumps(report))


def test_drift_later_names_the_features_and_starts_one_run(live: LiveWorld) -> None:
    live.quiet_days(2)
    for number in range(2, 9):
        live.predict(day(number), dearer=40.0)
        live.judge(next_morning(number))
    (sent,) = live.sent
    assert (sent.trigger, sent.version) == ("drift-alarm", "v1")
    assert set(sent.features) == {"amount", "prediction"}
    assert sent.figures["evidence_days"] >= sent.figures["threshold_days"] == 1460.0
    assert live.starts == [sent.window]


def test_what_differs_on_the_first_day_is_skew_and_starts_nothing(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows"]
    for number in range(3):
        live.predict(day(number), dearer=40.0)
        (report,) = live.judge(next_morning(number))
    found = report["versions"]["v1"]
    assert set(found["skewed"]) == {"amount", "prediction"}
    assert (found["features"], live.sent) == ([], [])
    assert "Training-serving skew in" in found["reason"]


def test_with_few_blocks_a_skew_that_shows_after_days_is_still_no_drift(live: LiveWorld) -> None:
    """Twelve known days make no p-value below 1/13: the first day alone cannot show it."""
    for number in range(9):
        live.predict(day(number), dearer=40.0)
        (report,) = live.judge(next_morning(number))
    assert set(report["versions"]["v1"]["skewed"]) == {"amount", "prediction"}
    assert live.sent == []


def test_a_window_whose_files_came_late_is_judged_again(live: LiveWorld) -> None:
    live.predict(day(0.5))
    live.judge(next_morning(0))
    live.predict(day(0.25), 50)
    (again,) = live.judge(next_morning(0) + timedelta(hours=1))
    assert (again["window"], again["judged_again"], again["versions"]["v1"]["rows"]) == ("2026-03-01", True, 150)


def test_rows_that_are_in_two_files_count_once(live: LiveWorld) -> None:
    ids = np.arange(120, dtype=np.uint64)
    live.predict(day(0.5), 120, ids=ids)
    live.predict(day(0.5), 120, ids=ids)
    (report,) = live.judge(next_morning(0))
    assert (report["versions"]["v1"]["rows"], report["versions"]["v1"]["repeated_rows"]) == (120, 120)


def test_a_window_of_three_rows_is_too_few_and_is_no_error(live: LiveWorld) -> None:
    live.predict(day(0.5), 3)
    (report,) = live.judge(next_morning(0))
    assert report["versions"]["v1"]["kind"] == "too few rows"


def test_rows_are_judged_by_the_version_that_answered_and_only_the_champion_starts_a_run(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows"]
    live.quiet_days(1)
    live.crown("v2")
    live.predict(day(1), dearer=40.0)
    live.predict(day(1.5), version="v2")
    (report,) = live.judge(next_morning(1))
    assert {name: found["kind"] for name, found in report["versions"].items()} == {"v1": "drift", "v2": "stable"}
    assert live.sent == []


def test_a_version_without_a_profile_is_named_and_hinders_nobody(live: LiveWorld) -> None:
    live.add_model("v0", profile=False)
    live.predict(day(0.5))
    live.predict(day(0.5), version="v0")
    live.predict(day(0.5), version="gone")
    (report,) = live.judge(next_morning(0))
    kinds = {name: found["kind"] for name, found in report["versions"].items()}
    assert kinds == {"v0": "no profile", "v1": "stable", "gone": "no profile"}
    assert "the version has no reference profile" in report["versions"]["v0"]["reason"]


def test_evidence_waits_for_a_run_in_progress_and_starts_one_after_it(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows"]
    live.quiet_days(1)
    live.predict(day(1), dearer=40.0)
    live.world.ledger.acquire_lease("shop", "run-9", now=next_morning(1).timestamp(), seconds=1800)
    live.judge(next_morning(1))
    assert (live.sent, live.log.said[-1][-63:]) == (
        [],
        "A run is in progress; the evidence is looked at again after it.",
    )
    live.judge(next_morning(1) + timedelta(hours=1))
    assert [one.window for one in live.sent] == ["2026-03-02"]


def test_what_could_not_be_sent_is_sent_the_next_time(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows"]
    live.quiet_days(1)
    live.predict(day(1), dearer=40.0)
    live.fails = True
    with pytest.raises(ConnectionError):
        live.judge(next_morning(1))
    live.fails = False
    live.judge(next_morning(1) + timedelta(hours=1))
    assert (len(live.sent), live.starts) == (1, ["2026-03-02"])


def test_a_pause_lies_between_two_starts(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows", "live.pause_hours=36.0"]
    live.quiet_days(1)
    for number in range(1, 5):
        live.predict(day(number), dearer=40.0)
        live.judge(next_morning(number))
    assert live.starts == ["2026-03-02", "2026-03-04"]


def test_a_pipeline_that_starts_nothing_on_drift_still_reports_it(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows", 'live.start_on=["fresh-labels"]']
    live.quiet_days(1)
    live.predict(day(1), dearer=40.0)
    (report,) = live.judge(next_morning(1))
    assert (report["versions"]["v1"]["kind"], live.sent) == ("drift", [])


def test_windows_of_an_hour_read_their_own_files_only(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows", "live.window=hour"]
    live.predict(day(0) + timedelta(hours=1), 120)
    live.predict(day(0) + timedelta(hours=2, minutes=59), 120)  # half of it is of the next hour
    reports = live.judge(day(0) + timedelta(hours=5))
    assert {report["window"]: report["versions"]["v1"]["rows"] for report in reports} == {
        "2026-03-01T01": 120,
        "2026-03-01T02": 60,
        "2026-03-01T03": 60,
    }


def test_hours_that_come_out_of_order_are_judged_each_once_and_count_in_the_order_of_time(live: LiveWorld) -> None:
    """The log of 03:00 is there first; that of 01:00 lay in the queue, and comes two hours later, in two parts."""
    live.settings = ["drift.null=rows", "live.window=hour"]

    def judged(hour: int) -> dict[str, int]:
        reports = live.judge(day(0) + timedelta(hours=hour))
        return {report["window"]: report["versions"]["v1"]["rows"] for report in reports}

    live.predict(day(0) + timedelta(hours=3), 120)
    assert judged(5) == {"2026-03-01T03": 120}
    live.predict(day(0) + timedelta(hours=1), 60)
    assert judged(6) == {"2026-03-01T01": 60}
    live.predict(day(0) + timedelta(hours=1, minutes=30), 50)
    assert judged(7) == {"2026-03-01T01": 110}
    assert judged(8) == {}
    store = LiveStore(live.world.data, "shop")
    assert [window.name for window in store.windows_of("v1")] == ["2026-03-01T01", "2026-03-01T03"]
    assert store.newest(1)[0]["window"] == "2026-03-01T03"


def test_a_damaged_list_of_starts_stops_no_judging(live: LiveWorld) -> None:
    live.settings = ["drift.null=rows"]
    live.quiet_days(2)
    live.world.data.put("live/shop/starts.json", b'[{"trigger"')
    live.predict(day(2), dearer=40.0)
    (report,) = live.judge(next_morning(2))
    assert (report["versions"]["v1"]["kind"], live.starts) == ("drift", ["2026-03-03"])


def test_a_sample_says_how_many_predictions_it_stands_for(live: LiveWorld) -> None:
    live.predict(day(0.5), 100, fraction=0.1)
    (report,) = live.judge(next_morning(0))
    assert report["versions"]["v1"]["reason"].startswith("100 predictions, a sample of about 1,000.")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_judged(live: LiveWorld) -> None:
    live.predict(day(0.5))
    live.world.data.put("predictions/shop/dt=2026-03-01/v1-broken.parquet", b"no file")
    (report,) = live.judge(next_morning(0))
    assert report["versions"]["v1"]["unreadable_files"] == ["v1-broken.parquet"]
    assert report["versions"]["v1"]["reason"].startswith("100 predictions. 1 file could not be read.")
    assert live.judge(next_morning(0)) == []
