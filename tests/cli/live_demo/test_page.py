"""The live demo's page says what happened, and what others wrote is text on it."""

from __future__ import annotations

from dataclasses import replace

from contender.cli.live_demo.page import story_page
from tests.cli.live_demo.example import FIRST, SECOND, learned, story
from tests.html import read


def test_the_page_has_each_minute_with_its_interval_the_drift_and_the_run() -> None:
    page = story_page(story(), 140.0, run_page="live-run.html")
    found = read(page)
    words = " ".join(found.text.split())
    assert found.links == ["live-run.html"]
    assert len(found.ids) == len(set(found.ids))
    # Intervals by R 4.3, prop.test(c(409), c(800), correct = FALSE).
    assert "51.1 %47.7 % to 54.6 %" in words
    assert "83.1 %80.4 % to 85.6 %" in words
    assert "Accuracy on drifted requests: 51.1 % before the run, 83.1 % after it" in words.replace("\xa0", " ")
    assert "drift-alarm: window 2026-11-30T0435" in words
    assert "800 rows, source feedback" in words
    assert f"{FIRST} → {SECOND}" in words


def test_a_hostile_name_is_text() -> None:
    hostile = "<script>alert(1)</script>"
    page = story_page(replace(story(), learned=replace(learned(), version=hostile)), 1.0, run_page="x.html")
    assert hostile not in page
    assert "&lt;script&gt;" in page
