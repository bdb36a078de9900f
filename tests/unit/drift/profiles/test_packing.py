"""Stored content: the same bytes for the same content, and no damage that goes unseen."""

from __future__ import annotations

import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.drift.profiles.packing import canonical, numbers_from_text, numbers_to_text, packed, unpacked
from contender.errors import IntegrityError, InvalidInputError

JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_content_survives_being_packed_and_the_same_content_gives_the_same_bytes(body: dict[str, Any]) -> None:
    content = packed(body, form="rows", version=1)
    assert unpacked(content, form="rows", version=1) == body
    assert content == packed(dict(body), form="rows", version=1)


def test_what_is_hashed_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"a": 1, "b": [1.5, None]}) == canonical({"b": [1.5, None], "a": 1}) == b'{"a":1,"b":[1.5,null]}'


def test_a_number_that_json_does_not_have_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        packed({"rows": float("nan")}, form="rows", version=1)


GOOD = packed({"rows": 3}, form="rows", version=1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rows",
        GOOD[:-1],
        GOOD[: len(GOOD) // 2],
        GOOD[:12] + b"\xff" + GOOD[13:],  # a byte of the compressed stream itself
        gzip.compress(b"\xff\xfe", mtime=0),
        gzip.compress(b"[1, 2]", mtime=0),
        gzip.compress(b'{"format": "rows"}', mtime=0),
        packed({"rows": 3}, form="columns", version=1),
        gzip.compress(
            json.dumps({"format": "rows", "version": 1, "sha256": "0", "body": {"rows": 3}}).encode(), mtime=0
        ),
    ],
)
def test_what_is_not_as_it_was_written_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        unpacked(content, form="rows", version=1)


def test_another_version_is_named_with_the_one_that_can_be_read() -> None:
    with pytest.raises(InvalidInputError, match="rows version must be 2, but got 1; train a new model"):
        unpacked(GOOD, form="rows", version=2)


@given(st.lists(st.floats(allow_nan=False)))
def test_numbers_survive_as_text_to_the_last_bit(values: list[float]) -> None:
    numbers = np.array(values, dtype=np.float64)
    assert numbers_from_text(numbers_to_text(numbers)).tobytes() == numbers.tobytes()


def test_sorted_numbers_take_two_thirds_of_their_digits() -> None:
    numbers = np.sort(np.random.default_rng(1).normal(size=5000))
    digits = len(gzip.compress(json.dumps(numbers.tolist()).encode()))
    assert len(gzip.compress(numbers_to_text(numbers).encode())) < 0.7 * digits
