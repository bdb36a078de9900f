"""Rank correlations of a table's columns, as scipy has them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from contender.data.associations import MOST_COLUMNS, associations
from contender.table import Table


def shop(rows: int = 300) -> Table:
    random = np.random.default_rng(0)
    amount = np.round(random.normal(50.0, 10.0, rows), 0)  # with ties
    visits = amount / 10.0 + random.normal(0.0, 1.0, rows)
    paid = amount - 3.0 * visits + random.normal(0.0, 5.0, rows)
    kind = np.where(amount > 50.0, "dear", "cheap").astype(object)
    return Table({"amount": amount, "visits": visits, "paid": paid, "kind": kind, "rare": np.eye(1, rows)[0]})


def test_they_are_spearmans_of_each_pair_of_features_and_of_each_with_the_target() -> None:
    table = shop()
    found = associations(table, ["amount", "visits", "kind"], "paid")

    assert found == {
        f"{one} and {other}": pytest.approx(spearmanr(table[one], table[other]).statistic, abs=6e-4)
        for one, other in (("amount", "visits"), ("amount", "paid"), ("visits", "paid"))
    }


def test_each_class_of_a_target_is_0_or_1() -> None:
    table = shop()
    found = associations(table, ["amount"], "kind")

    assert set(found) == {"amount and kind = cheap", "amount and kind = dear"}
    dear = (table["kind"] == "dear").astype(float)
    assert found["amount and kind = dear"] == pytest.approx(spearmanr(table["amount"], dear).statistic, abs=6e-4)


def test_a_column_of_which_most_values_are_one_is_left_out() -> None:
    assert set(associations(shop(), ["amount", "rare"], "paid")) == {"amount and paid"}


def test_a_missing_value_says_nothing_in_either_direction() -> None:
    table = shop()
    with_gaps = table["amount"].copy()
    with_gaps[::7] = np.nan
    known = np.isfinite(with_gaps)
    found = associations(Table({**table.columns, "amount": with_gaps}), ["amount"], "paid")["amount and paid"]

    assert found == pytest.approx(spearmanr(with_gaps[known], table["paid"][known]).statistic, abs=0.005)


def test_of_a_wide_table_only_those_with_the_target_are_known() -> None:
    random = np.random.default_rng(0)
    names = [f"x{number}" for number in range(MOST_COLUMNS + 1)]
    table = Table({name: random.normal(size=50) for name in (*names, "y")})

    assert set(associations(table, names, "y")) == {f"{name} and y" for name in names}


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_no_error(rows: int) -> None:
    assert all(
        abs(value) <= 1.0 for value in associations(shop(2).select_rows(np.arange(rows)), ["amount"], "paid").values()
    )
