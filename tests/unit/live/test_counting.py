"""Counting a window: dropped, hashed and missing values, in any order and number of pieces."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contender.drift.profiles.counting import fit_profile
from contender.drift.profiles.profile import Profile
from contender.live.counting import WindowCounter
from contender.live.logged_rows import LoggedRows
from contender.live.reference import PREDICTED_CLASS, with_predicted_class
from contender.live.windows import Window
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.live_metrics import LiveCounts, Outputs
from contender.predictions.log_messages import hashed
from contender.table import Categories, Table

DAY = Window.of(datetime(2026, 3, 1, tzinfo=UTC), "day")
CLASSES = Outputs("binary", ("no", "yes"), "yes")


def reference() -> Profile:
    """Ages from 0 to 99 and two shops, in four blocks of which the last two are the holdout."""
    rows = Table({"age": np.arange(100.0), "shop": np.array(["north", "south"] * 50, dtype=object)})
    predictions = np.where(np.arange(100) < 50, np.nan, np.linspace(0.0, 1.0, 100))
    blocks = np.repeat(["a", "b", "c", "d"], 25)
    return fit_profile(rows, numeric=["age"], categorical=["shop"], prediction=predictions, blocks=blocks)


def logged(n: int, *, shop: str | None = "north", first_id: int = 0, hour: float = 0.0) -> LoggedRows:
    columns: dict[str, object] = {"age": np.arange(n, dtype=np.float64)}
    if shop is not None:
        columns["shop"] = Categories((shop,), np.zeros(n, dtype=np.int32))
    return LoggedRows(
        ids=np.arange(first_id, first_id + n, dtype=np.uint64),
        at=np.full(n, DAY.start.timestamp() + 3600.0 * hour),
        features=Table(columns),  # type: ignore[arg-type]
        prediction=np.linspace(0.0, 1.0, n),
        predicted=Categories(("no", "yes"), (np.arange(n) % 2).astype(np.int32)),
        stands_for=np.ones(n),
    )


def counter(profile: Profile, *, block_period: str | None = None, **policy: object) -> WindowCounter:
    return WindowCounter(DAY, profile.grid, "sales", ServingPolicy(**policy), block_period)  # type: ignore[arg-type]


@given(st.permutations([0, 1, 2, 3]))
def test_files_in_any_order_give_the_same_counts_in_the_order_of_time(order: list[int]) -> None:
    profile = reference()
    parts = [logged(10, first_id=10 * number, hour=float(number)) for number in range(4)]
    counting = counter(profile, block_period="hour")
    for number in order:
        counting.add(parts[number])
    found = counting.profile()
    assert found.blocks.labels == tuple(f"2026-03-01T{hour:02d}" for hour in range(4))
    assert (found.rows, found.counts["age"].present, found.grid) == (40, 40, profile.grid)


def test_rows_outside_of_the_window_are_not_its_own() -> None:
    counting = counter(reference())
    counting.add(logged(10, hour=23.99))
    counting.add(logged(10, hour=24.0, first_id=10))
    counting.add(logged(10, hour=-0.01, first_id=20))
    assert counting.rows == 10


def test_a_column_that_some_files_lack_is_not_judged() -> None:
    counting = counter(reference())
    counting.add(logged(10))
    counting.add(logged(10, shop=None, first_id=10))
    found = counting.profile()
    assert (found.rows, set(found.counts)) == (20, {"age", "(prediction)"})


def test_hashed_levels_are_counted_as_the_levels_that_they_stand_for() -> None:
    counting = counter(reference(), log_hash=("shop",))
    counting.add(logged(10, shop=hashed("south", "sales")))
    counting.add(logged(5, shop=hashed("west", "sales"), first_id=10))
    grid = next(one for one in reference().grid.columns if one.name == "shop")
    cells = dict(zip(grid.cell_names, counting.profile().counts["shop"].cells.tolist(), strict=True))  # type: ignore[union-attr]
    assert cells == {"north": 0, "south": 10, "(unseen)": 5}


def test_predicted_classes_are_a_column_where_the_holdout_was_counted_by_block() -> None:
    holdout = [LiveCounts(rows=25, classes={"no": 20, "yes": 5}), LiveCounts(rows=25, classes={"no": 10, "yes": 15})]
    profile = with_predicted_class(reference(), holdout, CLASSES)
    assert profile.counts[PREDICTED_CLASS].cells.tolist() == [30, 20, 0]
    assert profile.blocks.counts[PREDICTED_CLASS].tolist() == [
        [0, 0, 0, 25],
        [0, 0, 0, 25],
        [20, 5, 0, 0],
        [10, 15, 0, 0],
    ]
    counting = counter(profile)
    counting.add(logged(10))
    assert counting.profile().counts[PREDICTED_CLASS].cells.tolist() == [5, 5, 0]
    joined = [LiveCounts(rows=50, classes={"no": 30, "yes": 20})]
    assert PREDICTED_CLASS not in with_predicted_class(reference(), joined, CLASSES).counts
    assert with_predicted_class(reference(), [], CLASSES) == reference()
