"""A made-up population: who leaves depends on what was spent, on visits and on the plan."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PLANS = {"basic": 0.8, "plus": -0.1, "pro": -1.2}
"""What a plan adds to the log-odds of leaving."""

INTERCEPT = -1.55


def customers(seed: int, *, rows: int = 3000, since: str = "2024-01-01", days: int = 60) -> pd.DataFrame:
    """Customers in the order of time: the columns at, amount, visits, plan and churned (about a third are Yes)."""
    random = np.random.default_rng(seed)
    moments = pd.Timestamp(since) + pd.to_timedelta(np.sort(random.integers(0, days * 86_400, rows)), unit="s")
    amount = random.gamma(3.0, 40.0, rows).round(2)
    visits = random.poisson(4.0, rows)
    plan = random.choice(list(PLANS), rows, p=[0.5, 0.3, 0.2])
    odds = INTERCEPT + 0.012 * amount - 0.25 * visits + np.array([PLANS[name] for name in plan])
    return pd.DataFrame(
        {
            "at": moments.strftime("%Y-%m-%d %H:%M:%S"),
            "amount": amount,
            "visits": visits,
            "plan": plan,
            "churned": np.where(random.random(rows) < 1 / (1 + np.exp(-odds)), "Yes", "No"),
        }
    )


def mostly(truth: NDArray[np.bool_], seed: int, *, share: float = 0.9) -> NDArray[np.object_]:
    """Labels that say the truth in this share of the rows, so that the best AUC is about this share.

    With balanced classes: of two rows of different classes both are labelled truly with share², one of them with
    2 share (1 - share), which is a toss-up: share² + share (1 - share) = share.
    """
    true = np.random.default_rng(seed).random(len(truth)) < share
    return np.where(truth == true, "Yes", "No").astype(object)
