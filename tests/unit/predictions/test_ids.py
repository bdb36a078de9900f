"""Ids of predictions: they sort by time, hold the time, and a caller's key always makes the same one."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.predictions.ids import (
    _KEYS_NAMESPACE,
    new_request_id,
    parse_prediction_id,
    prediction_id,
    request_id_of_key,
)

TIMES = st.integers(0, (1 << 48) - 1)
CHANCE = st.binary(min_size=10, max_size=10)


@given(TIMES, CHANCE, st.integers(0, 999_999))
def test_an_id_is_a_uuid_that_tells_its_time_and_row(now_ms: int, random: bytes, row: int) -> None:
    request_id = new_request_id(now_ms, random)
    known = uuid.UUID(request_id)
    assert (known.version, known.variant, str(known)) == (7, uuid.RFC_4122, request_id)
    found = parse_prediction_id(prediction_id(request_id, row))
    assert (found.request_id, found.row) == (request_id, row)
    assert found.at == now_ms / 1000
    assert str(found) == prediction_id(request_id, row)


@given(TIMES, TIMES, CHANCE, CHANCE)
def test_ids_sort_by_time(one: int, other: int, random: bytes, more: bytes) -> None:
    if one != other:
        assert (new_request_id(one, random) < new_request_id(other, more)) == (one < other)


@given(CHANCE, CHANCE)
def test_two_ids_of_one_millisecond_differ_where_their_chance_does(random: bytes, other: bytes) -> None:
    used = int.from_bytes(bytes([random[0] & 0x0F, *random[1:2], random[2] & 0x3F, *random[3:]]), "big")
    of_other = int.from_bytes(bytes([other[0] & 0x0F, *other[1:2], other[2] & 0x3F, *other[3:]]), "big")
    assert (new_request_id(5, random) == new_request_id(5, other)) == (used == of_other)


@given(st.text(), st.text())
def test_a_key_makes_the_same_id_each_time_and_it_is_a_uuid_of_version_5(pipeline: str, key: str) -> None:
    request_id = request_id_of_key(pipeline, key)
    assert request_id == request_id_of_key(pipeline, key)
    assert request_id == str(uuid.uuid5(uuid.UUID(bytes=_KEYS_NAMESPACE), f"{len(pipeline)}:{pipeline}{key}"))
    found = parse_prediction_id(request_id)
    assert (found.request_id, found.row, found.at) == (request_id, None, None)


def test_keys_of_two_pipelines_are_not_mixed_up() -> None:
    assert request_id_of_key("a", "bc") != request_id_of_key("ab", "c")


def test_a_key_of_half_a_character_makes_an_id() -> None:
    assert parse_prediction_id(request_id_of_key("shop", "\ud83d"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p1",
        None,
        7,
        "018BCFE5-6800-7000-8000-000000000000-1",
        "018bcfe5-6800-7000-8000-000000000000-",
        "018bcfe5-6800-7000-8000-000000000000-01",
        "018bcfe5-6800-7000-8000-000000000000--1",
        "018bcfe5-6800-7000-8000-000000000000-1234567",
        "018bcfe5-6800-7000-8000-000000000000-1\n",
        "018bcfe5-6800-7000-8000-000000000000-١",
        "018bcfe5-6800-4000-8000-000000000000",
        "018bcfe5-6800-7000-c000-000000000000",
        "x" * 10_000,
    ],
)
def test_what_is_no_id_is_refused_and_named_in_short(text: object) -> None:
    with pytest.raises(InvalidInputError, match="prediction_id must be") as told:
        parse_prediction_id(text)
    assert len(str(told.value)) < 200


@pytest.mark.parametrize(("now_ms", "random"), [(0, b""), (0, bytes(11)), (-1, bytes(10)), (1 << 48, bytes(10))])
def test_an_id_is_not_made_of_the_wrong_parts(now_ms: int, random: bytes) -> None:
    with pytest.raises(InvalidInputError):
        new_request_id(now_ms, random)
