"""The short form of `make fuzz`: each parser takes its ordinary inputs, and a few hundred damaged ones."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS, Target

DAMAGED = 25


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_bytes_end_in_an_error_that_is_not_ours(target: Target) -> None:
    random, seeds = Random(1), tuple(target.seeds())
    for seed in seeds:
        target.run(seed)
    for _ in range(DAMAGED):
        target.run(mutated(random.choice(seeds), random, others=seeds))
