"""What on-call hears of the drill's cloud: alarms and mails, with a clock that is put forward."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contender.alarms.kinds import SEVERITIES, Severity
from contender.alarms.table import kind_of
from contender.cli.clouds import Workbench
from contender.errors import ContenderError
from contender.pulse.gauges import EVERY_MINUTES
from localcloud import cloud, mail
from localcloud.alarms.local_alarms import LocalAlarms
from localcloud.processes import wait_until

PULSE_OUTPUT = "PulseFunctionName"
"""What the outputs of the stack of Pulse begin with that name its functions."""
MAIL_SECONDS = 20.0
"""A mail comes within this time of what it is about: the function that writes it may have to start."""


@dataclass(frozen=True)
class Letter:
    """A mail, and when it was sent by the real clock, epoch seconds."""

    severity: Severity
    subject: str
    body: str
    sent_at: float


class OnCall:
    """Evaluates the alarms of a local cloud at any time, and reads its mails.

    Parameters
    ----------
    benches : of the pipelines that are listened to.
    read_mails : the mails that have come since it was called last; by default they stay in the inbox.
    """

    def __init__(
        self,
        root: Path,
        benches: Sequence[Workbench],
        read_mails: Callable[[], Iterable[mail.Mail]] | None = None,
    ) -> None:
        self._connection = cloud.connect(root)
        self._new_mails = read_mails or mail.InboxReader(self._connection).new_mails
        self._alarms = LocalAlarms(self._connection, root)
        self._stages = {bench.pipeline: f"{bench.prefix}-{bench.environment}" for bench in benches}
        self._topics = {
            bench.topic_arn(severity): (bench.pipeline, severity) for bench in benches for severity in SEVERITIES
        }
        self._lambda = self._connection.client("lambda")
        self._pulse_functions = [
            value
            for stage in sorted(set(self._stages.values()))
            for name, value in self._connection.outputs[f"{stage}-pulse"].items()
            if name.startswith(PULSE_OUTPUT)
        ]
        self._pulsed_at = 0.0
        self._filed: dict[str, list[Letter]] = {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the local cloud from evaluating its alarms by the real clock meanwhile."""
        with self._alarms.alone():
            yield

    def look(self, at: float, pipelines: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Put the clock to a time (epoch seconds): Pulse takes the gauges where it is due, alarms are evaluated.

        Only the alarms of these pipelines are: those of others stay as they are, whatever the time. Answers the kinds
        of alarms that are on and tell somebody, by pipeline.

        Raises
        ------
        ContenderError
            When Pulse fails, or an alarm cannot be evaluated.
        """
        if at - self._pulsed_at >= 60.0 * EVERY_MINUTES:
            self._pulse(at)
            self._pulsed_at = at
        statuses = self._alarms.evaluate(at=at, prefixes=[f"{self._stages[name]}-{name}-" for name in pipelines])
        refused = [f"{status.name}: {status.refused}" for status in statuses if status.refused]
        if refused:
            raise ContenderError(f"alarms cannot be evaluated: {'; '.join(refused)}")
        on = [status.name for status in statuses if status.state == "ALARM" and status.acts and not status.held]
        self._read_mails()
        return {name: self._kinds(name, on) for name in pipelines}

    def take_mails(self, pipeline: str) -> Sequence[Letter]:
        """The mails about a pipeline that have come and were not taken yet."""
        self._read_mails()
        return self._filed.pop(pipeline, [])

    def wait_for_mail(self, pipeline: str, severity: Severity) -> None:
        """Wait until a mail of this severity about a pipeline has come, or the time is up."""

        def has_come() -> bool:
            self._read_mails()
            return any(letter.severity == severity for letter in self._filed.get(pipeline, ()))

        wait_until(has_come, seconds=MAIL_SECONDS)

    def _kinds(self, pipeline: str, alarms: Sequence[str]) -> Sequence[str]:
        kinds = (kind_of(name, stage=self._stages[pipeline], pipeline=pipeline) for name in alarms)
        return [kind.id for kind in kinds if kind is not None]

    def _read_mails(self) -> None:
        for found in self._new_mails():
            if found.topic in self._topics:
                pipeline, severity = self._topics[found.topic]
                sent_at = datetime.fromisoformat(found.time).timestamp()
                self._filed.setdefault(pipeline, []).append(Letter(severity, found.subject, found.body, sent_at))

    def _pulse(self, at: float) -> None:
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for function in self._pulse_functions:
            answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps({"time": moment}))
            if answer.get("FunctionError"):
                raise ContenderError(f"Pulse failed: {answer['Payload'].read().decode()[:500]}")
