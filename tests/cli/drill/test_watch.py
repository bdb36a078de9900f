"""An incident minute by minute: when it rings, what is repaired, and that what goes wrong in it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contender.alarms.kinds import Severity
from contender.cli.drill.incident import Expected
from contender.cli.drill.incidents.plan import Incident
from contender.cli.drill.oncall import Letter
from contender.cli.drill.scene import Scene
from contender.cli.drill.watch import Watch
from contender.errors import ContenderError

LOST = Expected("pointer-lost", "page", 10.0)
NOBODY: Any = None
"""The pipeline of an incident that touches none."""


@dataclass
class Inbox:
    """Mails, of which some come only when somebody waits for them."""

    here: list[Letter] = field(default_factory=list)
    late: list[Letter] = field(default_factory=list)

    def take_mails(self, pipeline: str) -> Sequence[Letter]:
        taken, self.here = self.here, []
        return taken

    def wait_for_mail(self, pipeline: str, severity: Severity) -> None:
        self.here, self.late = self.here + self.late, []


def page(subject: str = "[page] local shop: the champion pointer is lost") -> Letter:
    return Letter("page", subject, "", 0.0)


def nothing_happens(_: Scene) -> None:
    """An incident without effect."""


def watch(
    expected: Expected = LOST,
    *,
    strike: Callable[[Scene], None] = nothing_happens,
    repair: Callable[[Scene], str] = lambda _: "restored",
) -> Watch:
    incident = Incident("pointer-lost", "It is gone.", expected, nothing_happens, strike, repair=repair)
    begun = Watch(incident, Scene(NOBODY, Path()))
    begun.prepare()
    begun.hear_before([], Inbox())
    begun.strike()
    return begun


def hear(begun: Watch, minutes: float, inbox: Inbox, *ringing: str) -> None:
    begun.hear(list(ringing), begun.struck_at + 60.0 * minutes, inbox)


def test_it_rings_after_the_minutes_of_the_alarms_clock_and_its_mail_is_waited_for() -> None:
    begun, inbox = watch(), Inbox(late=[page()])
    hear(begun, 5, inbox)
    hear(begun, 6, inbox, "pointer-lost")
    hear(begun, 7, inbox)
    begun.end(Inbox())
    result = begun.result()
    assert [(ring.kind, round(ring.minutes)) for ring in result.seen.rings] == [("pointer-lost", 6)]
    assert [round(told.minutes) for told in result.seen.mails] == [6]
    assert result.seen.healed == "restored"
    assert result.problems == []


def test_an_alarm_that_goes_on_after_the_repair_is_wrong() -> None:
    begun, inbox = watch(), Inbox(late=[page()])
    for minute in (6, 7):
        hear(begun, minute, inbox, "pointer-lost")
    begun.end(Inbox())
    assert begun.result().problems == ["pointer-lost still rings after the repair"]


def test_news_are_no_mail_that_somebody_has_to_act_on() -> None:
    begun = watch()
    over = page("[over] local shop: ended after 1 min: the champion pointer is lost")
    hear(begun, 6, Inbox([Letter("info", "promoted", "", 0.0)], [page()]), "pointer-lost")
    hear(begun, 7, Inbox())
    begun.end(Inbox([over]))
    assert begun.result().problems == []
    assert [told.subject for told in begun.result().seen.news] == ["promoted", over.subject]


def test_a_strike_that_fails_is_the_only_thing_that_is_told() -> None:
    def fail(_: Scene) -> None:
        raise ContenderError("no champion to break")

    begun = watch(strike=fail)
    hear(begun, 6, Inbox())
    begun.end(Inbox())
    assert begun.result().problems == ["no champion to break"]
