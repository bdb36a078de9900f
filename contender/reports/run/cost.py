"""What a run has cost, by the list prices of docs/cost.md."""

from __future__ import annotations

from contender.formatting import duration
from contender.reports.html import count
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.summary import where_it_failed
from contender.training.cost import FARGATE_MINIMUM_SECONDS

LARGE_FUNCTION_USD, SMALL_FUNCTIONS_USD, MACHINE_USD, REQUESTS_USD = 0.0005, 0.0001, 0.0004, 0.0005
"""A run of docs/cost.md: one of its three large functions, its small ones together, transitions, table and bucket."""
LARGE = ("validation", "drift", "comparison")
"""The reports of the large functions: what left none has hardly run."""


def costs(run: RunEvidence) -> list[tuple[str, str, float]]:
    """What it is for, how much of it there was, and US dollars.

    Training costs what its seconds do; what else a run takes is assumed, as in docs/cost.md. What `unknown_cost` names
    is not in it.
    """
    large = sum(name in run.reports for name in LARGE)
    functions = f"{count(large, 'large one')} and some small ones" if large else "small ones"
    return [
        *_trainings(run),
        ("functions", f"{functions}, as assumed", LARGE_FUNCTION_USD * large + SMALL_FUNCTIONS_USD),
        ("state machine, table and bucket", "as assumed for every run", MACHINE_USD + REQUESTS_USD),
    ]


def _trainings(run: RunEvidence) -> list[tuple[str, str, float]]:
    """Of the training, and of a task that left no model, be it the only one or one that was followed by another."""
    training, lost = run.report("training"), (run.record.get("lost_task") or {}).get("seconds")
    found = []
    usd = (training.get("resources") or {}).get("usd")
    if usd is not None and not training.get("reused"):
        found.append(("training", _on_fargate(float(training.get("seconds") or 0.0)), float(usd)))
    if lost is None and training.get("status") == "failed":
        lost = training.get("seconds")
    if lost is not None and run.usd_per_second is not None:
        usd = run.usd_per_second * max(float(lost), FARGATE_MINIMUM_SECONDS)
        found.append(("training that left no model", _on_fargate(float(lost)), usd))
    return found


def _on_fargate(seconds: float) -> str:
    return f"{duration(seconds)} of Fargate on demand, a minute at least"


def unknown_cost(run: RunEvidence) -> str:
    """What the run's costs are without, in a sentence; empty where all of it is known."""
    lost = run.record["verdict"] == "failed" and where_it_failed(run) == "in training"
    return (
        "How long the failed training ran is not known, so its cost is left out."
        if lost and not _trainings(run)
        else ""
    )
