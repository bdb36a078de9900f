"""Units: the blocks of a reference and of all batches since in one row, small ones joined."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contender.drift.blocks import SMALLEST_SHARE, in_units
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.grid import ProfileGrid
from contender.drift.profiles.profile import Profile
from contender.table import Table

GRID = fit_profile(Table({"x": np.arange(4.0)}), numeric=["x"], loss=np.arange(4.0)).grid
SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=12)


def profile_of(sizes: list[int], *, day: int = 0, grid: ProfileGrid = GRID, loss: bool = True) -> Profile:
    """Blocks named "0", "1", … of so many rows; every fourth row has no value."""
    rows = sum(sizes)
    values = np.where(np.arange(rows) % 4 == 3, np.nan, np.arange(rows) % 3)
    labels = [str(day + place) for place, size in enumerate(sizes) for _ in range(size)]
    costs = {"loss": np.ones(rows)} if loss else {}
    return count_profile(grid, Table({"x": values}), blocks=np.array(labels, dtype=object), **costs)


def rows_of(counts: np.ndarray) -> list[int]:
    return counts.sum(axis=1).tolist()


def test_blocks_of_usual_size_are_units_of_their_own_in_order() -> None:
    units = in_units(profile_of([40, 40, 40]), [profile_of([40], day=3), profile_of([50, 30], day=4)], ["x"])
    assert units.labels == ("0", "1", "2", "3", "4", "5")
    assert units.batch.tolist() == [-1, -1, -1, 0, 1, 1]
    assert units.known == 3
    assert rows_of(units.counts["x"]) == [40, 40, 40, 40, 50, 30]


def test_a_small_block_is_joined_with_what_follows_and_named_by_its_first() -> None:
    units = in_units(profile_of([40, 40, 40]), [profile_of([5, 40, 40], day=3)], ["x"])
    assert units.labels == ("0", "1", "2", "3", "5")
    assert rows_of(units.counts["x"]) == [40, 40, 40, 45, 40]


def test_a_small_block_at_the_end_waits_and_belongs_to_the_batch_that_completes_it() -> None:
    reference, first, second = profile_of([40, 40, 40]), profile_of([40, 5], day=3), profile_of([40], day=5)
    waiting = in_units(reference, [first], ["x"])
    assert (waiting.labels, waiting.batch.tolist()) == (("0", "1", "2", "3"), [-1, -1, -1, 0])
    completed = in_units(reference, [first, second], ["x"])
    assert (completed.labels, completed.batch.tolist()) == (("0", "1", "2", "3", "4"), [-1, -1, -1, 0, 1])
    assert rows_of(completed.counts["x"])[-1] == 45


def test_many_uploads_a_day_are_one_unit_when_they_are_small() -> None:
    uploads = [profile_of([4], day=3 + upload) for upload in range(5)]
    units = in_units(profile_of([40, 40, 40]), uploads, ["x"])
    # 10 rows are a quarter of the usual 40: three uploads of 4 make a unit, and two more wait.
    assert rows_of(units.counts["x"])[3:] == [12]
    assert units.batch.tolist()[3:] == [2]


def test_a_day_that_came_in_several_uploads_is_one_unit() -> None:
    morning, evening, next_day = profile_of([20], day=3), profile_of([25], day=3), profile_of([40], day=4)
    units = in_units(profile_of([40, 40, 40]), [morning, evening, next_day], ["x"])
    assert units.labels == ("0", "1", "2", "3", "4")
    assert rows_of(units.counts["x"])[3:] == [45, 40]
    assert units.batch.tolist()[3:] == [1, 2]
    # The day in which training ended stays two: what is known is not changed by what comes.
    assert rows_of(in_units(profile_of([40, 40]), [profile_of([20], day=1)], ["x"]).counts["x"]) == [40, 40, 20]


def test_the_last_block_of_a_reference_is_never_joined_with_a_batch() -> None:
    units = in_units(profile_of([40, 40, 2]), [profile_of([40], day=3)], ["x"])
    assert units.labels == ("0", "1", "2", "3")
    assert rows_of(units.counts["x"]) == [40, 40, 2, 40]


def test_a_column_that_a_batch_lacks_is_counted_as_rows_without_a_value() -> None:
    units = in_units(profile_of([40, 40]), [profile_of([40], day=2, loss=False)], ["x", "(loss)"])
    assert units.counts["(loss)"][2].tolist() == [*[0] * (units.counts["(loss)"].shape[1] - 1), 40]


def test_a_unit_has_the_smallest_and_the_largest_value_of_its_blocks() -> None:
    def numbers(values: list[float], labels: list[str]) -> Profile:
        return count_profile(GRID, Table({"x": np.array(values)}), blocks=np.array(labels, dtype=object))

    reference = numbers([1.0, 2.0, 3.0, np.nan, np.nan, np.nan, 5.0, np.inf, 4.0], list("aaabbbccc"))
    # A day in two uploads, one of them with the day's largest value, then one row that waits for more.
    batches = [numbers([7.0, 2.0], ["d", "d"]), numbers([-3.0, 9.0], ["d", "d"]), numbers([0.0] * 3, ["e"] * 3)]
    units = in_units(reference, batches, ["x"])
    assert units.labels == ("a", "b", "c", "d", "e")
    expected = [[1.0, 3.0], [np.nan, np.nan], [4.0, 5.0], [-3.0, 9.0], [0.0, 0.0]]
    np.testing.assert_array_equal(units.ends["x"], expected)
    # A batch without the column goes beyond nothing.
    lacking = in_units(profile_of([40, 40]), [profile_of([40], day=2, loss=False)], ["(loss)"])
    np.testing.assert_array_equal(lacking.ends["(loss)"][-1], [np.nan, np.nan])


@given(SIZES, st.lists(SIZES, min_size=1, max_size=4))
def test_no_row_is_lost_but_those_that_wait(known: list[int], batches: list[list[int]]) -> None:
    reference, later = profile_of(known), [profile_of(sizes, day=100 * i + 100) for i, sizes in enumerate(batches)]
    units = in_units(reference, later, ["x"])
    rows = rows_of(units.counts["x"])
    waiting = sum(known) + sum(map(sum, batches)) - sum(rows)
    assert 0 <= waiting < SMALLEST_SHARE * float(np.median([*rows, waiting] if waiting else rows)) or waiting == 0
    assert (np.diff(units.batch) >= 0).all()
    assert len(units.labels) == len(set(units.labels)) == len(rows) == len(units.batch)
    # The reference's rows are all in units of the reference.
    assert sum(rows[: units.known]) == sum(known)
