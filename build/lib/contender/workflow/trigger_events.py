"""What starts a state machine: the input that it gets, from the event that a rule matched.

The rules of the stacks and `contender dead-letters redrive` make the same input from the same event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from contender.errors import InvalidInputError
from contender.workflow.live_evidence import DETAIL_TYPE, LIVE_TRIGGERS

FROM_UPLOAD: Mapping[str, str] = {
    "bucket": "$.detail.bucket.name",
    "key": "$.detail.object.key",
    "version_id": "$.detail.object.version-id",
    "etag": "$.detail.object.etag",
    "sequencer": "$.detail.object.sequencer",
    "size": "$.detail.object.size",
    "event_time": "$.time",
}
"""Fields of a run's input, and where the event of S3 has them."""
FROM_ALARM: Mapping[str, str] = {"event_time": "$.time"}
"""It says which ringing it was, so that an event that is delivered twice undoes one change."""
FROM_LIVE_EVIDENCE: Mapping[str, str] = {
    "trigger": "$.detail.trigger",
    "evidence": "$.detail.evidence",
    "event_time": "$.time",
}
"""What live predictions or their labels show."""

ROLLBACK_WITHIN = timedelta(minutes=30)
"""A rollback that comes later than this would undo something else than what rang."""

STARTED_BY: Mapping[str, str] = {
    "upload": "an upload",
    "schedule": "the schedule",
    "alarm": "an alarm",
    "manual": "a person",
    "code-change": "changed training code or settings",
    "pending": "uploads that had waited",
    "drift-alarm": "drift of live predictions",
    "performance-alarm": "worse live performance",
    "fresh-labels": "new labels of live predictions",
    "experiment": "an A/B experiment",
    "trial": "a trial",
}
"""What starts a run, by its trigger, in words."""

Machine = Literal["training", "rollback", "batch"]


def upload_input(pipeline: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a run, or of a batch job, that an upload starts; `fields` are those of `FROM_UPLOAD`."""
    return {"trigger": "upload", "pipeline": pipeline, **fields}


def code_change_input(pipeline: str) -> dict[str, Any]:
    """The input of a run that a changed training recipe starts."""
    return {"trigger": "code-change", "pipeline": pipeline}


def live_evidence_input(pipeline: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a run that live evidence starts; `fields` are those of `FROM_LIVE_EVIDENCE`."""
    return {"pipeline": pipeline, **fields}


def alarm_input(pipeline: str, alarm: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a rollback that an alarm starts; `fields` are those of `FROM_ALARM`."""
    return {"trigger": "alarm", "pipeline": pipeline, "reason": f"alarm {alarm}", "by": alarm, **fields}


def input_of(body: str, pipeline: str) -> dict[str, Any]:
    """The input that an undelivered message was to start a machine with.

    EventBridge keeps the event as it matched, Scheduler what it was to send; either is read.

    Raises
    ------
    InvalidInputError
        When the message is neither, or of another pipeline.

    Examples
    --------
    >>> event = '{"detail-type": "Parameter Store Change", "source": "aws.ssm", "detail": {}}'
    >>> input_of(event, "flights")
    {'trigger': 'code-change', 'pipeline': 'flights'}
    >>> input_of('{"trigger": "schedule", "pipeline": "flights"}', "flights")
    {'trigger': 'schedule', 'pipeline': 'flights'}
    """
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise InvalidInputError("a message about a trigger must be a JSON object")
    if isinstance(content.get("trigger"), str):
        if content.get("pipeline") != pipeline:
            raise InvalidInputError(f"the message is about pipeline {content.get('pipeline')!r}, not {pipeline!r}")
        return content
    kind = content.get("detail-type")
    if kind == "Object Created":
        fields = _fields(FROM_UPLOAD, content)
        if not fields.get("key"):
            raise InvalidInputError("the event of an upload must have detail.object.key")
        return upload_input(pipeline, fields)
    if kind == "Parameter Store Change":
        return code_change_input(pipeline)
    if kind == DETAIL_TYPE:
        fields = _fields(FROM_LIVE_EVIDENCE, content)
        if fields.get("trigger") not in LIVE_TRIGGERS:
            raise InvalidInputError(f"live evidence must have detail.trigger {', '.join(LIVE_TRIGGERS)}")
        return live_evidence_input(pipeline, fields)
    if kind == "CloudWatch Alarm State Change":
        return alarm_input(pipeline, str(_at("$.detail.alarmName", content)), _fields(FROM_ALARM, content))
    raise InvalidInputError(f"a message about a trigger must be an upload, a schedule, an alarm …, but is {kind!r}")


def machine_of(content: Mapping[str, Any], *, batch: bool) -> Machine:
    """The machine that an input starts.

    Parameters
    ----------
    batch : whether its message lies in the queue of batch prediction.
    """
    if batch:
        return "batch"
    return "rollback" if content.get("trigger") == "alarm" else "training"


def too_late(content: Mapping[str, Any], now: datetime) -> str:
    """Why an input must not start anything any more; empty where it may.

    Examples
    --------
    >>> alarm = alarm_input("flights", "contender-prod-flights-champion-fails", {"event_time": "2026-03-01T03:00:00Z"})
    >>> too_late(alarm, datetime.fromisoformat("2026-03-01T03:20:00Z"))
    ''
    >>> too_late(alarm, datetime.fromisoformat("2026-03-01T03:40:00Z"))[:41]
    'the alarm rang at 2026-03-01T03:00:00Z; a'
    """
    if content.get("trigger") != "alarm":
        return ""
    rang = str(content.get("event_time", ""))
    try:
        late = now - datetime.fromisoformat(rang) > ROLLBACK_WITHIN
    except (ValueError, TypeError):
        late = True
    said = f"at {rang}" if rang else "at an unknown time"
    undo = "a rollback now could undo another change; if it still rings: contender rollback"
    return f"the alarm rang {said}; {undo}" if late else ""


def _fields(paths: Mapping[str, str], event: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _at(path, event) for name, path in paths.items()}
    return {name: value for name, value in found.items() if value is not None}


def _at(path: str, event: Any) -> Any:
    """What an event has at a path such as `$.detail.bucket.name`; None where it has nothing."""
    for part in path.split(".")[1:]:
        event = event.get(part) if isinstance(event, Mapping) else None
    return event
