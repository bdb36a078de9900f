"""Runs a schedule: a scenario under faults, the promises after it, and the next event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contender.registry.pointer import Pointer, pointer_key
from tests.simulation.faults import Chaos, Fault
from tests.simulation.invariants import Execution, gather, violations
from tests.simulation.other_services import verifies_history, verifies_version
from tests.simulation.scenarios import Scenario, beginning, content, do, in_world
from tests.simulation.world import World

Ports = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What came of a schedule."""

    problems: tuple[str, ...]
    happened: Mapping[str, Fault]
    seen: Mapping[str, Any]
    log: tuple[str, ...]
    verdicts: Mapping[str, str] = field(default_factory=dict)


def run(scenario: Scenario, chaos: Chaos, planted: Any = None) -> Outcome:
    """Run it to its end.

    Parameters
    ----------
    planted : makes, of a world, the ports of functions that have a bug.
    """
    buckets, items = (part.copy() for part in beginning(scenario.rollout))
    world = World(buckets, items, chaos)
    with in_world(world, scenario.rollout, planted(world) if planted else None):
        for number, action in enumerate(scenario.actions):
            world.clock.at(world.start + action.after, lambda number=number, action=action: do(world, action, number))
        world.clock.run()
        problems = [*world.mistakes, *_problems(world, settled=False)]
        if not problems:
            chaos.on = False
            world.upload("next.csv", content("same", 20))
            world.redrive_dead_letters()
            for name in world.stopped_in_claim():
                world.redrive(world.executions[name])
            world.clock.run()
            problems = [*world.mistakes, *_problems(world, settled=True)]
        verdicts = {str(record["run_id"]): str(record["verdict"]) for record in world.ledger.runs("shop")}
    return Outcome(tuple(dict.fromkeys(problems)), dict(chaos.happened), dict(chaos.seen), tuple(world.log), verdicts)


def _problems(world: World, *, settled: bool) -> list[str]:
    executions = [
        Execution(
            name,
            found.execution.status,
            unrecorded=found.execution.at == "NotRecorded",
            caught="failure" in found.execution.data,
        )
        for name, found in world.executions.items()
    ]
    pointers = [Pointer.from_json(found.body) for found in world.buckets.objects["models", pointer_key("shop")]]
    evidence = gather(
        world.data,
        world.models,
        world.ledger,
        "shop",
        uploads=world.uploads,
        executions=executions,
        dead_letters=[
            (str(letter.told["key"]), letter.told["version_id"])
            for letter in world.dead_letters.letters
            if "key" in letter.told
        ],
        stopped=[(str(told["key"]), told["version_id"]) for told in world.stopped_in_claim().values() if "key" in told],
        pointers=pointers,
        lease_holders=world.items.leases,
        verify=verifies_version,
        verify_history=verifies_history,
    )
    return violations(evidence, settled=settled)
