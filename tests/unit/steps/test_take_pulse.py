"""Pulse on ports: where each gauge's evidence is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contender.ports import ApprovalRequest, Batch
from contender.predictions.holdout_counts import HOLDOUT_COUNTS, to_bytes
from contender.predictions.live_metrics import LiveCounts
from contender.predictions.table_entries import ARRIVALS
from contender.predictions.table_items import minute_of
from contender.pulse.settings import PulseSettings
from contender.registry.pointer import pointer_key, read_pointer
from contender.rollout.swap_history import history_entry
from contender.steps.take_pulse import ChampionFacts, PulseTaker
from tests.models import crown
from tests.unit.steps.loop_world import LoopWorld

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""Two months after tests crown a champion."""
SETTINGS = PulseSettings("shop", "predictions", interval_minutes=60.0, month_usd=10.0)
FINE = {"PointerState": 0.0}
Minutes = list[tuple[str, LiveCounts]]


@dataclass
class FakeLiveMetrics:
    """What was predicted, by version, variant and time."""

    counts: dict[tuple[str, str], list[tuple[datetime, LiveCounts]]] = field(default_factory=dict)

    def add(self, version: str, variant: str, counts: LiveCounts, **ago: float) -> None:
        self.counts.setdefault((version, variant), []).append((NOW - timedelta(**ago), counts))

    def live_minutes(self, pipeline: str, version: str, variant: str, since: float, until: float) -> Minutes:
        assert pipeline == "shop"
        found = [(minute_of(at.timestamp()), counts) for at, counts in self.counts.get((version, variant), [])]
        return [each for each in found if minute_of(since) <= each[0] <= minute_of(until)]


@dataclass
class PulseWorld:
    """A pipeline in memory, and its predictions."""

    world: LoopWorld = field(default_factory=LoopWorld)
    live: FakeLiveMetrics = field(default_factory=FakeLiveMetrics)
    running: bool = True
    facts: ChampionFacts = field(default_factory=ChampionFacts)

    def crown(self, name: str, holdout: Sequence[LiveCounts] = ()) -> None:
        """Make a version the champion, as Promote does, with counts of its holdout if there are any."""
        models, ledger, registry = self.world.models, self.world.ledger, self.world.registry
        model = self.world.add_model(f"{name}-base" if holdout else name, [self.world.add_dataset_of_days(range(30))])
        if holdout:
            model = registry.write({**model.manifest, "version": name}, {HOLDOUT_COUNTS: to_bytes(holdout)})
        crown(models, model)
        found = read_pointer(models, "shop")
        assert found is not None
        pointer = found.pointer
        entry = history_entry(pointer, kind="promoted", now=pointer.swapped_at, reason="", run_id=pointer.run_id)
        ledger.append_promotion("shop", entry)

    def take(self, now: datetime = NOW) -> dict[str, float]:
        world = self.world
        is_running: Callable[[str], bool] = lambda run_id: self.running  # noqa: E731
        taker = PulseTaker(SETTINGS, world.ledger, world.data, world.models, self.live, is_running, self.facts)
        return taker.take(now)


@pytest.fixture
def pulse() -> PulseWorld:
    return PulseWorld()


def test_an_empty_pipeline_has_the_one_gauge_that_is_always_there(pulse: PulseWorld) -> None:
    assert pulse.take() == FINE


