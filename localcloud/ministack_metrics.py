"""Lets the emulator turn into metrics what AWS does: EMF lines, requests to APIs, calls of functions, executions, and
what is put by the API.

Each goes, as a line in the embedded metric format, into one log stream (`GROUP`, `STREAM`), which `localcloud.metrics`
reads. MiniStack leaves EMF lines as they are, counts neither requests to an API nor executions, and does not say how
old messages are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ministack.services import apigateway, cloudwatch, cloudwatch_logs, lambda_svc, sqs, stepfunctions

from localcloud.metrics.limits import MOST_VALUES

GROUP = "/contender-local/metrics"
STREAM = "lines"
OLDEST_SENT = "OldestMessageSentTimestamp"
"""A queue's attribute that SQS has not: when its oldest message was sent, in milliseconds."""
NEEDED = (
    (cloudwatch, "_store_datum"),
    (cloudwatch_logs, "_append_log_events"),
    (apigateway, "_handle_execute_in_scope"),
    (apigateway, "_match_route"),
    (lambda_svc, "_emit_lambda_metrics"),
    (lambda_svc, "_execute_function_dispatch"),
    (stepfunctions, "_emit_execution_status_event"),
    (stepfunctions, "_iso_to_epoch_ms"),
    (sqs, "_refresh_counts"),
)

_store: Callable[..., None] = cloudwatch._store_datum
_append = cloudwatch_logs._append_log_events
_execute = apigateway._handle_execute_in_scope
_of_execution = stepfunctions._emit_execution_status_event
_of_function = lambda_svc._emit_lambda_metrics
_dispatch = lambda_svc._execute_function_dispatch
_count = sqs._refresh_counts

STATUSES = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}

Response = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Put these in the place of MiniStack's own functions."""
    cloudwatch._store_datum = store_datum
    cloudwatch_logs._append_log_events = append_log_events
    apigateway._handle_execute_in_scope = execute
    lambda_svc._emit_lambda_metrics = emit_lambda_metrics
    lambda_svc._execute_function_dispatch = dispatch
    stepfunctions._emit_execution_status_event = emit_execution
    sqs._refresh_counts = refresh_counts


def store_datum(namespace: str, name: str, dimensions: Mapping[str, str], at: float, unit: str, *put: Any) -> None:
    """A datum of PutMetricData: as lines too, which the journal has and alarms read."""
    _store(namespace, name, dimensions, at, unit, *put)
    values = samples_of(*put)
    for start in range(0, len(values), MOST_VALUES):
        some = {name: values[start : start + MOST_VALUES]}
        keep([emf_line(namespace, dimensions, [list(dimensions)], some, at=at)])


def samples_of(
    value: float | None,
    values: Sequence[float] | None,
    counts: Sequence[float] | None,
    statistics: Mapping[str, float] | None,
) -> list[float]:
    """The samples of a datum; of a statistic set, some that have its count, sum, minimum and maximum.

    Examples
    --------
    >>> samples_of(None, [1.0, 2.0], [2.0, 1.0], None)
    [1.0, 1.0, 2.0]
    >>> samples_of(None, None, None, {"SampleCount": 4.0, "Sum": 12.0, "Minimum": 1.0, "Maximum": 5.0})
    [1.0, 5.0, 3.0, 3.0]
    """
    if values is not None:
        times = counts or [1.0] * len(values)
        return [float(each) for each, count in zip(values, times, strict=False) for _ in range(int(count))]
    if statistics is None:
        return [] if value is None else [float(value)]
    count, total = int(statistics.get("SampleCount", 0)), float(statistics.get("Sum", 0))
    if count < 2:
        return [total] * count
    ends = [float(statistics["Minimum"]), float(statistics["Maximum"])]
    return ends + [(total - sum(ends)) / max(1, count - 2)] * (count - 2)


