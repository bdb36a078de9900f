"""What the champion pointer says, and how it is read."""

from __future__ import annotations

import pytest

from contender.errors import InvalidInputError
from contender.registry.pointer import Pointer, Trial, read_pointer
from tests.fakes import MemoryObjects


def test_without_a_promotion_there_is_no_pointer() -> None:
    assert read_pointer(MemoryObjects(), "flights") is None


def test_a_pointer_reads_back_as_it_was_written() -> None:
    trial = Trial("v3", "sha3", 0.1, "canary", "run", "now", "later")
    pointer = Pointer(
        "flights", "v2", "sha", "run", 3, "swap", "now", "why", "v1", "sha1", trial, rolled_back=("v0", "v-1")
    )
    assert Pointer.from_json(pointer.to_json()) == pointer


@pytest.mark.parametrize("weight", [0.0, -0.1, 1.01, float("nan")])
def test_the_weight_of_a_trial_is_a_share(weight: float) -> None:
    with pytest.raises(InvalidInputError, match="weight must be above 0 and at most 1, but got"):
        Trial("v2", "sha", weight, "canary")


def test_the_mode_of_a_trial_is_known() -> None:
    with pytest.raises(InvalidInputError, match="mode must be 'canary' or 'shadow', but got 'a/b'"):
        Trial("v2", "sha", 0.1, "a/b")  # type: ignore[arg-type]


def test_a_trial_is_known_by_its_version_and_its_run() -> None:
    trial = Trial("v3", "sha3", 0.1, "canary", "run-7")
    pointer = Pointer("flights", "v2", "sha", "run", 3, "swap", "now", "why", challenger=trial)
    assert pointer.trial_of("v3", "run-7") == trial
    assert pointer.trial_of("v3", "run-8") is None
    assert pointer.trial_of("v2", "run-7") is None