def test_a_champion_without_traffic_has_the_gauges_of_its_pointer_and_its_rows(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    # Crowned, and its rows arrived, at the beginning of the year: 59.5 days ago.
    assert pulse.take() == {
        "PointerState": 0.0,
        "ChangeOn": 0.0,
        "SwapMinutes": 59.5 * 1440,
        "NewestRowHours": 59.5 * 24,
    }


def test_the_run_that_holds_the_lease_is_in_progress_since_it_took_it(pulse: PulseWorld) -> None:
    taken = (NOW - timedelta(minutes=45)).timestamp()
    pulse.world.ledger.acquire_lease("shop", "run-1", now=taken, seconds=11 * 3600)
    assert pulse.take() == FINE | {"RunMinutes": 45.0, "RunOverdueMinutes": 15.0}
    pulse.world.ledger.put_approval("shop", ApprovalRequest("run-1", "v2", "token", "", ""))
    assert pulse.take() == FINE | {"RunMinutes": 45.0}
    pulse.running = False
    assert pulse.take() == FINE | {"FailedRunsInARow": 1.0}


def test_uploads_runs_and_their_cost_are_read_from_the_runs_table(pulse: PulseWorld) -> None:
    ledger = pulse.world.ledger
    ledger.add_batch(
        "shop", Batch("b", "a.csv", None, 1, (NOW - timedelta(minutes=7)).isoformat()), remember_until=1e12
    )
    started = (NOW - timedelta(hours=2)).isoformat()
    ledger.put_run(
        {"pipeline": "shop", "run_id": "r", "started_at": started, "verdict": "failed", "seconds": 3600.0, "usd": 2.5}
    )
    assert pulse.take() == FINE | {
        "OldestUploadMinutes": 7.0,
        "HoursSinceUpload": 7 / 60,
        "FailedRunsInARow": 1.0,
        "MissedIntervals": 1.0,
        "DriftedRunsWithoutPromotion": 0.0,
        "MonthSpend": 2.5,
        "BudgetShare": 0.25,
    }


def test_more_runs_than_a_hundred_in_a_month_are_all_paid_for(pulse: PulseWorld) -> None:
    for number in range(150):
        started = (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
        pulse.world.ledger.put_run(
            {"pipeline": "shop", "run_id": str(number), "started_at": started, "verdict": "skipped", "usd": 0.01}
        )
    assert pulse.take()["MonthSpend"] == pytest.approx(1.5)


def test_an_upload_is_found_behind_many_runs_of_a_schedule(pulse: PulseWorld) -> None:
    for number in range(130):
        at = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=number)
        trigger = "schedule" if number else "upload"
        pulse.world.ledger.put_run(
            {"pipeline": "shop", "run_id": str(number), "started_at": at.isoformat(), "verdict": "skipped"}
            | {"trigger": trigger}
        )
    assert pulse.take()["HoursSinceUpload"] == 28 * 24 + 12


def test_a_pointer_that_was_deleted_is_lost(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    pulse.world.models.remove(pointer_key("shop"))
    assert pulse.take() == {"PointerState": 1.0}


def test_a_former_champion_that_still_answers_is_seen_in_the_log_of_predictions(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    pulse.crown("v2")
    pulse.live.add("v1", "champion", LiveCounts(requests=3), days=30)  # before the swap, in its time
    assert pulse.take()["PointerState"] == 0.0
    pulse.live.add("v1", "champion", LiveCounts(requests=3), minutes=30)
    assert pulse.take()["PointerState"] == 2.0


def test_traffic_is_compared_with_the_same_hour_of_former_weeks_whatever_version_answered(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    for version, variant, requests, ago in (
        ("v1", "champion", 10, {"minutes": 30}),
        ("v1", "champion", 10, {"minutes": 5}),  # may still be on its way into the table
        ("v1", "champion", 40, {"weeks": 1, "minutes": 30}),
        ("v1", "challenger", 40, {"weeks": 2, "minutes": 30}),
        ("v1", "champion", 40, {"weeks": 3, "minutes": 30}),
        ("v1", "champion", 999, {"days": 1}),
    ):
        pulse.live.add(version, variant, LiveCounts(requests=requests), **ago)
    assert pulse.take()["TrafficRatio"] == 0.25


def test_labels_are_compared_by_when_they_arrived(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    for weeks in (1, 2, 3, 4):
        pulse.live.add(*ARRIVALS, LiveCounts(labels=50), weeks=weeks, hours=3)
    assert pulse.take()["LabelRatio"] == 0.0
    pulse.live.add(*ARRIVALS, LiveCounts(labels=40), hours=3)
    assert pulse.take()["LabelRatio"] == 0.8


def test_labels_that_come_three_days_late_follow_the_traffic_of_three_days_ago(pulse: PulseWorld) -> None:
    """Half as many predictions three days ago as on the days of former weeks: half as many labels are usual today."""
    pulse.crown("v1")
    for weeks in (1, 2, 3, 4):
        pulse.live.add(*ARRIVALS, LiveCounts(labels=101, ages={3: 100, 14: 1}), weeks=weeks, hours=3)
        pulse.live.add("v1", "champion", LiveCounts(rows=1_000), weeks=weeks, days=3, hours=3)
    pulse.live.add("v1", "champion", LiveCounts(rows=500), days=3, hours=3)
    pulse.live.add("v1", "champion", LiveCounts(rows=9_999), hours=3)  # too young to have labels
    pulse.live.add(*ARRIVALS, LiveCounts(labels=51, ages={3: 51}), hours=3)
    assert pulse.take()["LabelRatio"] == 1.0


def late(share: float, rows: int, loss: float) -> LiveCounts:
    hits = round(share * rows)
    return LiveCounts(
        rows=rows,
        classes={"late": hits, "on time": rows - hits},
        labels=rows,
        loss_sum=loss * rows,
        loss_square_sum=2 * loss * loss * rows,
    )


def test_a_version_from_before_its_holdout_was_counted_is_not_compared_with_it(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    pulse.live.add("v1", "champion", late(1.0, 3000, 2.0), hours=2)
    assert not {"ShareShift", "LiveLossExcess"} & set(pulse.take())


def test_loss_and_shares_are_compared_with_the_holdout_of_the_champion(pulse: PulseWorld) -> None:
    pulse.crown("v1", [late(0.2 + off, 300, 0.3 + off) for off in (-0.02, -0.01, 0.0, 0.01, 0.02)])
    for days in range(7):
        pulse.live.add("v1", "champion", late(0.2, 300, 0.3), days=days, hours=5)
    found = pulse.take()
    assert (found["LiveLossExcess"], found["ShareShift"]) == (pytest.approx(-1.0), pytest.approx(0.0, abs=1e-9))
    pulse.live.add("v1", "champion", late(1.0, 3000, 2.0), hours=2)
    assert pulse.take()["ShareShift"] > 2.0
    for days in range(1, 7):
        pulse.live.add("v1", "champion", late(1.0, 3000, 2.0), days=days, hours=2)
    assert pulse.take(NOW + timedelta(minutes=59))["LiveLossExcess"] < 0.0  # many days are read once an hour
    assert pulse.take(NOW + timedelta(minutes=60))["LiveLossExcess"] > 1.0


def test_a_champion_younger_than_a_day_is_not_judged_by_the_hours_that_it_served(pulse: PulseWorld) -> None:
    pulse.crown("v1", [late(0.2, 300, 0.3)] * 5)
    soon = datetime(2026, 1, 1, 20, tzinfo=UTC)
    pulse.live.add("v1", "champion", late(1.0, 3000, 2.0), days=58, hours=18)
    assert "ShareShift" not in pulse.take(soon)


def test_a_manifest_that_is_gone_leaves_the_other_gauges(pulse: PulseWorld) -> None:
    pulse.crown("v1")
    found = read_pointer(pulse.world.models, "shop")
    assert found is not None
    broken = replace(found.pointer, champion="v9")
    pulse.world.models.put(pointer_key("shop"), broken.to_json(), if_match=found.etag)
    assert set(pulse.take()) == {"PointerState", "ChangeOn", "SwapMinutes"}


def broken_counts() -> Any:
    return LiveCounts(requests=1, rows=1, labels=5000, loss_sum=float("nan"), loss_square_sum=float("inf"))


def test_counts_that_are_not_numbers_leave_the_other_gauges(pulse: PulseWorld) -> None:
    pulse.crown("v1", [late(0.2, 300, 0.3)] * 5)
    pulse.live.add("v1", "champion", broken_counts(), hours=5)
    assert "LiveLossExcess" not in pulse.take()
    assert pulse.take()["PointerState"] == 0.0


def test_readings_that_come_late_again_or_out_of_order_are_those_of_their_time(pulse: PulseWorld) -> None:
    pulse.crown("v1", [late(0.2 + off, 300, 0.3 + off) for off in (-0.02, 0.0, 0.02)])
    for hours in (1, 7, 30):
        pulse.live.add("v1", "champion", late(0.3, 300, 0.4), hours=hours)
    times = [NOW + timedelta(minutes=minutes) for minutes in (120, 0, 0, 15, -60)]
    fresh = [PulseWorld(pulse.world, pulse.live).take(time) for time in times]
    warm = [pulse.take(time) for time in times]
    assert all(set(one) == set(other) for one, other in zip(fresh, warm, strict=True))
    assert warm[0] == fresh[0]
    assert warm[1] == warm[2] == fresh[1]  # a clock that went back reads many days again
    assert warm[4] == fresh[4]
