"""Shrinks a failing schedule to the smallest lists of faults and actions that still fail, and prints it for a person.

Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28, 2002): ddmin
over the faults that happened, then over the actions. It can drop one without changing the rest, since whether a fault
happens depends on its point alone and on nothing drawn before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.simulation.faults import Chaos, Fault
from tests.simulation.scenarios import Scenario
from tests.simulation.schedules import Outcome, run

Part = TypeVar("Part")


def smallest(parts: Sequence[Part], fails: Callable[[Sequence[Part]], bool]) -> Sequence[Part]:
    """The smallest part of a failing list that still fails, such that none can be left out.

    Examples
    --------
    >>> smallest(range(8), lambda kept: {2, 5} <= set(kept))
    [2, 5]
    """
    kept, pieces = list(parts), 2
    if kept and fails([]):
        return []
    while len(kept) > 1:
        size = -(-len(kept) // pieces)
        for start in range(0, len(kept), size):
            without = kept[:start] + kept[start + size :]
            if fails(without):
                kept, pieces = without, max(pieces - 1, 2)
                break
        else:
            if pieces >= len(kept):
                break
            pieces = min(2 * pieces, len(kept))
    return kept


@dataclass(frozen=True)
class Failure:
    """A schedule that breaks a promise, as small as it gets."""

    seed: int
    scenario: Scenario
    faults: tuple[tuple[str, Fault], ...]
    outcome: Outcome


def shrink(seed: int, scenario: Scenario, outcome: Outcome, planted: object = None) -> Failure:
    """The smallest schedule that breaks a promise of the same kind."""
    kind = _kind(outcome)

    def again(actions: Sequence[object], faults: Sequence[tuple[str, Fault]]) -> Outcome:
        chaos = Chaos(seed=seed, chosen=dict(faults))
        return run(replace(scenario, actions=tuple(actions)), chaos, planted)  # type: ignore[arg-type]

    faults = smallest(list(outcome.happened.items()), lambda kept: _kind(again(scenario.actions, kept)) == kind)
    actions = smallest(scenario.actions, lambda kept: bool(kept) and _kind(again(kept, faults)) == kind)
    small = replace(scenario, actions=tuple(actions))
    return Failure(seed, small, tuple(faults), again(actions, faults))


def _kind(outcome: Outcome) -> str:
    """What is broken, without the names in it."""
    if not outcome.problems:
        return ""
    return " ".join(word for word in outcome.problems[0].splitlines()[-1].split() if word.isalpha())[:40]


def explained(failure: Failure, *, again: bool = False) -> str:
    """The failing schedule, in the order in which it happened.

    What was broken first, then what was done and what went wrong, then the executions; last how to run it again, for
    one that was drawn from its seed (`again`).
    """
    lines = [f"Broken with seed {failure.seed}:"]
    lines += [f"  ✗ {problem}" for problem in failure.outcome.problems]
    lines += [f"It needs (pipeline with rollout: {failure.scenario.rollout}):"]
    lines += [f"  {action.after:7.1f} s  {action.what} {action.name}" for action in failure.scenario.actions]
    lines += [f"  at {point}: {fault.name}, {fault.value}" for point, fault in failure.faults] or ["  no fault at all"]
    lines += ["What happened:", *(f"  {line}" for line in failure.outcome.log)]
    lines += [f"Again: make chaos SEED={failure.seed} SCHEDULES=1"] if again else []
    return "\n".join(lines)
