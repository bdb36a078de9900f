"""A record as messages: sampled alike on each retry, without what the policy drops, in parts for a queue."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.ids import new_request_id
from contender.predictions.log_messages import MAX_MESSAGE_BYTES, hashed, is_kept, messages_of
from contender.predictions.record import Record, Shadow
from contender.predictions.table_items import rows_item
from tests.unit.predictions.records import POLICY, read, record


def test_a_small_record_is_one_message_that_reads_back_as_it_was() -> None:
    (found,) = read(messages_of(record(with_shadow=True), POLICY))
    assert found == Record(**{**vars(record(with_shadow=True)), "part_rows": 2, "total_rows": 2})


def test_a_message_is_ascii_whatever_a_category_holds() -> None:
    rows = [{"kind": "\ud83d\x00\ufffe ü"}]
    (message,) = messages_of(record(1, rows=rows), POLICY)
    assert message.isascii()
    assert read([message])[0].rows == rows


@given(st.integers(0, 3_000), st.integers(0, 400), st.booleans())
def test_parts_fit_and_hold_every_row_once_where_its_number_says(rows: int, width: int, shadow: bool) -> None:
    whole = record(rows, width=width, with_shadow=shadow)
    messages = messages_of(whole, POLICY)
    assert max(len(message.encode()) for message in messages) <= MAX_MESSAGE_BYTES
    parts = read(messages)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert [row for part in parts for row in part.rows] == list(whole.rows)
    assert [row for part in parts for row in part.predictions] == list(whole.predictions)
    if whole.shadow:
        assert [row for part in parts for row in part.shadow.predictions] == list(whole.shadow.predictions)  # type: ignore[union-attr]
    for row in range(0, rows, 97):
        part = parts[row // parts[0].part_rows]
        assert part.prediction_of(row) == whole.predictions[row]
    assert parts[0].prediction_of(rows) is None


def test_a_row_too_big_to_keep_leaves_its_prediction() -> None:
    rows = [{"kind": "a"}, {"kind": "b" * MAX_MESSAGE_BYTES}, {"kind": "c"}]
    (found,) = read(messages_of(record(3, rows=rows), POLICY))
    assert found.rows == [{"kind": "a"}, None, {"kind": "c"}]
    assert len(found.predictions) == 3


def test_a_request_that_sampling_left_out_keeps_its_predictions_for_the_counts_and_no_row() -> None:
    (found,) = read(messages_of(record(), ServingPolicy(log_fraction=0.0)))
    assert (found.kept, found.rows, len(found.predictions)) == (False, [], 2)
    assert "body" not in rows_item(found, 30)


def test_sampling_keeps_the_stated_share_and_decides_alike_each_time() -> None:
    ids = [new_request_id(number, number.to_bytes(10, "big")) for number in range(4_000)]
    kept = [is_kept(request_id, 0.2) for request_id in ids]
    assert kept == [is_kept(request_id, 0.2) for request_id in ids]
    share, error = sum(kept) / len(kept), math.sqrt(0.2 * 0.8 / len(kept))
    assert abs(share - 0.2) < 4 * error
    assert all(is_kept(request_id, 0.5) for request_id, was in zip(ids, kept, strict=True) if was)


def test_features_are_dropped_and_hashed_before_they_leave() -> None:
    policy = ServingPolicy(log_drop=("ssn",), log_hash=("user", "amount"))
    rows = [
        {"ssn": "1", "user": "ann", "amount": 3, "kind": "a"},
        {"ssn": "2", "user": None, "amount": 3.0, "kind": "b"},
    ]
    (message,) = messages_of(record(rows=rows), policy)
    first, second = read([message])[0].rows
    assert first is not None
    assert second is not None
    assert "ann" not in message
    assert "ssn" not in first
    assert first["user"].startswith("sha256:")
    assert second["user"] is None
    assert first["amount"] == second["amount"] != 3
    assert first["kind"] == "a"


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.booleans()))
def test_equal_values_have_equal_hashes_that_differ_between_pipelines(value: Any) -> None:
    assert hashed(value, "shop") == hashed(value, "shop")
    assert hashed(value, "shop") != hashed(value, "flights")


def test_a_failed_request_has_an_error_and_no_rows() -> None:
    (found,) = read(messages_of(record(error="boom" * 1_000), POLICY))
    assert (found.rows, found.predictions, len(found.error or "")) == ([], [], 1_000)
    assert found.kept


def test_a_shadow_that_failed_says_why_in_short() -> None:
    (found,) = read(messages_of(record(shadow=Shadow("v2", [[1.0]], 1.0, "x" * 5_000)), POLICY))
    assert found.shadow is not None
    assert (found.shadow.predictions, len(found.shadow.error or "")) == ([], 1_000)
