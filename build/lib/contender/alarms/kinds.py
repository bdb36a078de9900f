"""A kind of alarm: what it means, who acts on it, and what to type first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket", "info"]
"""`page` wakes somebody; `ticket` waits for working hours; `info` needs nobody. One SNS topic each."""

SEVERITIES: tuple[Severity, ...] = ("page", "ticket", "info")


@dataclass(frozen=True, kw_only=True)
class AlarmKind:
    """One kind of alarm. A pipeline has one of each, unless its file says that there is nothing to watch.

    Attributes
    ----------
    id : how the alarm's name ends, and the name of its runbook.
    title : what is the matter, as a sentence without its pipeline.
    purpose : what it means for those who use the predictions.
    expression : what is measured, in words.
    threshold : from which value on it rings, and why.
    owner : who acts.
    by_itself : what Contender does without anybody.
    first_commands : what to type first, with `{pipeline}` and `{environment}`.
    gauges : what Pulse writes and the alarm reads: their values say which of its conditions holds.
    suppressed_by : kinds whose ringing holds its mails back, because they are the cause.
    """

    id: str
    title: str
    severity: Severity
    purpose: str
    expression: str
    threshold: str
    owner: str
    by_itself: str
    first_commands: Sequence[str]
    gauges: Sequence[str] = ()
    suppressed_by: Sequence[str] = ()

    @property
    def runbook(self) -> str:
        """The page about what to do, from the project's root."""
        return f"docs/runbooks/{self.id}.md"

    def commands(self, *, pipeline: str, environment: str) -> Sequence[str]:
        """What to type first, for one pipeline in one environment.

        Examples
        --------
        >>> from contender.alarms.table import kind
        >>> kind("pointer-lost").commands(pipeline="flights", environment="prod")[0]
        'contender champion --restore --pipeline flights --env prod'
        """
        return [each.format(pipeline=pipeline, environment=environment) for each in self.first_commands]
