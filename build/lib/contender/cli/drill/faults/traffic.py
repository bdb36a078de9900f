"""Requests through the API: predictions and look-ups, and what keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from contender.cli.clouds import Workbench
from contender.cli.drill.shop import FEATURES
from contender.errors import ContenderError
from contender.predictions.table_items import rows_key

PREDICT = "/v1/predict"


@dataclass(frozen=True)
class Answers:
    """What became of requests: how many were answered, and the errors of the others."""

    answered: int
    errors: Sequence[str]


def ask(bench: Workbench, rows: pd.DataFrame) -> Answers:
    """A prediction for each row, one after the other, over HTTP."""
    errors = []
    for row in feature_rows(rows):
        try:
            bench.request("POST", PREDICT, {"rows": [row]})
        except ContenderError as error:
            errors.append(str(error))
    return Answers(len(rows) - len(errors), errors)


def feature_rows(rows: pd.DataFrame) -> Sequence[Mapping[str, Any]]:
    """Rows as a backend sends them."""
    found: list[dict[str, Any]] = json.loads(rows[list(FEATURES)].to_json(orient="records"))
    return found


def spoil_one_prediction(bench: Workbench, request_id: str) -> None:
    """Make what is stored of a prediction unreadable: to look it up fails, to predict does not."""
    bench.predictions.table.put_item(Item={**rows_key(request_id, 0), "body": "not a record"})


def look_up(bench: Workbench, request_id: str, times: int) -> Sequence[str]:
    """Look a prediction up so often; answers the errors."""
    errors = []
    for _ in range(times):
        try:
            bench.request("GET", f"/v1/predictions/{request_id}")
        except ContenderError as error:
            errors.append(str(error))
    return errors


def stop_keeping(bench: Workbench) -> None:
    """Stop what takes messages out of the log queue: its function is not called any more."""
    functions, queue = bench.cloud.client("lambda"), queue_url(bench, "Log").rpartition("/")[2]
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if mapping["EventSourceArn"].rpartition(":")[2] == queue:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def queue_url(bench: Workbench, name: str) -> str:
    """The queue with this name: Log or Feedback."""
    return bench.cloud.find_output(
        f"{bench.prefix}-{bench.environment}-{bench.pipeline}-predictions", f"{name}QueueUrl"
    )
