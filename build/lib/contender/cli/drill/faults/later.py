"""Requests that go on while the clock is put forward: what API Gateway has reported of them, reported again later."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contender.cli.clouds import Workbench
from contender.cli.drill.faults.resources import physical_id
from localcloud.metrics.collection import GROUP, STREAM

LINES_A_CALL = 500


def repeat_requests(bench: Workbench, *, since: float, minutes: Iterable[int]) -> None:
    """Report what the API has answered since a time (epoch seconds) once more in each of these later minutes.

    The lines are those that the local cloud has written for real requests; only their time is another.
    """
    logs, lines = bench.cloud.client("logs"), _reported(bench, since)
    access_log = _access_log(bench)
    stream = f"drill-{int(time.time() * 1000)}"
    logs.create_log_stream(logGroupName=access_log, logStreamName=stream)
    repeated = [_later(line, minute) for minute in minutes for line in lines]
    now = int(time.time() * 1000)
    for start in range(0, len(repeated), LINES_A_CALL):
        events = [{"timestamp": now, "message": line} for line in repeated[start : start + LINES_A_CALL]]
        logs.put_log_events(logGroupName=access_log, logStreamName=stream, logEvents=events)


def _reported(bench: Workbench, since: float) -> Sequence[Mapping[str, Any]]:
    """The lines about requests to the pipeline's API."""
    logs, token = bench.cloud.client("logs"), ""
    found: list[Mapping[str, Any]] = []
    api = bench.api_url.split("/execute-api/")[1].split("/")[0]
    while True:
        given: dict[str, Any] = {"nextToken": token} if token else {}
        page = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True, **given)
        if not page["events"]:
            return found
        lines = (json.loads(event["message"]) for event in page["events"])
        found += [line for line in lines if line.get("ApiId") == api and line["_aws"]["Timestamp"] >= 1000 * since]
        token = page["nextForwardToken"]


def _later(line: Mapping[str, Any], minutes: int) -> str:
    about = line["_aws"]
    return json.dumps({**line, "_aws": {**about, "Timestamp": about["Timestamp"] + 60_000 * minutes}})


def _access_log(bench: Workbench) -> str:
    """The log group in which API Gateway writes what was asked."""
    return physical_id(bench, "serving", begins="PredictionAccessLogs", kind="AWS::Logs::LogGroup")
