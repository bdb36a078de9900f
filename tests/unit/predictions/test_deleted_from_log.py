"""Logged rows that are like deleted ones in every feature are found, however the log has their values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.predictions.deleted_from_log import LogFile, erase_from_log, find_in_log, like_rows
from contender.predictions.log_messages import hashed
from tests.fakes import MemoryObjects

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "amount": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
            "carrier": st.one_of(st.none(), st.text(max_size=3)),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(rows=ROWS, wanted=st.integers(0, 7), secret=st.booleans())
def test_a_row_is_found_in_its_own_log_plain_or_hashed(rows: list[dict[str, Any]], wanted: int, secret: bool) -> None:
    row = rows[wanted % len(rows)]
    carriers = [hashed(each["carrier"], "shop") if secret else each["carrier"] for each in rows]
    found = like_rows({"amount": [each["amount"] for each in rows], "carrier": carriers}, [row], "shop")
    assert found.tolist() == [each == row for each in rows]


@pytest.mark.parametrize(
    ("features", "row", "found"),
    [
        ({"amount": [None, 1.0]}, {"amount": math.nan}, [True, False]),
        ({"amount": [1.0, 2.0]}, {"amount": 1.0, "carrier": "not logged"}, [True, False]),
        ({}, {"amount": 1.0}, []),
        ({"other": [1.0]}, {"amount": 1.0}, [False]),
    ],
)
def test_only_features_that_both_have_are_compared(features: Any, row: Any, found: list[bool]) -> None:
    assert like_rows(features, [row], "shop").tolist() == found


def test_a_file_whose_rows_all_go_is_erased_and_another_is_written_anew_once() -> None:
    objects = MemoryObjects()
    for name in ("a", "b"):
        objects.put(f"predictions/shop/dt=1/{name}.parquet", name.encode())
    files = {b"a": LogFile(["p1"], {"amount": [1.0]}), b"b": LogFile(["p2", "p3"], {"amount": [1.0, 2.0]})}
    rows = [{"amount": 1.0}]

    def keep(body: bytes, kept: np.ndarray[Any, Any]) -> bytes:
        assert (body, kept.tolist()) == (b"b", [False, True])
        return b"left"

    found = find_in_log(objects, "shop", rows, files.__getitem__, lambda _: None)
    assert [each.prediction_ids for each in found] == [("p1",), ("p2",)]
    erase_from_log(objects, found, keep, lambda _: None)
    (left,) = objects.keys("predictions/")
    assert objects.get(left).body == b"left"
