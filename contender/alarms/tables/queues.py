"""Alarms about messages that wait or could not be handled."""

from __future__ import annotations

from contender.alarms import thresholds
from contender.alarms.kinds import AlarmKind

_STATUS = "contender status --env {environment}"
_LIST = "contender dead-letters list --pipeline {pipeline} --env {environment}"
_REDRIVE = "contender dead-letters redrive --all --pipeline {pipeline} --env {environment}"
_REDRIVE_ONE = "contender dead-letters redrive --all --queue {queue} --pipeline {{pipeline}} --env {{environment}}"
"""Of one queue: what lies in others is not what the alarm is about, and its cause may last."""
_ONE = "one message: each is something that was lost until somebody looks"

QUEUE_AGE = AlarmKind(
    id="queue-age",
    title="A queue behind the API is stuck",
    severity="ticket",
    purpose="Prediction log, labels or asynchronous predictions come late; predictions over HTTP are not affected.",
    expression="Age of the oldest message of the queues log, feedback and async",
    threshold=", ".join(f"{name} {age // 60} minutes" for name, age in thresholds.QUEUE_AGE_SECONDS.items())
    + ": messages are usually handled within seconds, but a label waits 12 minutes for a prediction that is not there "
    "yet",
    owner="on-call, in working hours",
    by_itself="Messages are tried again, and go to a dead-letter queue after the last attempt.",
    first_commands=(_STATUS, _LIST),
)
UNDELIVERED_TRIGGERS = AlarmKind(
    id="undelivered-triggers",
    title="An event could not start a run",
    severity="ticket",
    purpose="An upload, a schedule or an alarm was to start a run or a rollback, and did not.",
    expression="Messages in the dead-letter queue of the triggers",
    threshold=_ONE,
    owner="on-call, in working hours",
    by_itself="The event is kept for 14 days.",
    first_commands=(_LIST, _REDRIVE_ONE.format(queue="triggers"), _STATUS),
)
UNHANDLED_MESSAGES = AlarmKind(
    id="unhandled-messages",
    title="Prediction messages could not be processed",
    severity="ticket",
    purpose="Entries of the prediction log, labels or asynchronous predictions are missing.",
    expression="Messages in the dead-letter queues log, feedback and async",
    threshold=_ONE,
    owner="on-call, in working hours",
    by_itself="The messages are kept for 14 days; predictions over HTTP are not affected.",
    first_commands=(_LIST, _REDRIVE),
)
BATCH_UNFINISHED_JOBS = AlarmKind(
    id="batch-unfinished-jobs",
    title="A batch prediction did not finish",
    severity="ticket",
    purpose="A file was not predicted: the job was stopped or ran out of time.",
    expression="Executions of the batch machine that timed out or were stopped",
    threshold="one in 5 minutes; a job that fails sends its own mail",
    owner="on-call, in working hours",
    by_itself="Parts that were written stay.",
    first_commands=(_STATUS,),
)
BATCH_UNDELIVERED_FILES = AlarmKind(
    id="batch-undelivered-files",
    title="A file could not start a batch prediction",
    severity="ticket",
    purpose="A file in `batch/<pipeline>/in/` was not predicted.",
    expression="Messages in the dead-letter queue of the batch triggers",
    threshold=_ONE,
    owner="on-call, in working hours",
    by_itself="The event is kept for 14 days.",
    first_commands=(_LIST, _REDRIVE_ONE.format(queue="batch")),
)

QUEUES = (QUEUE_AGE, UNDELIVERED_TRIGGERS, UNHANDLED_MESSAGES, BATCH_UNFINISHED_JOBS, BATCH_UNDELIVERED_FILES)
