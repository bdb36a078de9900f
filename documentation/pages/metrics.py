"""The reference of metrics: what the code emits, found in its calls, each with what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contender.formatting import markdown_table
from contender.pulse.gauges import GAUGES
from contender.serving.predictor import NO_ANSWERS, STALE_ANSWERS
from contender.serving.request_contract import METRIC as CONTRACT_BROKEN
from lambdas import queues

CALL = re.compile(r'\b(?:emit|_?measure|single_metric)\(\s*"(\w+)"')
ROOT = Path(__file__).parents[2]
LOOP, SERVING, LIVE, MACHINES = "`service`, `pipeline`", "`service`, `pipeline`", "`pipeline`, `variant`", "`pipeline`"


@dataclass(frozen=True)
class Metric:
    """A metric that functions or state machines emit: its unit, its dimensions, and what it counts."""

    unit: str
    dimensions: str
    meaning: str


METRICS: Mapping[str, Metric] = {
    "RunsFinished": Metric("count", "`service`, `pipeline`, `verdict`", "Runs that ended, by verdict."),
    "StepSeconds": Metric("seconds", LOOP, "How long a function of the loop took; `service` names it."),
    "RowsAccepted": Metric("count", LOOP, "Rows of uploads that became part of a dataset version."),
    "RowsRejected": Metric("count", LOOP, "Rows of uploads that violate the data contract."),
    "FilesQuarantined": Metric("count", LOOP, "Files that were quarantined."),
    "FeaturesDrifted": Metric("count", LOOP, "Features that have drifted, of a run."),
    "DriftEvidence": Metric(
        "ratio", LOOP, "Evidence of drift over time as a share of its threshold; from 1 on it is drift."
    ),
    "WaitingCostUsd": Metric(
        "US dollars", LOOP, "What waiting has cost since the newest training, where an error has a price."
    ),
    "TrainingCostUsd": Metric("US dollars", LOOP, "What a training costs, for comparison with waiting."),
    "Improvement": Metric("the metric's", LOOP, "The challenger's metric minus the champion's."),
    "RehearsalsFailed": Metric("count", LOOP, "Rehearsals that did not reproduce training's predictions."),
    "RunUsd": Metric("US dollars", LOOP, "Estimated cost of a run, by list prices."),
    "BatchRows": Metric("count", LOOP, "Rows of files to predict."),
    "BatchRowsPredicted": Metric("count", LOOP, "Rows of files that were predicted."),
    "BatchRowsRejected": Metric("count", LOOP, "Rows of files that could not be predicted."),
    "UnsentMails": Metric("count", MACHINES, "Mails that a state machine could not send."),
    "Requests": Metric("count", SERVING, "Requests to the API, to any of its routes."),
    "Predictions": Metric("count", SERVING, "Rows that were predicted."),
    "PredictLatency": Metric("milliseconds", SERVING, "Time of the serving function for a request that predicts."),
    NO_ANSWERS: Metric("count", SERVING, "Requests that the champion had no finite prediction for."),
    STALE_ANSWERS: Metric("count", SERVING, "Answers of the last good model, where the pointer's could not be loaded."),
    CONTRACT_BROKEN: Metric("count", SERVING, "Rows of requests outside of the data contract."),
    queues.LIVE_REQUESTS: Metric("count", LIVE, "Requests by variant: champion, challenger, and shadows of both."),
    queues.LIVE_ERRORS: Metric("count", LIVE, "Requests that a variant failed to answer."),
    queues.LIVE_ROWS: Metric("count", LIVE, "Rows that a variant predicted."),
    queues.LIVE_LATENCY: Metric("milliseconds", LIVE, "Time of a prediction, by variant."),
    queues.LIVE_LABELS: Metric("count", LIVE, "Labels that arrived for predictions."),
    queues.LIVE_CORRECT: Metric("count", LIVE, "Labelled predictions that were correct."),
    queues.LIVE_LOSS: Metric("loss", LIVE, "Log loss or squared error of labelled predictions."),
    queues.LIVE_CLASS: Metric("count", "`pipeline`, `variant`, `class`", "Rows by predicted class, the 20 commonest."),
}
"""Each emitted metric; a test compares them with the calls that emit."""

HEAD = """# Metrics

All metrics are in the CloudWatch namespace `Contender`, written in the embedded metric format with the functions' logs;
the local cloud collects them too. `contender live` shows those of variants by version. (Generated from the code by
`python -m documentation reference`.)

"""


def page() -> str:
    """The page as Markdown."""
    emitted = markdown_table(
        ("metric", "unit", "dimensions", "meaning"),
        ((f"`{name}`", each.unit, each.dimensions, each.meaning) for name, each in METRICS.items()),
    )
    gauges = markdown_table(
        ("gauge", "unit", "meaning"), ((f"`{each.name}`", each.unit, each.meaning) for each in GAUGES)
    )
    said = "Pulse reads tables and buckets every five minutes; [Pulse](../pulse.md) says how each is computed."
    return f"{HEAD}## Emitted by functions and state machines\n\n{emitted}\n\n## Gauges\n\n{said}\n\n{gauges}\n"


def emitted_names() -> set[str]:
    """Names of metrics in calls of the functions' code, as far as they stand there as text."""
    files = (path for folder in ("lambdas", "contender") for path in (ROOT / folder).rglob("*.py"))
    return {name for path in files for name in CALL.findall(path.read_text(encoding="utf-8"))}
