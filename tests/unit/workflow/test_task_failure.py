"""Why a task failed, from causes in the shapes that the Amazon ECS Developer Guide documents: task state change events,
and "Stopped tasks error messages".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.workflow.messages import Failure
from contender.workflow.task_failure import task_failure, task_seconds


def cause(
    *, stop_code: str, stopped: str, code: int | None = None, reason: str | None = None, memory: str = "4096"
) -> dict[str, Any]:
    """A cause as Step Functions passes it on: the event's detail, with names in capitals."""
    container: dict[str, Any] = {
        "ContainerArn": "arn:aws:ecs:eu-central-1:111122223333:container/c/1",
        "LastStatus": "STOPPED",
        "Name": "train",
        "Cpu": "0",
        "Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/assets:1",
        "NetworkInterfaces": [],
    }
    if code is not None:
        container["ExitCode"] = code
    if reason is not None:
        container["Reason"] = reason
    return {
        "Attachments": [{"Type": "eni", "Status": "DELETED", "Details": []}],
        "ClusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/contender-dev",
        "Containers": [container],
        "Cpu": "2048",
        "DesiredStatus": "STOPPED",
        "LastStatus": "STOPPED",
        "LaunchType": "FARGATE",
        "Memory": memory,
        "StopCode": stop_code,
        "StoppedReason": stopped,
        "Version": 6,
    }


EXITED = "Essential container in task exited"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(
            cause(
                stop_code="EssentialContainerExited",
                stopped=EXITED,
                code=137,
                reason="OutOfMemoryError: Container killed due to memory usage",
                memory="512",
            ),
            "out of memory: the training task was killed at 512 MiB; raise training.memory_mib",
            id="the container's memory",
        ),
        pytest.param(
            cause(stop_code="EssentialContainerExited", stopped="OutOfMemory: task ran out of memory", code=137),
            "out of memory: the training task was killed at 4096 MiB; raise training.memory_mib",
            id="the task's memory",
        ),
        pytest.param(
            cause(stop_code="EssentialContainerExited", stopped="OutOfMemory: task ran out of memory", code=137)
            | {"Overrides": {"ContainerOverrides": [], "Memory": "8192"}},
            "out of memory: the training task was killed at 8192 MiB; raise training.memory_mib",
            id="the memory that the run asked for",
        ),
        pytest.param(
            cause(stop_code="EssentialContainerExited", stopped=EXITED, code=137),
            f"the training task was killed ({EXITED}): exit code 137 (SIGKILL). It was stopped by hand, took too long "
            "to stop, or ran out of memory at 4096 MiB",
            id="killed, and nobody says why",
        ),
        pytest.param(
            cause(stop_code="EssentialContainerExited", stopped=EXITED, code=143),
            f"the training task was stopped before it finished ({EXITED}): exit code 143 (SIGTERM)",
            id="SIGTERM",
        ),
        pytest.param(
            cause(stop_code="EssentialContainerExited", stopped=EXITED, code=1),
            f"the training task ended with exit code 1 ({EXITED})",
            id="a program's own exit code",
        ),
        pytest.param(
            cause(stop_code="SpotInterruption", stopped="Your Spot Task was interrupted.", code=143),
            "Fargate Spot interrupted the training task (Your Spot Task was interrupted.); start the run again",
            id="Spot",
        ),
        pytest.param(
            cause(stop_code="UserInitiated", stopped="Task stopped by user", code=137),
            "the training task was stopped: Task stopped by user",
            id="a person",
        ),
        pytest.param(
            cause(
                stop_code="TaskFailedToStart",
                stopped="CannotPullContainerError: pull image manifest has been retried 1 time(s): not found",
            ),
            "the training task could not be started: CannotPullContainerError: pull image manifest has been retried "
            "1 time(s): not found; deploy again to push its image",
            id="no image",
        ),
        pytest.param(
            cause(stop_code="TaskFailedToStart", stopped="", reason="CannotStartContainerError: exec: no such file"),
            "the training task could not be started: CannotStartContainerError: exec: no such file; the image's entry "
            "point fails; see training_image/Dockerfile",
            id="no program",
        ),
        pytest.param(
            cause(stop_code="TaskFailedToStart", stopped="Timeout waiting for network interface provisioning"),
            "the training task could not be started: Timeout waiting for network interface provisioning; see the "
            "task's events in ECS",
            id="no network",
        ),
    ],
)
def test_every_way_to_fail_has_its_reason(told: dict[str, Any], expected: str) -> None:
    assert task_failure(told) == expected
    assert Failure("States.TaskFailed", json.dumps(told)).reason == expected


def test_a_cause_that_is_no_task_is_repeated() -> None:
    assert Failure("States.TaskFailed", '{"errorMessage": "no"}').reason == "no"
    assert Failure("States.TaskFailed", "[1]").reason == "States.TaskFailed: [1]"


any_text = st.one_of(st.none(), st.text(max_size=30))
fields = st.fixed_dictionaries(
    {},
    optional={
        "StopCode": any_text,
        "StoppedReason": any_text,
        "Memory": any_text,
        "Containers": st.one_of(
            st.none(),
            st.lists(
                st.fixed_dictionaries(
                    {}, optional={"ExitCode": st.one_of(st.none(), st.integers(0, 255)), "Reason": any_text}
                ),
                max_size=3,
            ),
        ),
    },
)


@given(fields)
def test_whatever_is_missing_there_is_one_line_that_names_the_training(told: dict[str, Any]) -> None:
    reason = task_failure(told)
    assert "training task" in reason
    assert task_failure(told) == reason


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ({"StartedAt": 1767225600000, "StoppedAt": 1767225690500}, 90.5),  # milliseconds
        ({"StartedAt": 1767225600.0, "StoppedAt": 1767225690.5}, 90.5),  # seconds
        ({"StartedAt": "2026-01-01T00:00:00Z", "StoppedAt": "2026-01-01T00:01:30.500Z"}, 90.5),
        ({"PullStartedAt": 1767225590000, "StartedAt": 1767225600000, "StoppedAt": 1767225690500}, 100.5),
        ({"StoppedAt": 1767225690500}, None),  # it never started
        ({"StartedAt": 1767225600000, "StoppedAt": "soon"}, None),
        ({"StartedAt": 1767225690500, "StoppedAt": 1767225600000}, None),
        ({}, None),
    ],
)
def test_a_task_is_billed_from_the_pull_of_its_image_to_its_end(times: dict[str, Any], seconds: float | None) -> None:
    assert task_seconds(times) == seconds


@pytest.mark.parametrize("said", ["", "{", "[]", '"x"', '{"errorMessage": "broke"}'])
def test_what_is_no_task_has_no_seconds(said: str) -> None:
    assert Failure("E", said).task_seconds is None
