"""The state of a batch prediction's execution."""

from __future__ import annotations

from contender.predictions.batch_messages import BatchState
from contender.workflow.messages import Failure


def test_a_state_is_read_with_the_sections_that_it_has() -> None:
    state = {
        "pipeline": "flights",
        "trigger": "upload",
        "key": "k",
        "size": 7,
        "plan": {"status": "done", "reason": "r"},
    }
    read = BatchState.from_dict({"run_id": "r", "started_at": "s", "state": state})
    assert (read.request.key, read.plan and read.plan.status, read.part, read.failure) == ("k", "done", None, None)
    part = {"part": 1, "start": 2, "stop": 3, "first_row": 4, "rows": 5}
    failed = {**state, "part": part, "failure": {"Error": "E", "Cause": "c"}}
    read = BatchState.from_dict({"run_id": "r", "started_at": "s", "state": failed})
    assert read.part is not None
    assert read.part.rows == 5
    assert read.failure == Failure("E", "c")
