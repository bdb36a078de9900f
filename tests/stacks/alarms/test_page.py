"""docs/alarms.md says what the table and the template say."""

from __future__ import annotations

from tests.stacks.alarms.page import PAGE, page
from tests.stacks.synthesis import Synthesised


def test_the_page_on_alarms_is_current(local: Synthesised) -> None:
    assert PAGE.read_text("utf-8") == page(local.templates), "run python -m tests.stacks.alarms.page"
