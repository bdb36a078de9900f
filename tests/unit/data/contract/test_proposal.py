"""A contract that `contender init` proposes: the data keep it with room, and what is far outside breaks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.data.contract.proposal import ProposedContract, propose_contract
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import parse_pipeline
from contender.table import Table

ROWS = 1000


def numbers(values: Any) -> ColumnContract:
    """What is proposed for a numeric column."""
    column = np.asarray(values, dtype=np.float64)
    return propose_contract(Table({"x": column}), numeric=["x"], categorical=[]).columns.get("x", ColumnContract())


def texts(values: list[str | None], **options: Any) -> tuple[ProposedContract, ColumnContract]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    proposed = propose_contract(Table({"x": column}), numeric=[], **({"categorical": ["x"]} | options))
    return proposed, proposed.columns.get("x", ColumnContract())


def shuffled(values: Any) -> np.ndarray[Any, Any]:
    return np.random.default_rng(7).permutation(np.asarray(values, dtype=np.float64))


class TestBounds:
    def test_lie_ten_times_the_range_beyond_the_values(self) -> None:
        found = numbers(shuffled(np.linspace(12.0, 87.0, ROWS)))
        assert (found.min, found.max) == (-740.0, 840.0)  # 12 - 750 and 87 + 750, outward to two digits

    def test_start_at_zero_where_numbers_pile_up_above_it(self) -> None:
        assert numbers(shuffled(np.linspace(0.0, 50.0, ROWS))).min == 0.0

    def test_go_below_zero_where_the_numbers_only_happen_to_be_positive(self) -> None:
        summer = np.random.default_rng(1).normal(20.0, 5.0, ROWS).clip(1.0)
        found = numbers(summer)
        assert found.min is not None
        assert found.min < -100.0

    def test_are_open_where_the_largest_values_are_far_apart(self) -> None:
        found = numbers(np.random.default_rng(2).pareto(0.7, ROWS))
        assert (found.min, found.max) == (0.0, None)

    def test_are_not_proposed_for_numbers_that_rise_with_time(self) -> None:
        assert numbers(np.arange(ROWS)) == ColumnContract()

    def test_refuse_the_usual_placeholders_for_missing(self) -> None:
        found = numbers(shuffled(np.linspace(0.0, 50.0, ROWS)))
        assert found.max is not None
        assert found.max < 999
        assert found.min is not None
        assert found.min > -1

    @pytest.mark.parametrize("value", [3.0, np.nan])
    def test_are_not_proposed_for_a_constant_or_an_empty_column(self, value: float) -> None:
        found = numbers(np.full(ROWS, value))
        assert (found.min, found.max) == (None, None)

    def test_are_not_proposed_beyond_what_a_number_can_hold(self) -> None:
        found = numbers(shuffled(np.linspace(-1.0, 1.0, ROWS)) * 1.7e308)
        assert (found.min, found.max) == (None, None)


class TestLimits:
    def test_leave_room_above_the_share(self) -> None:
        values = np.where(np.arange(ROWS) % 20 == 0, np.nan, shuffled(np.linspace(0.0, 1.0, ROWS)))
        # Wilson's upper end for 50 of 1,000 is 6.53 %: 10 + 3 * 6.53 = 29.6, rounded up to 30 points.
        assert numbers(values).max_missing == 0.3

    def test_are_one_for_all_columns_where_none_is_missing(self) -> None:
        proposed, column = texts(["a", "b"] * 500)
        assert (proposed.max_missing_fraction, proposed.max_unseen_fraction) == (0.15, 0.15)
        assert column == ColumnContract()

    def test_are_open_where_much_is_missing(self) -> None:
        _, column = texts([None, None, "a", "b"] * 250)
        assert column.max_missing == 1.0

    def test_see_what_began_to_be_missing_of_late(self) -> None:
        values = shuffled(np.linspace(0.0, 1.0, ROWS))
        values[-100:] = np.nan
        assert numbers(values).max_missing == 1.0

    def test_of_values_not_seen_before_are_open_where_each_file_has_new_ones(self) -> None:
        months = [f"2024-{month:02d}" for month in range(1, 11) for _ in range(100)]
        assert texts(months)[1].max_unseen == 1.0

    @pytest.mark.parametrize("days", [["Tuesday"], ["Tuesday", "Wednesday"], ["Monday", "Tuesday", "Wednesday"]])
    def test_of_values_not_seen_before_are_open_where_each_day_has_its_own(self, days: list[str]) -> None:
        assert texts([day for day in days for _ in range(400)])[1].max_unseen == 1.0

    def test_of_values_not_seen_before_are_open_where_each_row_has_its_own(self) -> None:
        assert texts([f"user {number}" for number in range(ROWS)])[1].max_unseen == 1.0


class TestTexts:
    def test_codes_with_zeros_at_the_start_keep_their_digits(self) -> None:
        assert texts(["01067", "80331"] * 500)[1].pattern == "[0-9]{5}"

    @pytest.mark.parametrize("values", [["1067", "80331"], ["10670", "80331"], ["a1", "a2"], ["01067"]])
    def test_others_have_no_pattern(self, values: list[str | None]) -> None:
        assert texts(values * 500)[1].pattern == ""

    def test_booleans_are_true_and_false(self) -> None:
        assert texts(["true", "false"] * 500)[1].allowed == ("true", "false")

    def test_ids_have_no_limits(self) -> None:
        proposed, column = texts(["01", "02"] * 500, categorical=[], names=["x"])
        assert column == ColumnContract(pattern="[0-9]{2}")
        assert proposed.max_unseen_fraction == 1.0


def test_few_rows_say_nothing() -> None:
    assert propose_contract(Table({"x": np.arange(99.0)}), numeric=["x"], categorical=[]) == ProposedContract()
    assert ProposedContract().lines == ()


KINDS = st.one_of(
    st.lists(st.floats(width=32, allow_nan=True, allow_infinity=False), min_size=100, max_size=150),
    st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=3)), min_size=100, max_size=150),
)


@settings(deadline=None)
@given(values=KINDS, name=st.text(min_size=1, max_size=8).filter(lambda name: name not in ("y", "_order", "_block")))
def test_what_is_proposed_is_a_pipeline_file_that_says_the_same(values: list[Any], name: str) -> None:
    is_text = any(isinstance(value, str) for value in values)
    column = np.empty(len(values), dtype=object if is_text else np.float64)
    column[:] = values
    kinds = {"numeric": [] if is_text else [name], "categorical": [name] if is_text else []}
    if not is_text:
        column = column.astype(np.float64)
    proposed = propose_contract(Table({name: column}), **kinds)
    read = _parsed(proposed, name, kinds)
    assert read.contract == proposed.columns
    assert read.validation.max_missing_fraction == proposed.max_missing_fraction


def _parsed(proposed: ProposedContract, name: str, kinds: dict[str, list[str]]) -> Any:
    quoted = '"' + "".join(f"\\U{ord(letter):08x}" for letter in name) + '"'
    lists = [f"{kind} = [{quoted if names else ''}]" for kind, names in kinds.items()]
    return parse_pipeline("\n".join(['name = "p"', 'task = "regression"', 'target = "y"', *lists, *proposed.lines]))
