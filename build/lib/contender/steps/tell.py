"""Tell: one mail for an incident when its alarm begins to ring, and one when it is over.

CloudWatch delivers an alarm's change at least once, and Lambda calls again after an error. Each change is therefore
claimed in the runs table before its mail is sent: a repeated event sends nothing, and a failed attempt is made up for
by the next one, which Lambda makes with the same request id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Literal, Protocol

from contender.alarms.kinds import AlarmKind
from contender.alarms.table import kind_of
from contender.errors import ConflictError, InvalidInputError
from contender.mails.alarm_event import ALARM, OK, AlarmChange, read_alarm_event
from contender.mails.alarm_mails import ROLLS_BACK, Evidence, Incident, alarm_mail, over_mail, unknown_mail
from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.mails.readings import AlarmState
from contender.ports import Ledger, SentMail, SentMails

ROLLBACK_LOOKS, SECONDS_BETWEEN_LOOKS = 18, 5.0
"""A rollback that has not ended after a minute and a half is told as one that has not."""
ROLLBACK_BEGAN_WITHIN = timedelta(minutes=15)
NEWEST_RUNS = 20

Outcome = Literal["sent", "sent before", "nothing to tell"]


class AlarmStates(Protocol):
    """CloudWatch's alarms."""

    def read(self, names: Sequence[str]) -> Sequence[AlarmState]:
        """Return the alarms of these names that there are, in their order."""


@dataclass(frozen=True)
class Teller:
    """What Tell works with.

    Attributes
    ----------
    gauges : the newest reading of Pulse.
    publish : sends a mail to the topic of its severity.
    report_trouble : tells, in a handler of an exception, what could not be done because of it.
    now : the time, with its zone.
    wait : for so many seconds.
    """

    place: Place
    ledger: Ledger
    sent: SentMails
    alarms: AlarmStates
    gauges: Callable[[], Mapping[str, float]]
    publish: Callable[[Mail], None]
    report_trouble: Callable[[str], None]
    now: Callable[[], datetime]
    wait: Callable[[float], None]


@dataclass(frozen=True)
class Told:
    """What became of an event."""

    outcome: Outcome
    subject: str = ""


def tell(event: object, teller: Teller, *, request_id: str) -> Told:
    """Mail what an alarm's event says, once.

    A table that does not answer keeps nobody from the mail: it is sent, without a guard against a second one.

    Raises
    ------
    ConflictError
        When another call is mailing the same event: Lambda calls again, and by then it is known what became of it.
    """
    try:
        change = read_alarm_event(event)
        kind = _kind(change, teller.place)
    except InvalidInputError as error:
        mail = unknown_mail(event, str(error), teller.place, now=teller.now())
        teller.publish(mail)
        return Told("sent", mail.subject)
    if change.suppressed_by or change.state not in (ALARM, OK):
        return Told("nothing to tell")
    claim = SentMail(change.name, change.state, (change.at or teller.now()).isoformat(), request_id)
    try:
        state = teller.sent.claim(teller.place.pipeline, claim, now=teller.now())
        before = [mail for mail in teller.sent.mails(teller.place.pipeline) if mail.alarm == change.name]
    except Exception:
        teller.report_trouble("the table of sent mails does not answer")
        state, before = "mine", []
    if state == "at work":
        raise ConflictError(f"another call is mailing that {change.name} is {change.state}; it is looked at again")
    return Told("sent before") if state == "sent" else _send(kind, change, claim, before, teller)


def _send(kind: AlarmKind, change: AlarmChange, claim: SentMail, before: Sequence[SentMail], teller: Teller) -> Told:
    mail, rollback = _mail(kind, change, claim.at, before, teller)
    if mail is not None:
        teller.publish(mail)
    try:
        subject = mail.subject if mail else ""
        teller.sent.settle(teller.place.pipeline, replace(claim, subject=subject, rollback=rollback))
    except Exception:
        # It was sent: an error here would have Lambda send it again.
        teller.report_trouble("that a mail was sent could not be written down")
    return Told("sent", mail.subject) if mail else Told("nothing to tell")


def _kind(change: AlarmChange, place: Place) -> AlarmKind:
    """
    Raises
    ------
    InvalidInputError
        When the table has no alarm of this name.
    """
    found = kind_of(change.name, stage=place.stage, pipeline=place.pipeline)
    if found is None:
        raise InvalidInputError(f"{change.name} is {change.state}")
    return found


