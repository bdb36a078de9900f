"""The table of gauges, as alarms and dashboard read it."""

from __future__ import annotations

from pathlib import Path

from contender.pulse.docs_page import page
from contender.pulse.gauges import GAUGES, MOST


def test_each_gauge_is_explained_once_and_there_are_no_more_than_are_paid_for() -> None:
    assert len({gauge.name for gauge in GAUGES}) == len(GAUGES) <= MOST
    assert all(gauge.unit and gauge.meaning and gauge.rests_on for gauge in GAUGES)


def test_the_page_is_up_to_date() -> None:
    written = (Path(__file__).resolve().parents[3] / "docs" / "pulse.md").read_text("utf-8")
    assert written == page(), "run: python -m contender.pulse.docs_page > docs/pulse.md"
