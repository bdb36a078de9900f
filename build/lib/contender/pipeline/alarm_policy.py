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
    failed_runs: int = key(
        "Failed runs in a row from which on-call gets a ticket; it is over when a run ended well.", 1, minimum=1
    )
    expects_uploads_every_hours: int = key(
        "Hours without an upload after which on-call gets a ticket: a little more than the producer's longest pause. "
        "0: no uploads are expected, and none are missed.",
        192,
        minimum=0,
        maximum=24 * 400,
    )
    expects_traffic: bool = key(
        "Whether a fall of requests to under a tenth of the same hours of former weeks is a ticket.", True
    )
    expects_labels: bool = key(
        "Whether a fall of labels to under a tenth of the usual share of predictions is a ticket. Where labels never "
        "came, nothing is missed.",
        True,
    )
    stale_after_days: int = key(
        "Days since the newest row that the champion learned from arrived, from which on-call gets a ticket. 0: never.",
        90,
        minimum=0,
        maximum=3650,
    )


@dataclass(frozen=True)
class NotifyPolicy:
    """Who is told."""

    emails: tuple[str, ...] = key("Mail addresses for every severity that names none of its own.", ())
    page: tuple[str, ...] = key("Mail addresses for pages, which wake somebody. Empty: those of `emails`.", ())
    ticket: tuple[str, ...] = key(
        "Mail addresses for tickets, which wait for working hours. Empty: those of `emails`.", ()
    )
    info: tuple[str, ...] = key("Mail addresses for news that need nobody. Empty: those of `emails`.", ())

    def addresses(self, severity: str) -> tuple[str, ...]:
        """Who gets the mails of a severity.

        Examples
        --------
        >>> NotifyPolicy(emails=("team@example.org",), page=("oncall@example.org",)).addresses("page")
        ('oncall@example.org',)
        """
        own: tuple[str, ...] = getattr(self, severity)
        return own or self.emails