def append_log_events(stream: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
    """Log events, whose EMF lines become metrics as well."""
    _append(stream, events)
    lines = [each["message"] for each in events if '"CloudWatchMetrics"' in each.get("message", "")]
    if lines:
        keep(lines)


def keep(lines: Sequence[str]) -> None:
    """Add EMF lines to the stream of all of them, in the order in which they come."""
    now = int(time.time() * 1000)
    _append(_stream(now), [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines])


def _stream(now: int) -> Any:
    groups = cloudwatch_logs._log_groups
    if GROUP not in groups:
        groups[GROUP] = {
            "arn": cloudwatch_logs._make_group_arn(GROUP),
            "creationTime": now,
            "retentionInDays": None,
            "tags": {},
            "subscriptionFilters": {},
            "streams": {},
        }
    new = {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }
    return groups[GROUP]["streams"].setdefault(STREAM, new)


def emf_line(
    namespace: str,
    dimensions: Mapping[str, str],
    sets: Sequence[Sequence[str]],
    values: Mapping[str, float | Sequence[float]],
    *,
    at: float | None = None,
) -> str:
    """A line in the embedded metric format: the values, by each set of the dimensions; `at` is now, or a Unix time."""
    metrics = [{"Name": name} for name in values]
    directive = {"Namespace": namespace, "Dimensions": [list(each) for each in sets], "Metrics": metrics}
    moment = time.time() if at is None else at
    about = {"Timestamp": int(moment * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, **dimensions, **values}, separators=(",", ":"))


def emit_lambda_metrics(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """MiniStack's metrics of a call, of which only those over its own API have any; a throttled one counts here.

    Those that wait for the answer are reported twice: when they are refused, and with the time that this took.
    """
    _of_function(function_name, duration_ms, error, throttle)
    if throttle and not duration_ms:
        keep([emf_line("AWS/Lambda", {"FunctionName": function_name}, [["FunctionName"]], {"Throttles": 1})])


def dispatch(function: Any, config: Mapping[str, Any], *rest: Any) -> Any:
    """Run a function, whoever calls it, and count it."""
    began = time.perf_counter()
    error = True
    try:
        result: Any = _dispatch(function, config, *rest)
        error = bool(result.get("error"))
        return result
    finally:
        duration = round(1000 * (time.perf_counter() - began), 2)
        values = {"Invocations": 1.0, "Errors": float(error), "Throttles": 0.0, "Duration": duration}
        name = {"FunctionName": str(config.get("FunctionName", "unknown"))}
        keep([emf_line("AWS/Lambda", name, [["FunctionName"]], values)])


def emit_execution(execution: Mapping[str, Any]) -> None:
    """Send the event of an execution that begins or ends, and its metrics."""
    _of_execution(execution)
    name = STATUSES.get(execution["status"])
    if name is None or execution.get("sync"):
        return
    values: dict[str, float | Sequence[float]] = {name: 1}
    if execution.get("stopDate"):
        began, ended = (stepfunctions._iso_to_epoch_ms(execution[each]) for each in ("startDate", "stopDate"))
        values["ExecutionTime"] = ended - began
    machine = {"StateMachineArn": execution["stateMachineArn"]}
    keep([emf_line("AWS/States", machine, [["StateMachineArn"]], values)])


async def execute(api_id: str, stage: str, path: str, method: str, *rest: Any) -> Response:
    """Answer a request to an HTTP API, and count it."""
    began = time.perf_counter()
    call: Callable[..., Awaitable[Response]] = _execute
    status = 500  # what a caller gets when this raises
    try:
        answer = await call(api_id, stage, path, method, *rest)
        status = answer[0]
        return answer
    finally:
        keep([request_line(api_id, stage, path, method, status, 1000 * (time.perf_counter() - began))])


def request_line(api_id: str, stage: str, path: str, method: str, status: int, milliseconds: float) -> str:
    """The metrics of one request; those of its route only where the stage has detailed metrics for it."""
    dimensions = {"ApiId": api_id, "Stage": stage}
    sets = [["ApiId"], ["ApiId", "Stage"]]
    route = apigateway._match_route(api_id, method, "/" + path.lstrip("/"))
    key = route.get("routeKey", "") if route else ""
    if " " in key and has_detailed_metrics(apigateway._stages.get(api_id, {}).get(stage, {}), key):
        dimensions["Method"], dimensions["Resource"] = key.split(" ", 1)
        sets.append(["ApiId", "Stage", "Method", "Resource"])
    values: dict[str, float | Sequence[float]] = {"Count": 1, "Latency": round(milliseconds)}
    for name, first in (("4xx", 400), ("5xx", 500)):
        if first <= status < first + 100:
            values[name] = 1
    return emf_line("AWS/ApiGateway", dimensions, sets, values)


def has_detailed_metrics(stage: Mapping[str, Any], route: str) -> bool:
    """Whether a stage has metrics for each route, or for this one."""
    settings = (stage.get("defaultRouteSettings") or {}, (stage.get("routeSettings") or {}).get(route) or {})
    return any(
        str(each.get(name, False)).lower() == "true"
        for each in settings
        for name in ("detailedMetricsEnabled", "DetailedMetricsEnabled")
    )


def refresh_counts(queue: dict[str, Any]) -> None:
    """Count a queue's messages, and see when the oldest of them was sent."""
    _count(queue)
    sent = min((each.get("sent_at", time.time()) for each in queue["messages"]), default=None)
    if sent is None:
        queue["attributes"].pop(OLDEST_SENT, None)
    else:
        queue["attributes"][OLDEST_SENT] = str(int(sent * 1000))
