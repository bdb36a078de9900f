"""What the champion pointer says, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import DamagedPointerError, InvalidInputError
from contender.registry.pointer import Pointer, Trial, pointer_key, read_pointer, require_pointer
from tests.fakes import MemoryObjects


def test_without_a_promotion_there_is_no_pointer() -> None:
    assert read_pointer(MemoryObjects(), "flights") is None


def test_a_pointer_reads_back_as_it_was_written() -> None:
    trial = Trial("v3", "sha3", 0.1, "canary", "run", "now", "later")
    pointer = Pointer(
        "flights", "v2", "sha", "run", 3, "swap", "now", "why", "v1", "sha1", trial, rolled_back=("v0", "v-1")
    )
    assert Pointer.from_json(pointer.to_json()) == pointer
    beside = replace(pointer, control=Trial("v1", "sha1", 0.02, "canary", "control-1", "now"))
    assert Pointer.from_json(beside.to_json()) == beside


def test_functions_from_before_there_were_control_groups_can_read_a_pointer_without_one() -> None:
    known = {"pipeline", "champion", "manifest_sha256", "run_id", "fencing_token", "swap_id", "swapped_at", "reason"}
    known |= {"previous", "previous_manifest_sha256", "challenger", "past", "rolled_back"}
    assert set(json.loads(WHOLE.to_json())) == known


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


WHOLE = Pointer("flights", "v2", "sha", "run", 3, "swap", "now", "why", "v1", "sha1", rolled_back=("v0",))

CONTROL = {"version": "v1", "manifest_sha256": "sha1", "weight": 0.02, "mode": "canary"}


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    content = json.loads(WHOLE.to_json())
    change(content)
    return json.dumps(content).encode()


def damaged(body: bytes) -> str:
    """What is said of a pointer with this content."""
    objects = MemoryObjects()
    objects.put(pointer_key("flights"), body)
    with pytest.raises(DamagedPointerError) as error:
        require_pointer(objects, "flights")
    return str(error.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "0 bytes that are not JSON"),
        (WHOLE.to_json()[:100], "100 bytes that are not JSON"),
        (b"\xff\xfe garbage", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "JSON of another shape"),
        (b'["v1"]', "JSON of another shape"),
        (b'{"champion": "v1"}', "JSON of another shape"),
        (changed(lambda content: content.update(champion=7)), "champion is 7 and no text"),
        (changed(lambda content: content.update(champion="")), "champion is empty"),
        (changed(lambda content: content.update(fencing_token="3")), "fencing_token is '3' and no whole number"),
        (changed(lambda content: content.update(past=[{"swap_id": 1, "champion": "v1"}])), "past[0].swap_id is 1"),
        (changed(lambda content: content.update(challenger={"version": "v3"})), "JSON of another shape"),
        (changed(lambda content: content.update(control={"version": "v1", "weight": 2.0})), "JSON of another shape"),
        (changed(lambda content: content.update(control={**CONTROL, "run_id": 7})), "control.run_id is 7 and no text"),
        (changed(lambda content: content.update(pipeline="taxi")), "the pointer of taxi"),
    ],
)
def test_a_pointer_that_is_damaged_is_told_with_what_it_holds_and_what_to_type(body: bytes, said: str) -> None:
    told = damaged(body)
    assert said in told
    assert "contender champion --restore --pipeline flights" in told


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_bytes_end_in_another_error(body: bytes | str) -> None:
    damaged(body if isinstance(body, bytes) else body.encode())


@given(st.data())
def test_a_pointer_with_a_value_of_any_other_kind_is_read_or_told(data: st.DataObject) -> None:
    value = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
    name = data.draw(st.sampled_from([*sorted(json.loads(WHOLE.to_json())), "control"]))
    objects = MemoryObjects()
    objects.put(pointer_key("flights"), changed(lambda content: content.update({name: data.draw(value)})))
    try:
        found = read_pointer(objects, "flights")
    except DamagedPointerError:
        return
    assert found is not None
    assert Pointer.from_json(found.pointer.to_json()) == found.pointer
