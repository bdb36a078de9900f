"""What the runs of a month cost, against the pipeline's budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from contender.pulse.gauges import BUDGET_SHARE, MONTH_SPEND
from contender.pulse.runs import Reading
from contender.pulse.times import time_of


def month_of(now: datetime) -> str:
    """The calendar month (UTC) of a time, as run records begin with it."""
    return f"{now:%Y-%m}"


def month_spend(runs: Sequence[Mapping[str, Any]], now: datetime) -> float:
    """US dollars of the runs that began in this calendar month (UTC).

    Runs of before costs were recorded count as nothing.

    Examples
    --------
    >>> from datetime import UTC
    >>> runs = [{"started_at": f"2026-{month}-03T00:00:00Z", "usd": 0.5} for month in ("02", "02", "01")]
    >>> month_spend(runs, datetime(2026, 2, 28, tzinfo=UTC))
    1.0
    """
    month = (now.year, now.month)
    began = [(run, time_of(run.get("started_at"))) for run in runs]
    return sum((_usd(run) for run, at in began if at and (at.year, at.month) == month), start=0.0)


def spend_readings(runs: Sequence[Mapping[str, Any]], *, month_usd: float, now: datetime) -> Iterator[Reading]:
    """The gauges of the month's cost."""
    spent = month_spend(runs, now) if runs else None
    yield MONTH_SPEND.name, spent
    yield BUDGET_SHARE.name, spent / month_usd if spent is not None and month_usd > 0.0 else None


def over_budget(runs: Sequence[Mapping[str, Any]], *, month_usd: float, now: datetime, command: str) -> str:
    """Why nothing is trained any more this month; empty while the budget lasts, or without one.

    Parameters
    ----------
    command : trains once nevertheless.

    Examples
    --------
    >>> from datetime import UTC
    >>> runs, now = [{"started_at": "2026-12-03T00:00:00Z", "usd": 0.5}], datetime(2026, 12, 28, tzinfo=UTC)
    >>> over_budget(runs, month_usd=0.5, now=now, command="contender …")
    'Budget used up: $0.50 of $0.50 this month. Nothing is trained before 2027-01-01; override once with: contender …'
    >>> over_budget(runs, month_usd=0.6, now=now, command=""), over_budget(runs, month_usd=0.0, now=now, command="")
    ('', '')
    """
    spent = month_spend(runs, now)
    if not month_usd > 0.0 or spent < month_usd:
        return ""
    until = f"{now.year + now.month // 12}-{now.month % 12 + 1:02}-01"
    return (
        f"Budget used up: {_money(spent)} of {_money(month_usd)} this month. Nothing is trained before {until}; "
        f"override once with: {command}"
    )


def _money(usd: float) -> str:
    """Runs cost fractions of a cent."""
    return f"${usd:,.2f}" if usd >= 0.1 else f"${usd:.4f}"


def _usd(run: Mapping[str, Any]) -> float:
    usd = run.get("usd")
    return float(usd) if isinstance(usd, (int, float)) and isfinite(usd) and usd > 0.0 else 0.0
