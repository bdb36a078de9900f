"""Each row counts once, in its newest version, however often and under whatever name it is uploaded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contender.data.row_identities import RowIdentities, identify, sort_rows
from contender.table import Table

Row = tuple[str, float, str]
ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from([1.0, 2.0, np.nan]), st.sampled_from(["yes", "no"])),
    max_size=8,
)


def table(rows: list[Row]) -> Table:
    ids, amounts, targets = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    return Table(
        {
            "id": np.array([*ids, None], dtype=object)[:-1],
            "amount": np.array(amounts, dtype=np.float64),
            "y": np.array([*targets, None], dtype=object)[:-1],
        }
    )


def identities(rows: list[Row], row_id: str = "id") -> RowIdentities:
    return identify(table(rows), target="y", row_id=row_id, time=None)


def test_new_known_and_corrected_rows_are_told_apart() -> None:
    before = identities([("a", 1.0, "yes"), ("b", 2.0, "no"), ("c", 3.0, "no")])
    found = sort_rows(identities([("a", 1.0, "yes"), ("b", 2.0, "yes"), ("d", 1.0, "no")]), [before])
    assert found.new.tolist() == [False, False, True]
    assert found.corrected.tolist() == [False, True, False]
    assert found.sentence == "1 new, 1 known, 1 corrected"
    assert not found.names_something_else


def test_the_newest_version_of_a_row_is_what_a_correction_is_compared_with() -> None:
    first, second = identities([("a", 1.0, "yes")]), identities([("a", 1.0, "no")])
    assert sort_rows(second, [second, first]).known.all()
    assert sort_rows(first, [second, first]).corrected.all()


def test_an_id_that_starts_anew_in_each_file_is_noticed() -> None:
    before = identities([(name, 1.0, "yes") for name in "abcd"])
    assert sort_rows(identities([(name, 2.0, "yes") for name in "abcd"]), [before]).names_something_else
    assert not sort_rows(identities([(name, 1.0, "no") for name in "abcd"]), [before]).names_something_else


def test_without_an_id_equal_rows_of_one_file_are_different_rows() -> None:
    twice = [("-", 1.0, "yes")] * 2
    assert sort_rows(identities(twice, row_id=""), [identities(twice[:1], row_id="")]).new.tolist() == [False, True]
    assert sort_rows(identities(twice, row_id=""), [identities(twice, row_id="")]).known.all()


def test_rows_seen_at_another_time_are_other_rows() -> None:
    rows = table([("-", 1.0, "yes")])
    one, other = (identify(rows, target="y", row_id="", time=np.array([at])) for at in (1.0, 2.0))
    assert sort_rows(one, [other]).new.all()


@given(first=ROWS, second=ROWS)
def test_a_cumulative_export_adds_what_is_new_and_nothing_else(first: list[Row], second: list[Row]) -> None:
    before, export = identities(first, row_id=""), identities([*first, *second], row_id="")
    assert sort_rows(export, [before]).new.tolist() == [False] * len(first) + [True] * len(second)
    assert not sort_rows(export, [before]).corrected.any()
