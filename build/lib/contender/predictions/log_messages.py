"""A record as log messages: sampled, with features dropped or hashed, split to fit a queue."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.record import Record, Row, Shadow, encoded

MAX_MESSAGE_BYTES = 200_000
"""Largest message of a record. SQS takes more, but two parts and their envelope must fit what any consumer polls."""

HASH_PREFIX = "sha256:"
_HASH_DIGITS = 32


def messages_of(record: Record, policy: ServingPolicy) -> list[str]:
    """A record as messages of at most 200 kB, with the policy's features dropped or hashed."""
    kept = is_kept(record.request_id, policy.log_fraction)
    rows = [row and cleaned(row, record.pipeline, policy) for row in record.rows] if kept else []
    count = len(record.predictions)
    whole = dataclasses.replace(record, rows=rows, kept=kept, part_rows=count, total_rows=count)
    text = whole.to_json()
    if len(text) <= MAX_MESSAGE_BYTES:
        return [text]
    return [part.to_json() for part in _parts(whole)]


def is_kept(request_id: str, fraction: float) -> bool:
    """Whether sampling keeps a request: decided by its id, so that a retry is decided alike.

    Examples
    --------
    >>> is_kept("any", 1.0), is_kept("any", 0.0)
    (True, False)
    """
    drawn = int.from_bytes(hashlib.sha256(f"keep:{request_id}".encode()).digest()[:7], "big")
    return drawn < fraction * (1 << 56)


def cleaned(row: Row, pipeline: str, policy: ServingPolicy) -> Row:
    """A row without the features that the policy drops, and with hashes for those that it hashes."""
    if not policy.log_drop and not policy.log_hash:
        return row
    return {
        name: hashed(value, pipeline) if name in policy.log_hash else value
        for name, value in row.items()
        if name not in policy.log_drop
    }


def hashed(value: Any, pipeline: str) -> str | None:
    """A value's stand-in: equal values have equal ones, and a missing value stays missing.

    It keeps a value from being read in passing, and from being matched against another pipeline's log. The salt
    is the pipeline's name, which is no secret: whoever can list the possible values (all phone numbers, all
    customers) can hash them and look. Drop what must not be known at all.

    Examples
    --------
    >>> hashed(7, "shop") == hashed(7.0, "shop") != hashed(7, "flights")
    True
    """
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)  # the same category: JSON has one kind of number
    text = value if isinstance(value, str) else json.dumps(value)
    digest = hashlib.sha256(f"{pipeline}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    return HASH_PREFIX + digest[:_HASH_DIGITS]


def _parts(whole: Record) -> list[Record]:
    """Parts of equally many rows, so that a row's number tells which part has it."""
    envelope = len(dataclasses.replace(whole, rows=(), predictions=(), shadow=_without_rows(whole.shadow)).to_json())
    room = MAX_MESSAGE_BYTES - envelope - 64  # the digits of the parts' own numbers
    shadow = whole.shadow.predictions if whole.shadow else ()
    # A comma for each.
    outputs = [
        sum(_size(values[number]) + 1 for values in (whole.predictions, shadow) if values)
        for number in range(len(whole.predictions))
    ]
    inputs = [_size(row) + 1 for row in whole.rows]
    too_big = {number for number, size in enumerate(inputs) if size + outputs[number] > room}
    rows = [None if number in too_big else row for number, row in enumerate(whole.rows)]
    sizes = [
        output + ((5 if number in too_big else inputs[number]) if inputs else 0)
        for number, output in enumerate(outputs)
    ]
    many = _rows_a_part(sizes, room)
    return [
        dataclasses.replace(
            whole,
            rows=rows[start : start + many],
            predictions=whole.predictions[start : start + many],
            shadow=_slice(whole.shadow, start, start + many),
            part=part,
            first_row=start,
            part_rows=many,
        )
        for part, start in enumerate(range(0, len(sizes), many))
    ]


def _rows_a_part(sizes: Sequence[int], room: int) -> int:
    many = len(sizes)
    while many > 1:
        largest = max(sum(sizes[start : start + many]) for start in range(0, len(sizes), many))
        if largest <= room:
            break
        many = max(1, min(many - 1, many * room // largest))
    return many


def _size(value: Any) -> int:
    return len(encoded(value))


def _slice(shadow: Shadow | None, start: int, end: int) -> Shadow | None:
    return shadow and dataclasses.replace(shadow, predictions=shadow.predictions[start:end])


def _without_rows(shadow: Shadow | None) -> Shadow | None:
    return shadow and dataclasses.replace(shadow, predictions=())
