"""docs/deployment.md shows the synthesised app."""

from __future__ import annotations

from tests.stacks.deployment_page import PAGE, page
from tests.stacks.synthesis import Synthesised


def test_the_page_shows_the_stacks_of_today(prod: Synthesised) -> None:
    assert PAGE.read_text("utf-8") == page(prod.templates), "run python -m tests.stacks.deployment_page"
