"""An incident while it is played: what on-call hears of it, minute by minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from contender.alarms.kinds import Severity
from contender.cli.drill.incident import Result, Ring, Seen, Told, problems
from contender.cli.drill.incidents.plan import Incident
from contender.cli.drill.oncall import Letter
from contender.cli.drill.scene import Scene
from contender.errors import ContenderError
from contender.mails.mail import OVER


class Listener(Protocol):
    """Somebody who gets the mails."""

    def take_mails(self, pipeline: str) -> Sequence[Letter]:
        """The mails about a pipeline that have come and were not taken yet."""

    def wait_for_mail(self, pipeline: str, severity: Severity) -> None:
        """Wait until a mail of this severity about a pipeline has come, or the time is up."""


class Watch:
    """Plays one incident; whatever goes wrong in it is in its result, and stops no other."""

    def __init__(self, incident: Incident, scene: Scene) -> None:
        self.incident, self.scene, self.name = incident, scene, incident.name
        self.struck_at = self._looked_at = 0.0
        self._rings: list[Ring] = []
        self._mails: list[Told] = []
        self._news: list[Told] = []
        self._ringing: Sequence[str] = ()
        self._healed = self._repaired = ""
        self._wrong: list[str] = []
        self._seconds = 0.0
        self._is_first_look, self._has_failed = True, False

    def prepare(self) -> None:
        """Set up what is there before the incident."""
        self._do(lambda: self.incident.prepare(self.scene))

    def hear_before(self, ringing: Sequence[str], oncall: Listener) -> None:
        """What is on before anything is broken is wrong; mails until here are not the incident's."""
        self._wrong += [f"{kind} rang before anything was broken" for kind in ringing]
        oncall.take_mails(self.name)

    def strike(self) -> None:
        """Break it."""
        self.struck_at = time.time()
        self._do(lambda: self.incident.strike(self.scene))

    def hear(self, ringing: Sequence[str], at: float, oncall: Listener) -> Sequence[Ring]:
        """Take what one look at a time (epoch seconds) has brought: the kinds that ring, and mails. Where on-call has
        been told, repair. Answers what has begun to ring."""
        expected = self.incident.expected
        new = [Ring(kind, self._minutes(at)) for kind in ringing if kind not in self._ringing]
        self._rings += new
        self._read(oncall, at)
        if expected.alarm in ringing and expected.alarm not in self._ringing and expected.severity is not None:
            oncall.wait_for_mail(self.name, expected.severity)
            self._read(oncall, at)
        self._ringing, self._is_first_look, self._looked_at = ringing, False, at
        if self._is_on() and not self._repaired:
            self._do(self._repair)
        return new

    def end(self, oncall: Listener) -> None:
        """See what has healed, whether the alarm is over after a repair, and which mails came last."""
        self._do(self._heal)
        self._read(oncall, self._looked_at)
        if self._repaired and self._is_on():
            self._wrong.append(f"{self.incident.expected.alarm} still rings after the repair")

    @property
    def failure(self) -> str:
        """What kept it from being played; empty where nothing did."""
        return self._wrong[-1] if self._has_failed else ""

    def result(self) -> Result:
        """What came of it."""
        seen = Seen(self._rings, self._mails, self._healed or self._repaired, self._wrong, self._news)
        found = self._wrong if self._has_failed else problems(self.incident.expected, seen)
        return Result(self.name, self.incident.title, self.incident.expected, seen, found, round(self._seconds, 1))

    def _is_on(self) -> bool:
        return self.incident.expected.alarm in self._ringing

    def _repair(self) -> None:
        self._repaired = self.incident.repair(self.scene)

    def _heal(self) -> None:
        self._healed = self.incident.healed(self.scene)

    def _read(self, oncall: Listener, at: float) -> None:
        """Take the mails that have come. Until the clock is put forward for the first time, it is the real one."""
        for letter in oncall.take_mails(self.name):
            minutes = self._minutes(letter.sent_at if self._is_first_look else at)
            is_news = letter.severity == "info" or letter.subject.startswith(OVER)
            (self._news if is_news else self._mails).append(Told(letter.severity, letter.subject, letter.body, minutes))

    def _minutes(self, at: float) -> float:
        return (at - self.struck_at) / 60.0 - self.incident.due_minutes

    def _do(self, what: Callable[[], None]) -> None:
        if self._has_failed:
            return
        began = time.monotonic()
        try:
            what()
        except ContenderError as error:
            self._wrong.append(str(error))
            self._has_failed = True
        self._seconds += time.monotonic() - began
