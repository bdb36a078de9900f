"""An execution as its history tells it: which states it entered, how each ended, what it was given and what it gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Outcome = Literal["succeeded", "caught", "failed", "running", "aborted"]
"""Of a state, in the colours of Step Functions. `caught`: it failed, and its Catch went on."""

_CALLS = ("Task", "LambdaFunction", "Activity")
_ENDS: Mapping[str, Outcome] = {"RUNNING": "running", "ABORTED": "aborted"}
"""What a state that was never left comes to, by the execution's status; else it failed."""


@dataclass(frozen=True)
class Attempt:
    """A call of a task that failed."""

    error: str
    cause: str


@dataclass(frozen=True)
class Visit:
    """A state that the execution entered.

    Attributes
    ----------
    kind : Task, Choice, Wait, Map, Succeed, Fail, …
    left : None while it is in it, or where the execution ended in it.
    input, output : JSON texts; empty where the history has none.
    calls : how often the task was called.
    failures : the calls that failed, oldest first.
    """

    state: str
    kind: str
    entered: datetime
    left: datetime | None = None
    outcome: Outcome = "running"
    input: str = ""
    output: str = ""
    calls: int = 0
    failures: tuple[Attempt, ...] = ()

    @property
    def retries(self) -> int:
        """Calls after the first."""
        return max(0, self.calls - 1)


@dataclass(frozen=True)
class Execution:
    """An execution of a state machine.

    Attributes
    ----------
    machine : "loop", "rollback" or "batch".
    name : a run's id.
    status : of Step Functions: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    error, cause : of one that failed.
    """

    machine: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None = None
    input: str = ""
    output: str = ""
    error: str = ""
    cause: str = ""
    visits: tuple[Visit, ...] = ()

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """How each state that was entered ended, the last time where there were several."""
        return {visit.state: visit.outcome for visit in self.visits}

    @property
    def steps(self) -> set[tuple[str, str]]:
        """The edges of the graph that the execution took."""
        return {(one.state, after.state) for one, after in zip(self.visits, self.visits[1:], strict=False)}

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is running."""
        return (self.stopped - self.started).total_seconds() if self.stopped else None


@dataclass
class _Open:
    """A visit that is being read."""

    visit: Visit
    failures: list[Attempt] = field(default_factory=list)
    calls: int = 0
    failed_last: bool = False

    def closed(self, outcome: Outcome, left: datetime | None = None, output: str = "") -> Visit:
        return replace(
            self.visit,
            outcome=outcome,
            left=left,
            output=output,
            calls=self.calls,
            failures=tuple(self.failures),
        )


def visits_of(events: Iterable[Mapping[str, Any]], status: str) -> tuple[Visit, ...]:
    """The states that an execution entered, in order.

    Parameters
    ----------
    events : of GetExecutionHistory, oldest first. Events of a kind that is not known are passed over.
    status : the execution's.

    Examples
    --------
    >>> noon = datetime(2026, 1, 1, 12)
    >>> entered = {"type": "TaskStateEntered", "timestamp": noon, "stateEnteredEventDetails": {"name": "Claim"}}
    >>> [(visit.state, visit.outcome) for visit in visits_of([entered], "RUNNING")]
    [('Claim', 'running')]
    """
    visits: list[Visit] = []
    open_ones: list[tuple[int, _Open]] = []
    for event in events:
        kind = str(event["type"])
        if kind.endswith("StateEntered"):
            told = event["stateEnteredEventDetails"]
            visit = Visit(
                told["name"], kind.removesuffix("StateEntered"), event["timestamp"], input=told.get("input", "")
            )
            open_ones.append((len(visits), _Open(visit)))
            visits.append(visit)
        elif kind.endswith("StateExited"):
            told = event["stateExitedEventDetails"]
            for place, found in reversed(open_ones):
                if found.visit.state == told["name"]:
                    outcome: Outcome = "caught" if found.failed_last else "succeeded"
                    visits[place] = found.closed(outcome, event["timestamp"], told.get("output", ""))
                    open_ones.remove((place, found))
                    break
        elif open_ones:
            _note_call(open_ones[-1][1], kind, event)
    for place, found in open_ones:
        visits[place] = found.closed(_ENDS.get(status, "failed"))
    return tuple(visits)


def _note_call(found: _Open, kind: str, event: Mapping[str, Any]) -> None:
    """Count a call of a task, and keep why one failed."""
    if kind in {f"{call}Scheduled" for call in _CALLS}:
        found.calls += 1
        found.failed_last = False
    elif kind.endswith(("Failed", "TimedOut", "Aborted")) and not kind.startswith("Execution"):
        told: Mapping[str, Any] = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        default = "States.Timeout" if kind.endswith("TimedOut") else kind
        found.failures.append(Attempt(str(told.get("error") or default), str(told.get("cause") or "")))
        found.failed_last = True
