"""When on-call is mailed, and who gets mails: the `[alarms]` and `[notify]` sections of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.pipeline.keys import key


@dataclass(frozen=True)
class AlarmPolicy:
    """When on-call is mailed."""

    period_minutes: int = key(
        "Window of the dashboard's graphs and of the alarms on queues, in minutes.", 5, minimum=1, maximum=60
    )
    objective: float = key(
        "Share of predictions (POST /v1/predict) that shall not fail with a 5xx. On-call is woken when errors use up 2 "
        "% of what it allows in a month within an hour, or 5 % within six hours.",
        0.999,
        minimum=0.95,
        maximum=0.99999,
    )
    failed_runs: int = key("Failed runs in an hour from which the run alarm is raised.", 1, minimum=1)


@dataclass(frozen=True)
class NotifyPolicy:
    """Who is told."""

    emails: tuple[str, ...] = key("Mail addresses for notifications about runs, and for alarms.", ())
