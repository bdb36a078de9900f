"""The table of gauges, as alarms and dashboard read it."""

from __future__ import annotations

from contender.pulse.gauges import GAUGES, MOST


def test_each_gauge_is_explained_once_and_there_are_no_more_than_are_paid_for() -> None:
    assert len({gauge.name for gauge in GAUGES}) == len(GAUGES) <= MOST
    assert all(gauge.unit and gauge.meaning and gauge.rests_on for gauge in GAUGES)
