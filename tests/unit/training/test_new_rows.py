"""What is gathered of new rows: who served before, how much has arrived, what a training costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.data.datasets import DatasetManifest
from contender.pipeline.config import parse_pipeline
from contender.registry.pointer import PastSwap, Pointer
from contender.training.new_rows import (
    earlier_champions,
    far_apart,
    rows_a_week,
    rows_since,
    staleness_of,
    training_usd,
)

CONFIG = parse_pipeline('name = "a"\ntask = "regression"\ntarget = "y"\nnumeric = ["x"]\ntime = "at"')
POINTER = Pointer("a", "v4", "", "r", 1, "s", "", "")


def dataset(sequence: int, rows: int = 100) -> DatasetManifest:
    return DatasetManifest("a", f"d{sequence}", sequence, rows, "", "", "", None, f"r{sequence}", "", 0.0, 1.0, ())


ARRIVED = [dataset(sequence) for sequence in range(1, 7)]


def test_who_served_before_is_named_once_oldest_first_without_what_was_rolled_back() -> None:
    past = tuple(PastSwap(f"s{place}", name) for place, name in enumerate(["v1", "v2", "v1", "v3", "v4", "v4"]))
    assert earlier_champions(replace(POINTER, past=past, rolled_back=("v3",))) == ("v1", "v2")
    assert earlier_champions(POINTER) == ()


@given(st.lists(st.integers(), max_size=20, unique=True))
def test_at_most_three_are_asked_the_oldest_and_the_newest_among_them(models: list[int]) -> None:
    chosen = far_apart(models)
    assert len(chosen) == min(len(models), 3)
    assert chosen == [model for model in models if model in chosen]
    assert not models or {chosen[0], chosen[-1]} == {models[0], models[-1]}


def test_rows_are_counted_before_and_since_the_newest_training_in_the_order_of_arrival() -> None:
    found = rows_since({"datasets": ["d1", "d2", "d3", "d4"]}, ARRIVED, unchanged_since=0, week=7.0)
    assert (found.known, found.since, found.batch, found.week) == (400, 200, 100.0, 7.0)
    assert rows_since({"datasets": ["d3", "d4"]}, ARRIVED, unchanged_since=4, week=None).known == 100
    assert rows_since({"datasets": ["d3", "d4"]}, ARRIVED, unchanged_since=5, week=None).known == 0
    assert rows_since({"datasets": ["gone"]}, ARRIVED, unchanged_since=0, week=None).since == 600


def test_staleness_is_by_what_a_model_was_trained_on_also_with_a_sliding_window() -> None:
    three, one = 3 / (1 + 3 / 20), 1 / (1 + 1 / 20)  # batches that count
    assert staleness_of({"datasets": ["d1", "d2", "d3"]}, ARRIVED) == pytest.approx(np.log(1.0 + 3.0 / three))
    assert staleness_of({"datasets": ["d3"]}, ARRIVED) == pytest.approx(np.log(1.0 + 3.0 / one))
    assert staleness_of({"datasets": ["d6"]}, ARRIVED) == 0.0


@pytest.mark.parametrize(
    ("period", "labels", "a_week"),
    [
        ("day", ["2026-01-01", "2026-01-02"], 7.0),
        ("hour", ["2026-01-01T00", "2026-01-01T01"], 168.0),
        ("week", ["2026-01-05", "2026-01-12"], 1.0),
        ("month", ["2026-01", "2026-02"], 7 * 12 / 365),
        ("day", ["000001-00000", "000001-00001"], None),
        ("day", [], None),
    ],
)
def test_rows_a_week_are_known_where_blocks_are_periods(period: str, labels: list[str], a_week: float | None) -> None:
    found = rows_a_week(replace(CONFIG, block_period=period), np.array(labels, dtype=object))
    assert found == (None if a_week is None else pytest.approx(a_week))


def test_blocks_of_the_users_own_say_nothing_about_weeks() -> None:
    assert rows_a_week(replace(CONFIG, block="day"), np.array(["2026-01-01"], dtype=object)) is None


def test_a_training_costs_what_the_newest_one_did_or_else_five_minutes() -> None:
    assert training_usd(CONFIG, {"resources": {"usd": 0.02}}) == 0.02
    assert training_usd(CONFIG, {"resources": None}) == pytest.approx((0.04048 + 4 * 0.004445) / 12)
