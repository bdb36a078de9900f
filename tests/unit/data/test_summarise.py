"""What a manifest says of rows, so that later batches are compared with them without reading them."""

from __future__ import annotations

import numpy as np
import pytest

from contender.data.row_hashes import row_hashes
from contender.data.row_summary import SKETCH_ROWS, RowSummary
from contender.data.summarise import summarise
from contender.table import ORDER, Table

COLUMNS = (["amount"], "shop")
NAMES = ["amount", "shop"]


def sales(rows: int, *, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    shops = np.array(["north", "south", None], dtype=object)
    return Table({"amount": random.normal(50.0, 10.0, rows), "shop": shops[random.integers(0, 3, rows)]})


def test_equal_rows_have_equal_hashes_wherever_they_stand() -> None:
    table, order = sales(500), np.random.default_rng(1).permutation(500)

    assert np.array_equal(row_hashes(table.select_rows(order), NAMES), row_hashes(table, NAMES)[order])
    assert len(set(row_hashes(table, NAMES).tolist())) == 500


def test_when_a_row_was_seen_makes_it_no_other_row() -> None:
    table = sales(50)
    later = Table({**table.columns, ORDER: np.arange(50.0)})

    assert summarise(table, *COLUMNS) == summarise(later, *COLUMNS)


@pytest.mark.parametrize(
    "other",
    [
        Table({"amount": np.array([2.0]), "shop": np.array(["north"], dtype=object)}),
        Table({"amount": np.array([1.0]), "shop": np.array(["south"], dtype=object)}),
        Table({"amount": np.array([1.0]), "shop": np.array([None], dtype=object)}),
        Table({"amount": np.array([np.nan]), "shop": np.array(["north"], dtype=object)}),
    ],
)
def test_rows_that_differ_in_one_value_have_other_hashes(other: Table) -> None:
    one = Table({"amount": np.array([1.0]), "shop": np.array(["north"], dtype=object)})

    assert row_hashes(one, NAMES)[0] != row_hashes(other, NAMES)[0]


def test_there_is_one_missing_number_and_one_zero() -> None:
    numbers = np.array([0.0, -0.0, np.nan, np.float64.fromhex("-nan")])
    zero, other_zero, missing, other_missing = row_hashes(Table({"amount": numbers}), ["amount"])

    assert zero == other_zero != missing == other_missing


def test_columns_do_not_trade_places() -> None:
    table = Table({"a": np.array([1.0, 2.0]), "b": np.array([2.0, 1.0])})

    assert len(set(row_hashes(table, ["a", "b"]).tolist())) == 2


def test_the_sketch_is_the_smallest_hashes_and_says_what_share_two_tables_have_in_common() -> None:
    first, second = sales(4_000), sales(4_000, seed=1)
    half = Table.concatenate([first.select_rows(np.arange(2_000)), second.select_rows(np.arange(2_000))])
    known, found = summarise(first, *COLUMNS), summarise(half, *COLUMNS)

    assert len(found.sketch) == SKETCH_ROWS
    assert found.sketch_is_cut
    assert list(found.sketch) == sorted(set((row_hashes(half, NAMES) >> np.uint64(16)).tolist()))[:SKETCH_ROWS]
    shared = [value in known.sketch for value in found.sketch if value <= known.sketch[-1]]
    assert np.mean(shared) == pytest.approx(0.5, abs=0.1)


def test_of_a_number_its_ends_and_deciles_are_kept_and_of_a_name_or_of_nothing_none() -> None:
    table = Table(
        {
            "amount": np.array([*range(101), np.nan, np.inf], dtype=float),
            "shop": np.array(["north"] * 103, dtype=object),
            "never": np.full(103, np.nan),
        }
    )

    found = summarise(table, ["amount", "never"], "shop").quantiles

    assert list(found) == ["amount"]
    assert found["amount"] == pytest.approx(np.arange(0.0, 101.0, 10.0))


def test_a_summary_is_small_and_is_read_as_it_was_written() -> None:
    summary = summarise(sales(4_000), *COLUMNS)

    assert RowSummary.from_dict(summary.to_dict()) == summary
    assert len(str(summary.to_dict())) < 4_000
