"""Fault points: every call that the loop makes on its ways, with every fault that may befall it, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.faults import Chaos, Fault
from tests.simulation.scenarios import Action, Scenario
from tests.simulation.schedules import run

WAYS = {
    "a challenger is promoted": Scenario("plain", (Action(0.0, "dearer"),)),
    "a canary passes": Scenario("canary", (Action(0.0, "dearer"),)),
    "a person approves": Scenario("approval", (Action(0.0, "dearer"), Action(900.0, "approved"))),
    "a person rolls back": Scenario("plain", (Action(0.0, "dearer"), Action(3600.0, "roll back"))),
    "a file is quarantined": Scenario("plain", (Action(0.0, "broken"),)),
    "dead letters are sent again": Scenario("plain", (Action(0.0, "undelivered"), Action(60.0, "redrive"))),
    "an upload waits for the run in progress": Scenario("plain", (Action(0.0, "dearer"), Action(30.0, "same"))),
}
"""Scenarios that between them enter every state."""


@dataclass(frozen=True)
class FaultPoint:
    """One fault at one point of a way."""

    way: str
    point: str
    fault: Fault


def fault_points() -> Iterator[FaultPoint]:
    """All of them; a call that several ways make in the same state counts once."""
    known: set[tuple[str, str, Fault]] = set()
    for way, scenario in WAYS.items():
        chaos = Chaos(watch=True)
        run(scenario, chaos)
        for point, options in chaos.seen.items():
            for fault in options:
                # Runs are named by their events, and what is the same in both ways is one point.
                name = (scenario.rollout, point, fault)
                if name not in known:
                    known.add(name)
                    yield FaultPoint(way, point, fault)
