"""What an execution's history says: outcomes, retries, causes."""

from __future__ import annotations

from contender.console.executions import visits_of
from tests.unit.console.examples import EXECUTION, HISTORY, HOSTILE, NOON, event


def test_a_state_that_was_tried_again_succeeded_and_one_that_failed_was_caught() -> None:
    assert EXECUTION.outcomes == {
        "Claim": "succeeded",
        "WasClaimed": "succeeded",
        "ValidateBatch": "caught",
        "Record": "succeeded",
        "Failed": "failed",
    }


def test_retries_are_counted_and_every_failure_keeps_its_cause() -> None:
    claim = EXECUTION.visits[0]
    assert (claim.calls, claim.retries) == (2, 1)
    assert [(each.error, each.cause) for each in claim.failures] == [("Lambda.TooManyRequestsException", HOSTILE)]


def test_a_state_entered_twice_is_two_visits_and_shows_its_last_outcome() -> None:
    visits = visits_of([*HISTORY[:7], *HISTORY[1:3]], "RUNNING")
    assert [(visit.state, visit.outcome) for visit in visits] == [("Claim", "succeeded"), ("Claim", "running")]


def test_a_state_in_which_the_execution_was_aborted_is_aborted() -> None:
    (visit,) = visits_of(HISTORY[:3], "ABORTED")
    assert (visit.outcome, visit.left) == ("aborted", None)


def test_a_task_that_took_too_long_has_the_error_of_step_functions() -> None:
    (visit,) = visits_of([*HISTORY[:3], event(60, "LambdaFunctionTimedOut")], "TIMED_OUT")
    assert [each.error for each in visit.failures] == ["States.Timeout"]
    assert visit.entered == NOON


def test_an_event_of_a_kind_that_nobody_knows_is_passed_over() -> None:
    strange = {"type": "SomethingNew", "timestamp": NOON}
    assert visits_of([strange, *HISTORY, strange], "FAILED") == EXECUTION.visits


def test_the_steps_are_the_edges_that_were_taken() -> None:
    assert ("ValidateBatch", "Record") in EXECUTION.steps
    assert ("WasClaimed", "Record") not in EXECUTION.steps
