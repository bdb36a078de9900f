"""Gauges of the loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.ports import Batch
from contender.pulse.runs import CurrentRun, run_readings, usual_minutes
from contender.pulse.times import time_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(verdict: str, *, ago: float = 60.0, minutes: float = 10.0, **more: Any) -> dict[str, Any]:
    """A run that began so many minutes ago and took so many."""
    started = NOW - timedelta(minutes=ago)
    return {"run_id": f"r{ago}", "verdict": verdict, "started_at": started.isoformat(), "seconds": 60 * minutes} | more


def upload(ago: float) -> Batch:
    return Batch(f"b{ago}", "a.csv", None, 1, (NOW - timedelta(minutes=ago)).isoformat())


def at_work(minutes: float, **more: Any) -> CurrentRun:
    return CurrentRun("now", NOW - timedelta(minutes=minutes), **{"status": "running", **more})


def readings(*runs: dict[str, Any], **more: Any) -> dict[str, float]:
    asked = {"current": None, "pending": (), "interval_minutes": None, "now": NOW} | more
    return {name: value for name, value in run_readings(runs, **asked) if value is not None}


def test_a_pipeline_that_never_ran_has_no_gauge() -> None:
    assert readings() == {}


def test_a_run_in_progress_is_measured_against_the_longest_of_its_kind() -> None:
    trained = [run("retained", minutes=minutes, challenger="v2") for minutes in (20, 25, 22)]
    found = readings(*trained, run("skipped", minutes=400), current=at_work(40))
    assert (found["RunMinutes"], found["RunOverdueMinutes"]) == (40.0, 15.0)


def test_a_run_without_a_past_has_half_an_hour() -> None:
    assert readings(current=at_work(40))["RunOverdueMinutes"] == 10.0


def test_a_run_that_waits_for_a_person_or_a_canary_is_not_overdue() -> None:
    found = readings(current=at_work(400, waits=True))
    assert (found["RunMinutes"], "RunOverdueMinutes" in found) == (400.0, False)


def test_the_past_of_runs_that_failed_or_waited_does_not_excuse_a_slow_one() -> None:
    hung = [run("failed", minutes=300, challenger="v2")] * 3
    baked = [run("promoted", minutes=300, challenger="v2", work_seconds=900.0)] * 3
    assert usual_minutes([*hung, *baked]) == 15.0


def test_the_end_of_an_experiment_is_no_run_of_the_loop() -> None:
    ended = [run("better", ago=1.0, minutes=0.0, challenger="v2", trigger="experiment")] * 3
    loop = [run("failed"), run("retained", ago=90.0, challenger="v2")]
    asked = {"current": at_work(40), "interval_minutes": 30.0}
    assert readings(*ended, *loop, **asked) == readings(*loop, **asked)


def test_quick_runs_are_not_overdue_before_ten_minutes() -> None:
    assert usual_minutes([run("retained", minutes=0.5, challenger="v2")] * 20) == 10.0


@pytest.mark.parametrize(
    ("verdicts", "failed"),
    [
        (["skipped", "failed"], 0.0),
        (["failed", "failed", "promoted", "failed"], 2.0),
        (["duplicate", "failed", "duplicate", "failed"], 2.0),
        (["quarantined", "failed"], 0.0),  # the loop ran to its end
    ],
)
def test_failed_runs_count_since_the_last_one_that_ended_well(verdicts: list[str], failed: float) -> None:
    assert readings(*map(run, verdicts))["FailedRunsInARow"] == failed


def test_an_aborted_run_that_left_no_record_counts_as_failed_until_the_next_one_takes_over() -> None:
    assert readings(run("skipped"), current=at_work(5, status="ended"))["FailedRunsInARow"] == 1.0
    assert "RunMinutes" not in readings(run("skipped"), current=at_work(5, status="ended"))


def test_a_rollback_that_was_refused_is_no_failed_run() -> None:
    assert readings(run("failed", rollback="refused"), run("skipped"))["FailedRunsInARow"] == 0.0


def test_an_upload_waits_unless_the_current_run_has_taken_it() -> None:
    assert readings(pending=[upload(90), upload(20)])["OldestUploadMinutes"] == 90.0
    assert readings(pending=[upload(90), upload(20)], current=at_work(60))["OldestUploadMinutes"] == 20.0
    assert "OldestUploadMinutes" not in readings(pending=[upload(90)], current=at_work(60))
    assert readings(pending=[upload(90)], current=at_work(60, status="ended"))["OldestUploadMinutes"] == 90.0


def test_hours_since_an_upload_know_the_queue_and_the_runs() -> None:
    runs = [run("skipped", ago=30, trigger="schedule"), run("quarantined", ago=120, trigger="upload")]
    assert readings(*runs)["HoursSinceUpload"] == 2.0
    assert readings(*runs, pending=[upload(60)])["HoursSinceUpload"] == 1.0


def test_a_good_run_is_counted_from_its_end() -> None:
    found = readings(run("failed", ago=20), run("retained", ago=130, minutes=10), interval_minutes=60.0)
    assert found["HoursSinceGoodRun"] == 2.0
    assert found["MissedIntervals"] == pytest.approx(10 / 60)  # the failed one has ended ten minutes ago


def test_without_a_schedule_no_interval_is_missed() -> None:
    assert "MissedIntervals" not in readings(run("skipped"))


@pytest.mark.parametrize(
    ("runs", "drifted"),
    [
        ([("retained", True), ("skipped", True), ("promoted", True)], 2.0),
        ([("skipped", False), ("retained", True)], 0.0),
        ([("rolled_back", False), ("retained", True)], 0.0),
    ],
)
def test_drifted_runs_count_until_a_promotion_or_a_run_without_drift(
    runs: list[tuple[str, bool]], drifted: float
) -> None:
    records = [run(verdict, drifted=found, dataset_version="d") for verdict, found in runs]
    assert readings(*records)["DriftedRunsWithoutPromotion"] == drifted


def test_a_run_without_new_data_says_nothing_of_drift() -> None:
    records = [run("skipped", drifted=False), run("retained", drifted=True, dataset_version="d")]
    assert readings(*records)["DriftedRunsWithoutPromotion"] == 1.0


def test_a_clock_that_is_an_hour_ahead_gives_no_negative_age() -> None:
    found = readings(run("skipped", ago=-60, trigger="upload"), pending=[upload(-60)])
    assert (found["HoursSinceUpload"], found["HoursSinceGoodRun"], found["OldestUploadMinutes"]) == (0.0, 0.0, 0.0)


ANYTHING = st.none() | st.text(max_size=3) | st.floats() | st.integers()


RECORDS = st.fixed_dictionaries(dict.fromkeys(("started_at", "seconds", "verdict", "work_seconds"), ANYTHING))


@settings(max_examples=30)
@given(st.lists(RECORDS, max_size=5))
def test_records_of_any_content_are_read_without_failing(runs: list[dict[str, Any]]) -> None:
    found = readings(*runs, current=at_work(5), interval_minutes=60.0)
    assert all(abs(value) < float("inf") for value in found.values())


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_read_as_it_was_written(time: datetime) -> None:
    assert time_of(time.isoformat()) == time
