"""Windows: their names, when they are closed, and which files they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError, PipelineFileError
from contender.live.windows import PERIODS, LogFile, Window, closed_windows, files_of
from contender.pipeline.config import parse_pipeline

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.sampled_from(PERIODS))
def test_windows_follow_each_other_and_are_found_by_their_names(moment: datetime, period: str) -> None:
    window = Window.of(moment, period)
    assert window.start <= moment < window.end
    assert window.before.end == window.start
    assert Window.named(window.name) == window
    assert {window.start.date().isoformat(), (window.end - timedelta(seconds=1)).date().isoformat()} <= {*window.days}


@given(MOMENTS, st.sampled_from(PERIODS))
def test_closed_windows_are_in_order_and_the_newest_has_just_closed(moment: datetime, period: str) -> None:
    found = closed_windows(moment, period)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert found[-1].is_closed(moment)
    assert not Window.of(found[-1].end, period).is_closed(moment)


def test_a_name_or_period_that_is_none_is_refused_with_examples() -> None:
    with pytest.raises(InvalidInputError, match="named like 2026-03-01T0930"):
        Window.named("yesterday")
    with pytest.raises(InvalidInputError, match="period must be one of minute, hour, day"):
        Window.of(datetime.now(UTC), "year")


def test_a_file_is_of_each_window_that_its_rows_may_be_in() -> None:
    nine = Window.of(datetime(2026, 3, 1, 9, tzinfo=UTC), "hour")
    inside, at_end = nine.start.timestamp() + 60.0, nine.end.timestamp()
    files = [
        LogFile("predictions/shop/dt=2026-03-01/v1-b.parquet", inside, at_end),
        LogFile("predictions/shop/dt=2026-03-01/v1-a.parquet"),
        LogFile("predictions/shop/dt=2026-03-01/v2-c.parquet", at_end, at_end),
    ]
    assert {version: [file.name for file in found] for version, found in files_of(nine, files).items()} == {
        "v1": ["v1-a.parquet", "v1-b.parquet"]
    }


def test_a_pipeline_file_that_starts_runs_on_what_is_no_evidence_is_refused() -> None:
    text = 'name = "shop"\ntask = "binary"\ntarget = "late"\nnumeric = ["amount"]\n[live]\nstart_on = ["drift"]'
    with pytest.raises(PipelineFileError, match="start_on must hold drift-alarm, performance-alarm, fresh-labels"):
        parse_pipeline(text)
