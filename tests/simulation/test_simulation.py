"""The short form of `make chaos`: the promises hold under faults, and planted bugs are found."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.simulation.faults import Chaos, Fault, swarm
from tests.simulation.planted_bugs import PLANTED, RACE
from tests.simulation.scenarios import Action, Scenario, draw
from tests.simulation.schedules import run
from tests.simulation.shrinking import explained, shrink

PROMOTED = Scenario("plain", (Action(0.0, "dearer", "a"),))


def test_the_promises_hold_whatever_goes_wrong() -> None:
    for seed in range(15):
        scenario, chaos = draw(seed), swarm(seed)
        outcome = run(scenario, chaos)
        assert not outcome.problems, explained(shrink(seed, scenario, outcome))


def test_a_schedule_is_the_same_each_time() -> None:
    one, two = (run(draw(7), swarm(7)) for _ in range(2))
    assert (one.log, one.happened, one.verdicts) == (two.log, two.happened, two.verdicts)


def test_without_faults_dearer_orders_make_a_new_champion() -> None:
    assert run(PROMOTED, Chaos()).verdicts["upload-1.1"] == "promoted"


def test_an_upload_that_came_while_a_run_failed_waits_for_no_other_event() -> None:
    scenario = Scenario("plain", (Action(0.0, "dearer", "a"), Action(30.0, "same", "b")))
    outcome = run(scenario, Chaos(chosen={"upload-1.1/EvaluateChallenger.1 s3.GetObject 1": Fault.SERVER_ERROR}))
    assert outcome.verdicts["upload-1.1"] == "failed"
    assert any("-pending-" in name for name in outcome.verdicts)


def test_a_dead_letter_that_is_sent_again_twice_is_one_run() -> None:
    scenario = Scenario("plain", (Action(0.0, "undelivered", "a"), Action(60.0, "redrive")))
    outcome = run(scenario, Chaos(chosen={"redrive-1.1 sqs.DeleteMessage 1": Fault.KILL_BEFORE}))
    assert (outcome.problems, len(outcome.happened)) == ((), 1)
    assert outcome.verdicts["00000001-upload-2026-06-01T09-00-00"] == "promoted"


CLAIM, PROMOTE = "upload-1.1/Claim", "00000001-pending-2026-06-01T09-15-03/Promote"
FOUND: Mapping[int, tuple[Scenario, Mapping[str, Fault]]] = {
    6320: (
        Scenario("plain", (Action(4.3, "broken", "file0"),)),
        {
            f"{CLAIM}.1 s3.PutObject 1": Fault.SERVER_ERROR,
            f"{CLAIM}.2 s3.GetObject 1": Fault.THROTTLE,
            f"{CLAIM}.3 dynamodb.UpdateItem 1": Fault.SLOW,
            f"{CLAIM}.3 dynamodb.GetItem 2": Fault.SLOW,
            f"{CLAIM}.3 dynamodb.Query 2": Fault.SERVER_ERROR,
        },
    ),
    8294: (
        Scenario("plain", (Action(0.8, "dearer", "file0"),)),
        {
            f"{CLAIM}.1 s3.GetObject 1": Fault.THROTTLE,
            f"{CLAIM}.2 dynamodb.GetItem 1": Fault.SLOW,
            f"{CLAIM}.2 dynamodb.TransactWriteItems 1": Fault.SLOW,
            f"{CLAIM}.3 s3.PutObject 2": Fault.THROTTLE,
            f"{CLAIM}.4 dynamodb.UpdateItem 1": Fault.KILL_AFTER,
            f"{CLAIM}.5 s3.GetObject 1": Fault.THROTTLE,
        },
    ),
    8503: (
        Scenario("plain", (Action(55.6, "dearer", "file0"), Action(137.5, "dearer", "file1"))),
        {
            "upload-1.1/Promote#1 entered": Fault.STOPPED_AND_REDRIVEN,
            "upload-1.1/Promote.1 s3.GetObject 2": Fault.SLOW,
            "upload-1.1/Promote#2 entered": Fault.STOPPED_AND_REDRIVEN_LATE,
            "upload-1.1/Promote#3 entered": Fault.STOPPED_AND_REDRIVEN,
            "upload-1.1/Promote#4 entered": Fault.STOPPED,
        },
    ),
    8665: (
        Scenario(
            "approval",
            (
                Action(34.5, "dearer", "file1"),
                Action(83.6, "same", "file0"),
                Action(900.0, "approved"),
                Action(2700.0, "approved"),
            ),
        ),
        {
            f"{PROMOTE}.1 invoke": Fault.SLOW,
            f"{PROMOTE}.1 s3.GetObject 1": Fault.SLOW,
            f"{PROMOTE}.2 s3.GetObject 1": Fault.RESET,
            f"{PROMOTE}.3 s3.GetObject 1": Fault.RESET,
            f"{PROMOTE}.4 s3.GetObject 1": Fault.KILL_BEFORE,
            f"{PROMOTE}.5 s3.GetObject 1": Fault.KILL_BEFORE,
        },
    ),
}
"""What `make chaos` found at full size, by seed: functions that went on after their state had given them up, so that
two calls of one state had an effect, the late one after the run had ended."""


@pytest.mark.parametrize("seed", FOUND)
def test_a_function_that_takes_too_long_does_nothing_after_its_state_has_gone_on(seed: int) -> None:
    scenario, faults = FOUND[seed]
    outcome = run(scenario, Chaos(seed=seed, chosen=faults))
    assert set(outcome.happened) <= set(faults)
    assert outcome.problems == ()


PUT_POINTER = "upload-1.1/Promote.1 s3.PutObject 1"
PUT_DATASET = "upload-1.1/ValidateBatch.1 s3.PutObject 3"
OVERTAKEN = Scenario("plain", (Action(0.0, "dearer", "a"), Action(3600.0, "same", "b")))
SMALLEST = {
    "promotion without If-Match": (RACE, {PUT_POINTER: Fault.SLOW}),
    "acknowledgement before the write": (PROMOTED, {PUT_DATASET: Fault.KILL_BEFORE}),
    "lease without fencing": (OVERTAKEN, {"upload-1.1/EvaluateChallenger#1 entered": Fault.STOPPED_AND_REDRIVEN_LATE}),
}
"""Schedules that `make chaos` found and shrank."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_breaks_a_promise_and_the_schedule_is_told(name: str) -> None:
    scenario, faults = SMALLEST[name]
    assert not run(scenario, Chaos(chosen=faults)).problems, "without the bug nothing is wrong"
    outcome = run(scenario, Chaos(chosen=faults), PLANTED[name])
    assert outcome.problems
    told = explained(shrink(0, scenario, outcome, PLANTED[name]))
    assert all(point in told for point in faults)
