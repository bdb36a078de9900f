"""What happens in a schedule besides faults: pipelines, files, and what people do, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from contender.pipeline.config import parse_pipeline
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.registry.pointer import read_pointer
from tests.simulation import remembering
from tests.simulation.faults import Chaos, fraction
from tests.simulation.functions import FOLDERS, HERE, ported
from tests.simulation.storage_services import Buckets, Items
from tests.simulation.world import START, World

PIPELINE_FILE = """
name = "shop"
task = "regression"
target = "paid"
numeric = ["amount"]
time = "ordered_at"

[promotion]
min_rows = 8
min_blocks = 2
n_resamples = 100

[drift]
min_rows = 8
null = "rows"
false_retrains_per_year = 12.0

[training]
holdout_blocks = 3
retrain_wait = 0.0
retrain_loss_rise = 0.0
suspect_batches = "train"
"""
ROLLOUTS = {
    "plain": "",
    "canary": "[rollout]\ncanary_weight = 0.2\nbake_seconds = 100\nmin_requests = 100\n",
    "approval": '[rollout]\napproval = "always"\napproval_minutes = 30\n',
}
ROWS_A_DAY = 4


def orders(first_day: int, days: int, *, dearer: float = 0.0, seed: int = 0) -> bytes:
    """A file of orders, each paid a little more or less than its amount."""
    random = np.random.default_rng([first_day, seed])
    lines = ["amount,paid,ordered_at"]
    for day in range(first_day, first_day + days):
        for _ in range(ROWS_A_DAY):
            amount = random.normal(50.0 + dearer, 10.0)
            date = np.datetime64("2026-01-01") + day
            lines.append(f"{amount:.3f},{amount + random.normal():.3f},{date}T12:00:00Z")
    return "\n".join(lines).encode()


@dataclass(frozen=True)
class Action:
    """Something that somebody does, so many seconds after the beginning."""

    after: float
    what: str
    name: str = ""


@dataclass(frozen=True)
class Scenario:
    """What is done. `rollout` names the pipeline."""

    rollout: str
    actions: tuple[Action, ...]


@cache
def policy_of(rollout: str) -> RolloutPolicy:
    return parse_pipeline(PIPELINE_FILE + ROLLOUTS[rollout]).rollout


@cache
def beginning(rollout: str) -> tuple[Buckets, Items]:
    """A pipeline with two champions so far, which the real loop made of two files without any fault."""
    world = World(Buckets(), Items(), Chaos(), start=START - 86_400.0, prefix="first-")
    world.buckets.write("assets", "pipeline.toml", (PIPELINE_FILE + ROLLOUTS[rollout]).encode(), None, None)
    with in_world(world, rollout):
        for name, body in (("first.csv", orders(0, 12)), ("second.csv", orders(12, 4, dearer=25.0))):
            world.upload(name, body)
            world.clock.at(world.clock.now + 600.0, lambda: approve_all(world, "approved"))
            world.clock.run()
    assert not world.mistakes, world.mistakes[0]
    found = read_pointer(world.models, "shop")
    assert found is not None
    assert found.pointer.previous, "\n".join(world.log)
    return world.buckets, world.items


class in_world:  # noqa: N801 - reads as a statement
    """With the functions in this world."""

    def __init__(self, world: World, rollout: str, ports: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        policy = policy_of(rollout)
        every = (world.ports(), remembering.ports(), ports or {})
        given = {
            state: {name: port for some in every for name, port in some.get(state, {}).items()} for state in FOLDERS
        }
        self._world, self._stack = world, ExitStack()
        self._enter = (ported(given, policy), remembering.remembering())

    def __enter__(self) -> World:
        HERE.world = self._world
        for each in self._enter:
            self._stack.enter_context(each)
        return self._world

    def __exit__(self, *about: Any) -> None:
        self._stack.__exit__(*about)
        HERE.world = None


def approve_all(world: World, answer: str) -> None:
    """A person answers every open question, as `contender approve` does."""
    for request in world.ledger.approvals("shop"):
        if request.answer:
            continue
        try:
            said = {"approved": answer == "approved", "by": "a person", "reason": "looks right"}
            world.answer(request.run_id, request.task_token, said)
        except Exception:
            continue
        world.ledger.settle_approval("shop", request.run_id, answer=answer, by="a person")


FILES: Mapping[str, Callable[[int], bytes]] = {
    "same": lambda number: orders(16 + 4 * number, 4, dearer=25.0, seed=number),
    "dearer": lambda number: orders(16 + 4 * number, 4, dearer=60.0 + 20.0 * number, seed=number),
    "again": lambda _: orders(12, 4, dearer=25.0),
    "broken": lambda number: b"amount;nothing\n1;%d\n" % number,
}


@cache
def content(kind: str, number: int) -> bytes:
    return FILES[kind](number)


def do(world: World, action: Action, number: int) -> None:
    """Have the action happen."""
    told: dict[str, Any] = {"pipeline": "shop", "event_time": world.stamp()}
    if action.what in FILES:
        world.upload(f"{action.name or number}-{action.what}.csv", content(action.what, number))
    elif action.what == "retrain":
        world.deliver({**told, "trigger": "manual", "by": "a person"})
    elif action.what == "schedule":
        world.deliver({**told, "trigger": "schedule"})
    elif action.what == "roll back":
        world.deliver({**told, "trigger": "manual", "by": "a person", "event_time": ""}, "rollback")
    elif action.what == "undelivered":
        world.upload(f"{action.name or number}.csv", content("dearer", number), delivered=False)
    elif action.what == "redrive":
        world.redrive_dead_letters()
    elif action.what == "alarm":
        world.deliver({**told, "trigger": "alarm"}, "rollback")
    else:
        approve_all(world, action.what)


def draw(seed: int) -> Scenario:
    """A scenario of one to three uploads and at most two other things, at once or over two hours."""
    rollout = ("plain", "plain", "canary", "approval")[int(fraction(seed, "rollout") * 4)]
    span = (5.0, 300.0, 7200.0)[int(fraction(seed, "span") * 3)]
    actions = []
    for number in range(1 + int(fraction(seed, "uploads") * 3)):
        kind = ("dearer", "dearer", "same", "again", "broken")[int(fraction(seed, "kind", number) * 5)]
        actions.append(Action(span * fraction(seed, "when", number), kind, f"file{number}"))
    for number in range(int(fraction(seed, "others") * 3)):
        what = ("retrain", "schedule", "roll back", "alarm")[int(fraction(seed, "other", number) * 4)]
        # A promotion comes about 80 seconds after its upload.
        near = fraction(seed, "near", number) < 0.5
        moment = actions[0].after + 60.0 + 60.0 * fraction(seed, "moment", number)
        actions.append(Action(moment if near else (span + 300.0) * fraction(seed, "moment", number), what))
    if fraction(seed, "redrive") < 0.25:
        actions.append(Action((1800.0, 13 * 86_400.0)[int(fraction(seed, "redriven") * 2)], "redrive"))
    if rollout == "approval":
        answer = ("approved", "approved", "rejected")[int(fraction(seed, "answer") * 3)]
        actions += [Action(moment, answer) for moment in (900.0, 2700.0, 9000.0)]
    return Scenario(rollout, tuple(sorted(actions, key=lambda action: action.after)))
