"""Which labelled predictions are learned from: the newest labels, and of each caller no more than its share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.data.feedback_rows import (
    CALLER,
    ID,
    LABEL,
    LOSS,
    MADE_AT,
    PREDICTION,
    PROBABILITY,
    RECEIVED_AT,
    choose_rows,
    most_rows_of_a_caller,
    newest_labels,
    suspicious_callers,
)
from contender.pipeline.live_policy import LivePolicy
from contender.table import Table


def rows(**counts: int) -> Table:
    """So many rows of each caller, all with the loss of a usual one."""
    caller = [name for name, count in counts.items() for _ in range(count)]
    number = np.arange(len(caller), dtype=np.float64)
    text = np.array([f"id-{each}" for each in range(len(caller))], dtype=object)
    return Table(
        {
            ID: text,
            MADE_AT: number,
            RECEIVED_AT: number,
            CALLER: np.array(caller, dtype=object),
            LABEL: np.array(["yes"] * len(caller), dtype=object),
            PREDICTION: np.array(["yes" if each % 2 else "no" for each in range(len(caller))], dtype=object),
            PROBABILITY: number / max(1, len(caller)),
            LOSS: 0.2 + 0.2 * (number % 3),
        }
    )


def test_a_flood_from_one_caller_is_held_to_its_share_and_said() -> None:
    """100,000 labels from one key, 500 from others: as many as from all others together."""
    found = choose_rows(rows(loop=100_000, a=300, b=200), LivePolicy())
    assert found.rows == 1_000
    assert found.beyond_share == {"loop": 99_500}
    assert found.sentence == (
        "1,000 labelled predictions taken from feedback; 99,500 left out as more than 50% of the rows from one caller, "
        "live.max_caller_share (caller loop: 99,500)."
    )


def test_a_single_caller_is_taken_only_where_the_file_says_so() -> None:
    assert choose_rows(rows(only=100), LivePolicy()).rows == 0
    assert choose_rows(rows(only=100), LivePolicy(max_caller_share=1.0)).rows == 100


def test_which_rows_of_a_caller_stay_does_not_depend_on_their_order() -> None:
    table = rows(loop=100, a=20)
    turned = table.select_rows(np.arange(len(table))[::-1])
    one, other = choose_rows(table, LivePolicy()), choose_rows(turned, LivePolicy())
    assert set(table[ID][one.taken]) == set(turned[ID][other.taken])


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.floats(0.01, 1.0))
def test_no_caller_has_more_than_its_share_of_what_is_taken(counts: list[int], share: float) -> None:
    most = most_rows_of_a_caller(counts, share)
    taken = [min(count, most) for count in counts]
    assert max(taken) <= share * sum(taken) + 1e-9 or max(taken) <= 1 or share * len(counts) >= 1.0 - 1e-9
    if max(counts) <= share * sum(counts):
        assert taken == counts  # nobody is held back who need not be


def flipped(table: Table, mask: Any) -> Table:
    """The loss of these rows as it is when their label is the other class."""
    loss = np.where(mask, -np.log1p(-np.exp(-table[LOSS])), table[LOSS])
    return Table({**table.columns, LOSS: loss})


def test_the_caller_whose_labels_are_flipped_is_set_aside_and_nobody_else() -> None:
    table = rows(a=400, b=300, bad=300)
    found = choose_rows(flipped(table, table[CALLER] == "bad"), LivePolicy())
    assert [each.caller for each in found.suspicious] == ["bad"]
    assert not (table[CALLER][found.taken] == "bad").any()
    assert found.rows == 600  # of a 300 beside b's 300: half of what is taken
    assert "300 set aside (caller bad, 300 rows: mean loss 1.2 vs. 0.4 of other callers)" in found.sentence


def test_a_trusted_caller_is_taken_although_it_disagrees() -> None:
    table = rows(a=300, bad=300)
    found = choose_rows(flipped(table, table[CALLER] == "bad"), LivePolicy(trusted_callers=("bad",)))
    assert (found.suspicious, found.rows) == ((), 600)


def test_a_change_that_all_callers_see_makes_nobody_suspicious() -> None:
    table = rows(a=300, b=300, c=300)
    assert choose_rows(flipped(table, np.ones(900, dtype=bool)), LivePolicy()).suspicious == ()


def test_two_bad_callers_do_not_hide_each_other() -> None:
    rng = np.random.default_rng(5)
    caller = np.array(["a"] * 500 + ["b"] * 100 + ["c"] * 100, dtype=object)
    loss = rng.exponential(np.where(caller == "a", 0.3, np.where(caller == "b", 3.0, 1.5)))
    assert {each.caller for each in suspicious_callers(caller, loss)} == {"b", "c"}


def test_callers_alike_are_set_aside_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(7)
    caller = np.repeat(np.array(["a", "b", "c", "d"], dtype=object), 50)
    found = [suspicious_callers(caller, rng.exponential(0.4, 200)) for _ in range(400)]
    assert sum(map(bool, found)) <= 2


def test_a_few_labels_set_nobody_aside() -> None:
    caller = np.array(["a"] * 100 + ["b"] * 20, dtype=object)
    assert suspicious_callers(caller, np.where(caller == "b", 5.0, 0.2)) == ()


def test_answers_that_decided_their_label_are_excluded_by_class_or_by_number() -> None:
    table = rows(a=50, b=50)
    by_class = choose_rows(table, LivePolicy(exclude_predicted=("yes",)))
    assert set(table[PREDICTION][by_class.taken]) == {"no"}
    by_number = choose_rows(table, LivePolicy(exclude_from=0.9))
    assert (by_number.excluded, float(table[PROBABILITY][by_number.taken].max())) == (10, 0.89)
    assert "10 excluded: the prediction decided the label" in by_number.sentence


@pytest.mark.parametrize("turn", [1, -1])
def test_of_several_labels_of_a_prediction_the_newest_counts_whatever_came_first(turn: int) -> None:
    table = rows(a=4)
    again = Table(
        {
            **table.columns,
            ID: np.array(["x-0", "y-0", "x-0", "x-0"], dtype=object),
            LABEL: np.array(["1", "2", "3", "4"], dtype=object),
            RECEIVED_AT: np.array([5.0, 1.0, 9.0, 7.0]),
        }
    )
    found = newest_labels(again.select_rows(np.arange(4)[::turn]))
    assert dict(zip(found[ID], found[LABEL], strict=True)) == {"x-0": "3", "y-0": "2"}
