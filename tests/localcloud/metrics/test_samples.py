"""Statistics of samples are those of CloudWatch's guide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from localcloud.metrics.samples import statistic

# What each is: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html, read in November
# 2026; the numbers are counted by hand.
VALUES, COUNTS = np.array([10.0, 100.0, 300.0, 2000.0]), np.array([4.0, 3.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SampleCount", 10.0),
        ("Sum", 2940.0),
        ("Average", 294.0),
        ("Minimum", 10.0),
        ("Maximum", 2000.0),
        ("p0", 10.0),
        ("p40", 10.0),
        ("p41", 100.0),
        ("p90", 300.0),
        ("p99.9", 2000.0),
        ("p100", 2000.0),
        # "PR(:300) returns the percentage of data points that have a value of 300 or less."
        ("PR(:300)", 90.0),
        # "Percentile rank is exclusive on the lower bound and inclusive on the upper bound."
        ("PR(100:2000)", 30.0),
        ("TC(100:)", 3.0),
        ("TC(:100)", 7.0),
        ("TS(10:300)", 900.0),
        ("TM(10:300)", 180.0),
    ],
)
def test_a_statistic_has_the_value_that_the_guide_gives(name: str, expected: float) -> None:
    assert statistic(name, VALUES, COUNTS) == pytest.approx(expected)
    nothing = statistic(name, VALUES[:0], COUNTS[:0])
    assert np.isnan(nothing)


@pytest.mark.parametrize("name", ["p101", "TM(2%:98%)", "IQM", "sum", "WM98", ""])
def test_a_statistic_that_is_not_computed_here_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidInputError, match="statistic must be one of"):
        statistic(name, VALUES, COUNTS)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 100))
def test_so_many_per_cent_of_the_samples_do_not_exceed_a_percentile(values: list[float], per_cent: float) -> None:
    found = statistic(f"p{per_cent:.3f}", np.array(values), np.ones(len(values)))
    share = float(f"{per_cent:.3f}") / 100
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) <= share * len(values) + 1e-6
