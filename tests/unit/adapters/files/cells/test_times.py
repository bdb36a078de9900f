"""Times as people write them: the order of day and month is known from the cells or from the style, never guessed."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.time_notation import said
from contender.adapters.files.cells.times import Times, read_time
from contender.errors import BatchRejectedError


def read(*texts: str | None, **style: Any) -> Times:
    return read_time(pa.array(texts, pa.string()), CellStyle(**style), name="day")


JANUARY_31 = datetime.datetime(2024, 1, 31, tzinfo=datetime.UTC)


def at(hour: int = 0, minute: int = 0, second: float = 0) -> float:
    return JANUARY_31.timestamp() + 3600 * hour + 60 * minute + second


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-31", at()),
        ("2024-1-31", at()),
        ("2024/01/31", at()),
        ("2024.01.31 10:05", at(10, 5)),
        ("2024-01-31T10:05:06.25Z", at(10, 5, 6.25)),
        ("2024-01-31 10:05:06,25", at(10, 5, 6.25)),
        ("2024-01-31T10:05:06+01:00", at(9, 5, 6)),
        ("2024-01-31 10:05 -0530", at(15, 35)),
        ("2024-01-31 10:05:06.123456789", at(10, 5, 6.123456789)),
        ("31.01.2024", at()),
        ("31.1.24 7:30", at(7, 30)),
        ("31/01/2024 22:15:30", at(22, 15, 30)),
        ("01/31/2024 12:05 AM", at(0, 5)),
        ("1/31/2024 12:05:00 pm", at(12, 5)),
        ("31-01-2024", at()),
        ("31 Jan 2024", at()),
        ("31-Jan-24", at()),
        ("31st January 2024, 5 PM", at(17)),
        ("Jan 31, 2024", at()),
        ("Wednesday, January 31, 2024 10:00", at(10)),
        ("Wed, 31 Jan 2024 10:00:00 +0000", at(10)),
        ("20240131", at()),
        ("20240131T101500Z", at(10, 15)),
        ("1706659200", at()),
        ("1706659200500", at(0, 0, 0.5)),
        ("1706659200500000", at(0, 0, 0.5)),
    ],
)
def test_a_time_is_read_in_any_common_form(text: str, seconds: float) -> None:
    found = read(text)
    assert found.notation.is_timestamp
    np.testing.assert_allclose(found.values, [seconds], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "text", ["2024-02-30", "31/13/2024", "32/01/2024", "2024-01-31 25:00", "31 Foo 2024", "soon", "2024-01-31 13:00 PM",
             "29/02/2023"]
)  # fmt: skip
def test_what_is_no_time_is_a_fault_with_its_text(text: str) -> None:
    assert read("2024-01-01", text).faults == {1: text}


def test_one_cell_tells_the_order_of_day_and_month_for_all() -> None:
    assert read("02/01/2024", "31/01/2024").values[0] == datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC).timestamp()
    assert read("02/01/2024", "01/31/2024").values[0] == datetime.datetime(2024, 2, 1, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize("day_first", [True, False])
def test_where_no_cell_tells_the_style_decides_and_it_is_said(day_first: bool) -> None:
    found = read("02/01/2024", day_first=day_first)
    month, day = (1, 2) if day_first else (2, 1)
    assert found.values.tolist() == [datetime.datetime(2024, month, day, tzinfo=datetime.UTC).timestamp()]
    assert "no cell tells" in said(found.evidence, found.notation)[0]


def test_both_orders_in_one_column_are_refused_with_an_example_of_each() -> None:
    with pytest.raises(BatchRejectedError, match=r"day has dates .*31/01/2024.*01/31/2024.*2024-01-31"):
        read("31/01/2024", "01/31/2024", "02/01/2024")


def test_dates_that_contradict_each_other_are_not_refused_before_the_last_batch() -> None:
    first = read_time(pa.array(["31/01/2024", "01/31/2024"]), CellStyle(), whole=False)
    days = pa.array([f"{day:02d}/01/2024" for day in range(13, 32)] * 100)
    assert read_time(days, CellStyle(), seen=first.evidence).notation.day_first
    with pytest.raises(BatchRejectedError):
        read_time(days.slice(0, 5), CellStyle(), seen=first.evidence)


def test_one_stray_among_thousands_is_a_fault() -> None:
    days = [f"{day:02d}/01/2024" for day in range(13, 32)] * 100
    assert read(*days, "01/31/2024").faults == {len(days): "01/31/2024"}


@pytest.mark.parametrize(
    ("text", "day_first", "day"),
    [("13/02/2019", True, "2019-02-13"), ("02/13/2019", False, "2019-02-13"), ("04/02/2019", True, "2019-02-04"),
     ("13/02/2019", False, "2019-02-13"), ("02/13/2019", True, "2019-02-13")],
)  # fmt: skip
def test_dates_of_pandas_own_tests_read_as_there(text: str, day_first: bool, day: str) -> None:
    # pandas/tests/io/parser/test_parse_dates.py, test_parse_delimited_date_swap
    expected = np.datetime64(day, "s").astype(np.int64)
    assert read(text, day_first=day_first).values.tolist() == [expected]


def test_forms_that_cannot_be_mistaken_may_stand_in_one_column() -> None:
    assert read("2024-01-31", "31.01.2024", "Jan 31, 2024", "31/01/2024").values.tolist() == [at()] * 4


def test_numbers_that_are_no_time_order_the_rows_as_they_are() -> None:
    found = read("1.5", "-2", "x")
    assert (found.notation.is_timestamp, found.values[:2].tolist(), found.faults) == (False, [1.5, -2.0], {2: "x"})


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (pa.array([JANUARY_31], pa.timestamp("s", "Europe/Berlin")), at()),
        (pa.array([JANUARY_31.replace(tzinfo=None)], pa.timestamp("ns")), at()),
        (pa.array([JANUARY_31.date()], pa.date32()), at()),
        (pa.array([JANUARY_31.date()], pa.date64()), at()),
        (pa.array([20240131], pa.int64()), at()),
        (pa.array([1706659200123], pa.int64()), at(0, 0, 0.123)),
        (pa.array(["31.01.2024"], pa.large_string()), at()),
        (pa.array(["31.01.2024"]).dictionary_encode(), at()),
    ],
)
def test_arrow_types_are_times(cells: pa.Array, seconds: float) -> None:
    found = read_time(cells, CellStyle())
    assert found.notation.is_timestamp
    assert found.values.tolist() == [seconds]


def test_an_hour_that_comes_twice_is_told_apart_by_its_zone() -> None:
    # Berlin, 27 October 2024: 02:30 was at 00:30 UTC, and again at 01:30 UTC
    found = read("2024-10-27 02:30:00+02:00", "2024-10-27 02:30:00+01:00", "2024-10-27 00:30:00Z")
    assert (found.values - found.values[2]).tolist() == [0.0, 3600.0, 0.0]


FORMS = {
    "ISO": "%Y-%m-%d %H:%M:%S",
    "year first": "%Y/%m/%d %H:%M:%S",
    "dots": "%d.%m.%Y %H:%M:%S",
    "month named": "%d %b %Y %H:%M:%S",
    "month named first": "%B %d, %Y %I:%M:%S %p",
    "zone": "%Y-%m-%dT%H:%M:%S%z",
    "eight digits": "%Y%m%dT%H%M%S",
    "day first": "%d/%m/%Y %H:%M:%S",
    "month first": "%m/%d/%Y %I:%M:%S %p",
}
MOMENTS = st.datetimes(
    datetime.datetime(1950, 1, 1),
    datetime.datetime(2090, 1, 1),
    timezones=st.sampled_from([zoneinfo.ZoneInfo("UTC"), datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))]),
).map(lambda moment: moment.replace(microsecond=0))


@given(moments=st.lists(MOMENTS, min_size=1, max_size=15), form=st.sampled_from(sorted(FORMS)))
def test_a_column_written_in_any_form_reads_back_the_same(moments: list[datetime.datetime], form: str) -> None:
    if form != "zone":
        moments = [moment.replace(tzinfo=datetime.UTC) for moment in moments]
    found = read(*(moment.strftime(FORMS[form]) for moment in moments), day_first=form == "day first")
    assert found.faults == {}
    assert found.values.tolist() == [moment.timestamp() for moment in moments]
