"""Why a container task failed, in one line, from what ECS reports.

The cause of Step Functions' `States.TaskFailed` (of `ecs:runTask.sync`) is the task as ECS describes it, as JSON with
capitalised names. A reason that the task left in S3 says more; this is for a task that left none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

SIGKILL, SIGTERM = 137, 143
"""Exit codes of a container that a signal ended: 128 and the signal's number."""

MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138, as milliseconds 1973."""


def is_task(cause: Mapping[str, Any]) -> bool:
    """Whether a cause describes a task."""
    return "StoppedReason" in cause or "Containers" in cause


def task_failure(cause: Mapping[str, Any]) -> str:
    """The reason of a task that failed, and what to do.

    Parameters
    ----------
    cause : the parsed cause. Of AWS's documented fields these are looked at, each of which may be absent:
        `StopCode`, `StoppedReason`, `Memory` (MiB, a text; `Overrides` may have another) and of `Containers` each
        `ExitCode` and `Reason`.

    Examples
    --------
    >>> task_failure({"Memory": "512", "Containers": [{"ExitCode": 137, "Reason": "OutOfMemoryError: killed"}]})
    'out of memory: the training task was killed at 512 MiB; raise training.memory_mib'
    >>> task_failure({"StoppedReason": "Your Spot Task was interrupted.", "StopCode": "SpotInterruption"})
    'Fargate Spot interrupted the training task (Your Spot Task was interrupted.); start the run again'
    """
    containers = list(cause.get("Containers") or ())
    said = [str(one["Reason"]) for one in containers if one.get("Reason")]
    stopped = str(cause.get("StoppedReason") or "").strip()
    code = next((int(one["ExitCode"]) for one in containers if one.get("ExitCode")), None)
    memory = (cause.get("Overrides") or {}).get("Memory") or cause.get("Memory")
    size = f" at {memory} MiB" if memory else ""
    if any(reason.startswith("OutOfMemory") for reason in (*said, stopped)):
        return f"out of memory: the training task was killed{size}; raise training.memory_mib"
    if cause.get("StopCode") == "TaskFailedToStart" or stopped.startswith("Cannot"):
        return _not_started(stopped, said)
    if cause.get("StopCode") in ("SpotInterruption", "TerminationNotice"):
        return f"Fargate Spot interrupted the training task ({stopped or cause['StopCode']}); start the run again"
    if cause.get("StopCode") == "UserInitiated":
        return f"the training task was stopped: {stopped or 'no reason given'}"
    return _exited(code, size, "; ".join((*said, stopped)) if said else stopped)


def task_seconds(cause: Mapping[str, Any]) -> float | None:
    """For how many seconds a task is billed: from the pull of its image to its end; None where the cause does not say.

    Examples
    --------
    >>> task_seconds({"PullStartedAt": 1767225600000, "StartedAt": 1767225615000, "StoppedAt": 1767225690500})
    90.5
    """
    began = _moment(cause.get("PullStartedAt") or cause.get("StartedAt"))
    ended = _moment(cause.get("StoppedAt"))
    if began is None or ended is None or ended < began:
        return None
    return round(ended - began, 3)


def _moment(written: object) -> float | None:
    """Epoch seconds, of a time as Step Functions has it (milliseconds), as ECS has it (seconds), or in ISO 8601."""
    if isinstance(written, int | float):
        return written / 1000.0 if written > MILLISECONDS_FROM else float(written)
    try:
        return datetime.fromisoformat(str(written)).timestamp()
    except ValueError:
        return None


def _not_started(stopped: str, said: list[str]) -> str:
    reason = stopped or "; ".join(said) or "ECS gives no reason"
    cures = {
        "CannotPull": "deploy again to push its image",
        "CannotStart": "the image's entry point fails; see training_image/Dockerfile",
    }
    cure = next((cure for begin, cure in cures.items() if begin in reason), "see the task's events in ECS")
    return f"the training task could not be started: {reason}; {cure}"


def _exited(code: int | None, size: str, said: str) -> str:
    if code is None:
        return f"the training task failed: {said or 'ECS gives no reason'}"
    said = f" ({said})" if said else ""
    if code == SIGKILL:
        return (
            f"the training task was killed{said}: exit code {SIGKILL} (SIGKILL). It was stopped by hand, took too long "
            f"to stop, or ran out of memory{size}"
        )
    if code == SIGTERM:
        return f"the training task was stopped before it finished{said}: exit code {SIGTERM} (SIGTERM)"
    return f"the training task ended with exit code {code}{said}"
