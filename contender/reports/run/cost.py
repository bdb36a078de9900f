"""A run's cost, estimated from the list prices of docs/cost.md."""

from __future__ import annotations

from contender.formatting import duration
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.summary import where_it_failed
from contender.training.cost import FARGATE_MINIMUM_SECONDS

LARGE_FUNCTION_USD, SMALL_FUNCTIONS_USD, MACHINE_USD, REQUESTS_USD = 0.0005, 0.0001, 0.0005, 0.0005
"""A run of docs/cost.md: one of its three large functions, its small ones together, transitions, table and bucket."""
LARGE = ("validation", "drift", "comparison")
"""The reports of the large functions: one without a report has hardly run."""


def costs(run: RunEvidence) -> list[tuple[str, str, float]]:
    """Item, quantity and US dollars.

    Training is priced by its seconds; everything else is the flat estimate of docs/cost.md. What `unknown_cost` names
    is not included.
    """
    large = sum(name in run.reports for name in LARGE)
    functions = f"{large} large and the small ones" if large else "small ones"
    return [
        *_trainings(run),
        ("Lambda functions", f"{functions}, flat estimate", LARGE_FUNCTION_USD * large + SMALL_FUNCTIONS_USD),
        ("Step Functions, DynamoDB, S3", "flat estimate", MACHINE_USD + REQUESTS_USD),
    ]


def cost_usd(run: RunEvidence) -> float:
    """The sum of `costs`, US dollars."""
    return round(sum(usd for _, _, usd in costs(run)), 6)


def _trainings(run: RunEvidence) -> list[tuple[str, str, float]]:
    """Of the training and of a failed one, whether or not another attempt followed."""
    training, lost = run.report("training"), (run.record.get("lost_task") or {}).get("seconds")
    found = []
    usd = (training.get("resources") or {}).get("usd")
    if usd is not None and not training.get("reused"):
        found.append(("training", _on_fargate(float(training.get("seconds") or 0.0)), float(usd)))
    if lost is None and training.get("status") == "failed":
        lost = training.get("seconds")
    if lost is not None and run.usd_per_second is not None:
        usd = run.usd_per_second * max(float(lost), FARGATE_MINIMUM_SECONDS)
        found.append(("failed training", _on_fargate(float(lost)), usd))
    return found


def _on_fargate(seconds: float) -> str:
    return f"{duration(seconds)} on Fargate (on demand, billed for 1 min at least)"


def unknown_cost(run: RunEvidence) -> str:
    """The cost that is not included, in a sentence; empty where all costs are known."""
    lost = run.record["verdict"] == "failed" and where_it_failed(run) == "in training"
    return "The failed training is not included: its duration is unknown." if lost and not _trainings(run) else ""
