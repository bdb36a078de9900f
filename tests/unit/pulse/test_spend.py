"""The month's cost and the budget."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contender.pulse.spend import over_budget, spend_readings

NOW = datetime(2026, 3, 15, tzinfo=UTC)


def run(at: str, usd: Any) -> dict[str, Any]:
    return {"started_at": at, "usd": usd}


RUNS = [run("2026-03-14T00:00:00Z", 1.5), run("2026-03-01T00:00:00+00:00", 0.5), run("2026-02-28T23:59:59Z", 9.0)]


def readings(runs: list[dict[str, Any]], month_usd: float = 0.0) -> dict[str, float]:
    return {name: value for name, value in spend_readings(runs, month_usd=month_usd, now=NOW) if value is not None}


def test_a_month_costs_what_its_runs_do() -> None:
    assert readings(RUNS) == {"MonthSpend": 2.0}
    assert readings(RUNS, month_usd=10.0) == {"MonthSpend": 2.0, "BudgetShare": 0.2}
    assert readings([]) == {}


@pytest.mark.parametrize("usd", [None, "much", float("nan"), float("inf"), -3.0])
def test_a_cost_that_is_none_counts_as_nothing(usd: Any) -> None:
    assert readings([run("2026-03-14T00:00:00Z", usd)]) == {"MonthSpend": 0.0}


def test_nothing_is_trained_once_the_budget_is_used_up() -> None:
    assert over_budget(RUNS, month_usd=2.01, now=NOW, command="…") == ""
    assert over_budget(RUNS, month_usd=2.0, now=NOW, command="contender …") == (
        "Budget used up: $2.00 of $2.00 this month. Nothing is trained before 2026-04-01; override once with: "
        "contender …"
    )
