"""A file of the past is cut into the uploads that it would have been, each held to the contract."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.data.contract.batch import ParsedBatch
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.replay.history import History, cut_history
from contender.table import BLOCK, ORDER, Table

JANUARY = 1356998400.0  # 2013-01-01T00:00:00Z
DAY = 86400.0


def config_of(**changes: Any) -> PipelineConfig:
    return PipelineConfig(name="trial", task="regression", target="y", numeric=("a",), **{"time": "when", **changes})


def parsed(time: Any, *, stamps: bool = True, **columns: Any) -> ParsedBatch:
    rows = len(columns["y"]) if "y" in columns else len(time)
    table = Table({"a": np.arange(rows, dtype=float), "y": np.arange(rows, dtype=float), **columns})
    return ParsedBatch(table, time=None if time is None else np.asarray(time, dtype=float), time_is_timestamp=stamps)


def cut(time: Any, every: str = "", *, stamps: bool = True, **config: Any) -> History:
    return cut_history(parsed(time, stamps=stamps), config_of(**config), every)


def test_months_are_the_default_where_there_are_time_stamps_and_rows_may_come_in_any_order() -> None:
    days = np.random.default_rng(1).permutation(90)  # 31 + 28 + 31
    history = cut(JANUARY + days * DAY)

    assert history.every == "month"
    assert [(batch.name, batch.rows, batch.blocks) for batch in history.batches] == [
        ("2013-01", 31, 31),
        ("2013-02", 28, 28),
        ("2013-03", 31, 31),
    ]


def test_weeks_begin_on_mondays() -> None:
    names = [batch.name for batch in cut(JANUARY + np.arange(21) * DAY, "week").batches]
    assert names == ["2012-12-31", "2013-01-07", "2013-01-14", "2013-01-21"]  # 1 January 2013 was a Tuesday


def test_a_number_is_so_many_blocks_and_a_small_rest_joins_the_batch_before_it() -> None:
    history = cut(JANUARY + np.arange(31) * DAY, "10")
    assert [(batch.name, batch.blocks) for batch in history.batches] == [
        ("2013-01-01", 10),
        ("2013-01-11", 10),
        ("2013-01-21", 11),
    ]


def test_without_a_time_column_the_order_of_the_file_counts() -> None:
    history = cut_history(parsed(None, stamps=False, y=np.arange(60.0)), config_of(time="", block_rows=5), "4")

    assert [batch.rows for batch in history.batches] == [20, 20, 20]
    assert [batch.name for batch in history.batches] == ["from row 1", "from row 21", "from row 41"]
    tables = [batch.table for batch in history.batches if batch.table is not None]
    assert np.concatenate([table["y"] for table in tables]).tolist() == list(range(60))
    assert len({block for table in tables for block in table[BLOCK]}) == 12


def test_without_time_stamps_about_a_dozen_batches_are_made() -> None:
    assert len(cut(np.arange(1200), stamps=False, block_rows=10).batches) == 12


@pytest.mark.parametrize(
    ("every", "stamps", "said"),
    [
        ("month", False, "needs time stamps, but when holds numbers; give a number of blocks"),
        ("fortnight", True, "must be month, week, day or a number of blocks from 1, but got 'fortnight'"),
        ("0", True, "number of blocks from 1, but got '0'"),
        ("1000", True, "at least 3 usable batches, but every=1000 makes 1 of 90 rows; give a longer history"),
    ],
)
def test_a_cut_that_cannot_be_is_refused_with_what_to_do(every: str, stamps: bool, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        cut(JANUARY + np.arange(90) * DAY, every, stamps=stamps)


def test_periods_without_a_time_column_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="names no time column"):
        cut_history(parsed(None, stamps=False, y=np.arange(9.0)), config_of(time=""), "week")


def test_a_file_without_rows_is_too_little_history() -> None:
    with pytest.raises(InvalidInputError, match="makes 0 of 0 rows"):
        cut(np.array([]))


def test_rows_without_a_readable_time_are_counted_and_left_out() -> None:
    time = JANUARY + np.arange(90) * DAY
    time[[3, 40]] = np.nan
    history = cut(time)
    assert history.unplaced == 2
    assert sum(batch.rows for batch in history.batches) == 88


def test_rows_that_break_the_contract_are_left_out_of_their_batch_with_the_reason() -> None:
    target = np.arange(90.0)
    target[35] = np.nan
    history = cut_history(parsed(JANUARY + np.arange(90) * DAY, y=target), config_of())

    assert [batch.left_out for batch in history.batches] == [0, 1, 0]
    assert "1 × y: no label (row 5; y is missing)" in history.batches[1].reason  # 31 days of January, then the fifth


def test_unreadable_cells_are_found_in_the_batch_that_their_row_is_in() -> None:
    time = JANUARY + np.arange(90)[::-1] * DAY  # newest first: positions change
    batch = ParsedBatch(parsed(time).table, {"a": {0: "twelve"}}, time, True)
    history = cut_history(batch, config_of())
    assert [found.left_out for found in history.batches] == [0, 0, 1]
    assert "'twelve', which is not a number" in history.batches[2].reason


def test_a_batch_that_would_go_to_quarantine_is_kept_in_its_place_with_its_reason() -> None:
    target = np.arange(120.0)
    target[31:59] = np.nan  # all of February
    history = cut_history(parsed(JANUARY + np.arange(120) * DAY, y=target), config_of())

    assert [batch.table is None for batch in history.batches] == [False, True, False, False]
    assert "target y has no value in any row" in history.batches[1].reason


@given(days=st.lists(st.integers(0, 200), min_size=30, max_size=150), blocks=st.integers(1, 5))
def test_every_row_is_in_one_batch_and_batches_follow_each_other_in_time(days: list[int], blocks: int) -> None:
    days = [0, 50, 100, 150, *days]
    try:
        history = cut(JANUARY + np.array(days) * DAY, str(blocks))
    except InvalidInputError:
        return  # too few distinct days for three batches
    tables = [batch.table for batch in history.batches if batch.table is not None]
    assert sum(map(len, tables)) == len(days)
    for earlier, later in pairwise(tables):
        assert earlier[ORDER].max() < later[ORDER].min()
        assert not set(earlier[BLOCK]) & set(later[BLOCK])
