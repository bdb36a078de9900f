"""JSON as the standard library reads it, where it is JSON; what is not is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.serving.json import parse_json, to_json
from contender.errors import InvalidInputError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_a_value_is_read_as_the_standard_library_reads_it(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for sent in (text, text.encode()):
        found = parse_json(sent)
        assert json.dumps(found) == json.dumps(json.loads(sent)) == json.dumps(value)


@given(VALUES)
def test_the_standard_library_reads_what_was_written(value: Any) -> None:
    assert json.dumps(json.loads(to_json(value))) == json.dumps(value)


def is_finite(value: Any) -> bool:
    if isinstance(value, list | dict):
        return all(map(is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def whole(digits: str) -> int | float:
    """A whole number; beyond 64 bits the float that is nearest."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


@given(st.text(st.sampled_from('{}[]",:0123456789.eE+-truefalsn\\u" \n'), max_size=30))
def test_any_text_is_read_alike_but_for_what_is_not_json(text: str) -> None:
    try:
        expected = json.loads(text, parse_int=whole)
    except ValueError:
        with pytest.raises(InvalidInputError):
            parse_json(text)
        return
    if is_finite(expected) and not _has_half_a_pair(expected):
        assert parse_json(text) == expected
    else:  # the standard library takes not-a-number, infinity and halves of surrogate pairs
        with pytest.raises(InvalidInputError):
            parse_json(text)


def _has_half_a_pair(value: Any) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in json.dumps(value, ensure_ascii=False))
