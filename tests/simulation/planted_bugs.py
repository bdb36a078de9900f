"""Bugs that are planted by wrapping adapters, to see that the simulation finds them: no switch is in the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contender.ports import Lease
from tests.simulation.scenarios import Action, Scenario
from tests.simulation.world import World

Ports = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Wrapped:
    """An adapter of which some methods are others."""

    adapter: Any
    methods: Mapping[str, Callable[..., Any]]

    def __getattr__(self, name: str) -> Any:
        return self.methods.get(name) or getattr(self.adapter, name)


def promotion_without_if_match(world: World) -> Ports:
    """The pointer is written whatever it is by then."""

    def put(key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        return world.models.put(key, body, if_none_match=if_none_match)

    models = Wrapped(world.models, {"put": put})
    return {"Promote": {"models": models}, "RollBack": {"models": models}}


def lease_without_fencing(world: World) -> Ports:
    """Every lease has the same token, and the pointer is based on what it is when it is written."""

    def acquire_lease(*given: Any, **named: Any) -> Lease:
        return replace(world.ledger.acquire_lease(*given, **named), fencing_token=10**6)

    return {"Claim": {"ledger": Wrapped(world.ledger, {"acquire_lease": acquire_lease})}}


def acknowledged_before_the_write(world: World) -> Ports:
    """An upload leaves the queue when it has been read, before it is in a dataset version."""

    def get_file(key: str, path: Path, *, version_id: str | None = None) -> None:
        world.data.get_file(key, path, version_id=version_id)
        for batch in world.ledger.pending_batches("shop"):
            if batch.key == key:
                world.ledger.settle_batch("shop", batch.batch_id)

    return {"ValidateBatch": {"data": Wrapped(world.data, {"get_file": get_file})}}


PLANTED: Mapping[str, Callable[[World], Ports]] = {
    "promotion without If-Match": promotion_without_if_match,
    "lease without fencing": lease_without_fencing,
    "acknowledgement before the write": acknowledged_before_the_write,
}
RACE = Scenario("plain", (Action(0.0, "dearer", "a"), Action(90.0, "roll back")))
"""A person rolls back about when a run promotes."""


@dataclass(frozen=True)
class Hunt:
    """Where a planted bug is looked for: faults are drawn mostly at points with `focus` in their name."""

    scenario: Scenario
    focus: str
    seeds: int = 400


HUNTS: Mapping[str, Hunt] = {
    "promotion without If-Match": Hunt(RACE, "Promote"),
    "lease without fencing": Hunt(
        Scenario("plain", (Action(0.0, "dearer", "a"), Action(3600.0, "same", "b"))), "entered"
    ),
    "acknowledgement before the write": Hunt(Scenario("plain", (Action(0.0, "dearer", "a"),)), "Validate"),
}
