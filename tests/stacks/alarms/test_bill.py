"""Watching a pipeline costs at most $20 a month, and docs/cost.md says what each part of it costs."""

from __future__ import annotations

from tests.stacks.alarms.bill import MOST_USD, bill
from tests.stacks.synthesis import PROJECT_ROOT, Synthesised


def test_watching_a_pipeline_costs_at_most_twenty_dollars_a_month(local: Synthesised) -> None:
    assert sum(part.usd for part in bill(local.templates)) <= MOST_USD


def test_the_page_on_cost_has_the_bill_of_the_templates(local: Synthesised) -> None:
    page = (PROJECT_ROOT / "docs" / "cost.md").read_text("utf-8")
    parts = bill(local.templates)
    assert [part.row() for part in parts if part.row() not in page] == []
    assert f"| **together** | | **${sum(part.usd for part in parts):.2f}** |" in page
