"""What a pipeline may cost: the `[budget]` section of a pipeline file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from contender.pipeline.keys import key


@dataclass(frozen=True)
class BudgetPolicy:
    """What training may cost."""

    month_usd: float = key(
        "Budget of a calendar month (UTC) in US dollars for the runs of the loop, by the prices of docs/cost.md. When "
        "it is used up, nothing is trained until the month ends; predictions are served as ever. 0: no budget.",
        0.0,
        minimum=0.0,
    )


def budget_of(text: str) -> BudgetPolicy:
    """The section of a pipeline file that was checked before, without loading what reads the whole file.

    Examples
    --------
    >>> budget_of("[budget]\\nmonth_usd = 20").month_usd, budget_of('name = "shop"').month_usd
    (20.0, 0.0)
    """
    section = tomllib.loads(text.removeprefix("\ufeff")).get("budget", {})
    return BudgetPolicy(float(section.get("month_usd", 0.0)))
