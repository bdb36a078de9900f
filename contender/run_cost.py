"""What a run has cost, by the list prices of docs/cost.md."""

from __future__ import annotations

from contender.run_evidence import RunEvidence
from contender.wording import duration

LARGE_FUNCTION_USD, SMALL_FUNCTIONS_USD, MACHINE_USD, REQUESTS_USD = 0.0005, 0.0001, 0.0004, 0.0005
"""A run of docs/cost.md: one of its three large functions, its small ones together, transitions, table and bucket."""
LARGE = ("validation", "drift", "comparison")
"""The reports of the large functions: what left none has hardly run."""


def costs(run: RunEvidence) -> list[tuple[str, str, float]]:
    """What it is for, how much of it there was, and US dollars.

    Training costs what the task itself has found, by its seconds; what else a run takes is assumed, as in docs/cost.md.
    """
    training = run.report("training")
    resources = training.get("resources") or {}
    found = []
    if resources.get("usd") is not None and not training.get("reused"):
        seconds = float(training.get("seconds") or 0.0)
        found.append(
            ("training", f"{duration(seconds)} of Fargate on demand, a minute at least", float(resources["usd"]))
        )
    large = sum(name in run.reports for name in LARGE)
    found.append(
        (
            "functions",
            f"{large} large and some small ones, as assumed",
            LARGE_FUNCTION_USD * large + SMALL_FUNCTIONS_USD,
        )
    )
    found.append(("state machine, table and bucket", "as assumed for every run", MACHINE_USD + REQUESTS_USD))
    return found