def _mail(
    kind: AlarmKind, change: AlarmChange, at: str, before: Sequence[SentMail], teller: Teller
) -> tuple[Mail | None, str]:
    """What to send, and the run id of the rollback that it tells."""
    now = teller.now()
    if change.state == OK:
        incident = _open_incident(before, at)
        if incident is None:
            return None, ""
        rollback = _record(teller, incident.rollback) if incident.rollback else None
        told = Incident(incident.subject, datetime.fromisoformat(incident.at), rollback or {})
        return over_mail(kind, change, told, teller.place, now=now), ""
    ended = next((mail for mail in before if mail.state == OK and mail.at > at), None)
    if ended is not None:
        # The first attempts to send this one failed, and the incident is over by now: one mail tells all of it.
        over = AlarmChange(change.name, OK, at=datetime.fromisoformat(ended.at))
        return over_mail(kind, over, Incident("none could be sent", change.at), teller.place, now=now), ""
    evidence = _gather(kind, change, before, teller)
    run_id = str(evidence.rollback["run_id"]) if evidence.rollback else ""
    return alarm_mail(kind, change, evidence, teller.place, now=now), run_id


def _open_incident(before: Sequence[SentMail], at: str) -> SentMail | None:
    """The newest alarm mail up to then, unless a mail has said already that it is over."""
    sent = sorted((mail for mail in before if mail.subject), key=lambda mail: mail.at)
    begun = [mail for mail in sent if mail.state == ALARM and mail.at <= at]
    if not begun:
        return None
    until_next = takewhile(lambda mail: mail.state == OK, sent[sent.index(begun[-1]) + 1 :])
    return None if any(until_next) else begun[-1]


def _gather(kind: AlarmKind, change: AlarmChange, before: Sequence[SentMail], teller: Teller) -> Evidence:
    """What the tables and CloudWatch know. What cannot be read is said in the mail, which is sent all the same."""
    pipeline, trouble = teller.place.pipeline, []

    def read(what: str, found: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return found()
        except Exception as error:
            teller.report_trouble(f"{what} could not be read")
            trouble.append(f"{what} could not be read: {error}")
            return otherwise

    told = {mail.rollback for mail in before}
    starts = kind.id == ROLLS_BACK
    rollback = read("The rollback", lambda: _await_rollback(teller, told), None) if starts else None
    runs = read("The runs", lambda: teller.ledger.runs(pipeline, limit=NEWEST_RUNS), ())
    history = read("The champion history", lambda: teller.ledger.promotions(pipeline), ())
    states = read("The alarm's values", lambda: _states(change, teller.alarms), ())
    gauges = read("The gauges", teller.gauges, {}) if kind.gauges else {}
    newest = next((run for run in runs if run.get("verdict") != "duplicate"), None)
    failed = newest if newest is not None and newest.get("verdict") == "failed" else None
    return Evidence(states, failed, history[0] if history else None, rollback, gauges, "; ".join(trouble))


def _states(change: AlarmChange, alarms: AlarmStates) -> Sequence[AlarmState]:
    """The alarm, or for a composite one the alarms below it, at most two floors down."""
    found: list[AlarmState] = []
    names: Sequence[str] = change.children or (change.name,)
    for _ in range(3):
        states = alarms.read(names) if names else ()
        found += [state for state in states if not state.children]
        names = [child for state in states if state.ringing for child in state.children]
    return found


def _await_rollback(teller: Teller, told: set[str]) -> Mapping[str, Any] | None:
    """The record of the rollback that the alarm started, as soon as there is one; it is started when this is."""
    for look in range(ROLLBACK_LOOKS):
        if look:
            teller.wait(SECONDS_BETWEEN_LOOKS)
        earliest = teller.now() - ROLLBACK_BEGAN_WITHIN
        for run in teller.ledger.runs(teller.place.pipeline, limit=NEWEST_RUNS):
            new = run["run_id"] not in told and datetime.fromisoformat(run["started_at"]) >= earliest
            if new and run.get("trigger") == "alarm" and (run.get("rollback") or run.get("verdict") == "failed"):
                return run
    return None


def _record(teller: Teller, run_id: str) -> Mapping[str, Any] | None:
    runs = teller.ledger.runs(teller.place.pipeline)
    return next((run for run in runs if run["run_id"] == run_id), None)
