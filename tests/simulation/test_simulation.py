"""The short form of `make chaos`: the promises hold under faults, and planted bugs are found."""

from __future__ import annotations

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
