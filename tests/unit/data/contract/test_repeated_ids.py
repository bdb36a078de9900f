"""Ids that stand more than once in a file: which rows are at fault, and what is said of each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contender.data.contract.findings import Places
from contender.data.contract.repeated_ids import repeated_ids

ROWS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 2)), max_size=25)


@given(rows=ROWS)
def test_rows_at_fault_are_those_that_one_look_after_another_finds(rows: list[tuple[int, int]]) -> None:
    ids, labels = np.array([row for row, _ in rows], int), np.array([label for _, label in rows], int)
    found = repeated_ids(ids, labels, name="id", target="y", without=ids < 0)
    kinds = {broken.rule: broken.rows.tolist() for broken in found}

    first: dict[int, int] = {}
    again, contradicts = [], set()
    for row, (identifier, label) in enumerate(rows):
        if identifier < 0:
            continue
        before = first.setdefault(identifier, row)
        if before != row:
            if label != rows[before][1] and -1 not in (label, rows[before][1]):
                contradicts |= {before, row}
            else:
                again.append(row)
    expected = {"repeats an earlier row": again, "two labels": sorted(contradicts)}
    assert kinds == {rule: found for rule, found in expected.items() if found}


def test_both_rows_of_two_labels_are_named_with_their_labels_and_lines() -> None:
    names, labels = ["a", "b", "a"], ["no", "no", "yes"]
    (found,) = repeated_ids(
        np.array([0, 1, 0]),
        np.array([0, 0, 1]),
        name="id",
        target="paid",
        id_of=names.__getitem__,
        label_of=labels.__getitem__,
        places=Places(lambda row: row + 2, "line"),
    )
    said = "a has 'no' and 'yes' as paid (lines 2 and 4); keep the row that holds and upload it again"
    assert [found.say(place) for place in range(2)] == [said, said]


def test_labels_that_are_numbers_are_compared_and_missing_ones_contradict_nothing() -> None:
    found = repeated_ids(np.array([1, 1, 1]), np.array([2.5, np.nan, 2.0]), name="id", target="y")
    assert {broken.rule: broken.rows.tolist() for broken in found} == {
        "repeats an earlier row": [1],
        "two labels": [0, 2],
    }
