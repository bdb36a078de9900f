"""The tables of CloudWatch's guide on missing data, row by row.

docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, read in November 2026:
"How alarm state is evaluated when data is missing".
"""

from __future__ import annotations

import pytest

from localcloud.alarms.missing_data import State, Treatment, state_of

TREATMENTS: tuple[Treatment, ...] = ("missing", "ignore", "breaching", "notBreaching")
POINTS = {"0": False, "X": True, "-": None}
KEPT = "kept"

THREE_OF_THREE = {
    "0-X-X": ("OK", "OK", "OK", "OK"),
    "----0": ("OK", "OK", "OK", "OK"),
    "-----": ("INSUFFICIENT_DATA", KEPT, "ALARM", "OK"),
    "0XX-X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "--X--": ("ALARM", KEPT, "ALARM", "OK"),
}
TWO_OF_THREE = {
    "0-X-X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "00X0X": ("ALARM", "ALARM", "ALARM", "ALARM"),
    "0-X--": ("OK", "OK", "ALARM", "OK"),
    "----0": ("OK", "OK", "ALARM", "OK"),
    "---X-": ("ALARM", KEPT, "ALARM", "OK"),
}
ROWS = [(3, points, states) for points, states in THREE_OF_THREE.items()]
ROWS += [(2, points, states) for points, states in TWO_OF_THREE.items()]


@pytest.mark.parametrize("before", ["OK", "ALARM", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize(("to_alarm", "points", "states"), ROWS, ids=[f"{m} of 3: {p}" for m, p, _ in ROWS])
def test_a_row_of_the_guides_tables(to_alarm: int, points: str, states: tuple[str, ...], before: State) -> None:
    for treatment, expected in zip(TREATMENTS, states, strict=True):
        found = state_of(
            [POINTS[point] for point in points], periods=3, to_alarm=to_alarm, treatment=treatment, before=before
        )
        assert found == (before if expected == KEPT else expected), treatment


def test_one_new_point_that_breaches_is_too_young_to_ring_while_the_others_are_missing() -> None:
    """The same page: the oldest point that breaches must be at least as old as the number of points to alarm."""
    points = [None, None, None, None, True]
    assert state_of(points, periods=3, to_alarm=2, treatment="missing", before="OK") == "OK"
