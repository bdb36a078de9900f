"""The mails about an alarm: that it rings, that it is over, and about an event that nobody understands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contender.alarms.kinds import AlarmKind
from contender.formatting import duration, lower_first
from contender.mails.alarm_event import AlarmChange
from contender.mails.mail import NOTHING_DONE, Content, Link, Mail, short
from contender.mails.place import Place
from contender.mails.readings import AlarmState, evidence_of, fact_of, gauge_facts
from contender.mails.times import clock, moment, read_time, since
from contender.workflow.outcome import option

ROLLS_BACK = "champion-fails"
"""The alarm that starts the rollback machine."""

TOLD_BY_A_RUN = "loop-stuck"
"""The alarm that tells failed runs, which have no mail of their own."""

_ROLLED_BACK = ("rolled_back", "trial_ended")

PURPOSES: Mapping[str, str] = {
    "doctor": "See what else is damaged, and what to do about it",
    "status": "See what serves, what runs and since when, what waits, and which alarms ring",
    "champion --restore": "Put the pointer back",
    "champion": "See which model version serves, since when, and what served before",
    "rollback": "If the newest model version is the cause, go back to the one before",
    "live": "See requests, errors, latency and predicted classes by model version",
    "runs": "See the newest runs, how they ended and why",
    "retrain": "When the cause is fixed, start a run",
    "dead-letters list": "See what was not delivered or handled, and why",
    "dead-letters redrive": "When the cause is fixed, send it again",
    "mail test": "See whether mails arrive, and who gets which",
    "alarms": "See which alarms ring, since when and why",
}
"""What a command is good for, by how it begins; the longer beginning first."""

UNKNOWN = "An alarm of this pipeline changed its state, but its message is not one that this version understands."


@dataclass(frozen=True)
class Evidence:
    """What is known about an alarm beyond its event.

    Attributes
    ----------
    states : the alarm's own state and those of the alarms below it, in the order of the rule.
    failed_run : the record of the newest run, where it failed.
    champion : the newest entry of the champion history.
    gauges : the newest reading of Pulse.
    rollback : the record of the rollback that the alarm started; None where there is none, or none yet.
    trouble : why something of this could not be read; empty where all could.
    """

    states: Sequence[AlarmState] = ()
    failed_run: Mapping[str, Any] | None = None
    champion: Mapping[str, Any] | None = None
    rollback: Mapping[str, Any] | None = None
    gauges: Mapping[str, float] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True)
class Incident:
    """An alarm mail that was sent and has not been followed by one that says it is over."""

    subject: str
    since: datetime | None
    rollback: Mapping[str, Any] = field(default_factory=dict)


def alarm_mail(kind: AlarmKind, change: AlarmChange, evidence: Evidence, place: Place, *, now: datetime) -> Mail:
    """The mail about an alarm that has begun to ring."""
    content = Content(
        fact=_fact(kind, change, evidence),
        happened=f"{kind.title}. {kind.purpose}",
        since=since(change.at, now) if change.at else moment(now),
        evidence=list(_evidence(kind, change, evidence)),
        done=_done(kind, evidence.rollback),
        steps=_steps_after(kind, evidence.rollback, place),
        links=_links(kind, change, evidence, place),
    )
    return place.mail(content, kind.severity)


def over_mail(kind: AlarmKind, change: AlarmChange, incident: Incident, place: Place, *, now: datetime) -> Mail:
    """The mail about an alarm that is over; it goes to whom the first one went."""
    at = change.at or now
    lasted = duration((at - incident.since).total_seconds()) if incident.since else ""
    content = Content(
        fact=(f"ended after {lasted}" if lasted else "ended") + f": {lower_first(kind.title)}",
        happened=f"This is over, and its alarm no longer rings: {lower_first(kind.title)}.",
        since=f"{moment(at)}" + (f"; it began at {moment(incident.since)}" if incident.since else ""),
        evidence=[f"The first mail said: {incident.subject}"],
        done=_done(kind, incident.rollback or None),
        steps=["Nothing to do now. Find the cause by daylight, as the runbook says."],
        links=[place.runbook(kind), place.alarm(change.name)],
    )
    return place.mail(content, kind.severity, over=True)


def unknown_mail(event: object, trouble: str, place: Place, *, now: datetime) -> Mail:
    """The mail about an event that is no alarm's, or an alarm's that the table does not have: nothing is lost."""
    content = Content(
        fact=f"an alarm that is not known: {trouble}",
        happened=UNKNOWN,
        since=moment(now),
        evidence=[trouble, json.dumps(event, default=str, ensure_ascii=False)],
        steps=[f"See which alarms ring: contender status{option(place.environment)}"],
        links=[place.dashboard()],
    )
    return place.mail(content, "page")


def steps(kind: AlarmKind, place: Place) -> Sequence[str]:
    """What to type first, each with what it is good for."""
    commands = kind.commands(pipeline=place.pipeline, environment=place.environment)
    return [f"{_purpose(command)}: {command}" for command in commands]


def _steps_after(kind: AlarmKind, rollback: Mapping[str, Any] | None, place: Place) -> Sequence[str]:
    """What to type first. A rollback only where the alarm's own was refused: after one that was not, it would bring the
    failing version back."""
    typed = steps(kind, place)
    if kind.id != ROLLS_BACK or rollback is None or _succeeded(rollback):
        return typed
    command = place.command("rollback")
    return [*typed[:-1], f"{_purpose(command)}: {command}"]  # a mail has room for three


def _purpose(command: str) -> str:
    """
    >>> _purpose("contender champion --restore --pipeline flights --env prod")
    'Put the pointer back'
    """
    return next((said for start, said in PURPOSES.items() if command.startswith(f"contender {start}")), "Type")


def _fact(kind: AlarmKind, change: AlarmChange, evidence: Evidence) -> str:
    """The number, since when, and what came of it."""
    when = f" since {clock(change.at)}" if change.at else ""
    measured = next(filter(None, map(fact_of, _ringing(evidence))), "")
    # A gauge that an alarm has for what it is about says itself for how long.
    gauge = next(iter(gauge_facts(kind.gauges, evidence.gauges)), "") if not measured else ""
    return f"{gauge or (measured or lower_first(kind.title)) + when}{_outcome(kind, evidence)}"


def _outcome(kind: AlarmKind, evidence: Evidence) -> str:
    if kind.id == ROLLS_BACK:
        found = evidence.rollback
        if found is None:
            return ", rollback not finished"
        return f", rolled back to {short(found.get('champion_after'))}" if _succeeded(found) else ", not rolled back"
    run = evidence.failed_run
    return f": {run['reason']}" if run and kind.id == TOLD_BY_A_RUN and run.get("reason") else ""


def _evidence(kind: AlarmKind, change: AlarmChange, evidence: Evidence) -> list[str]:
    measured = "; ".join(
        (*filter(None, map(evidence_of, _ringing(evidence))), *gauge_facts(kind.gauges, evidence.gauges))
    )
    run, champion = evidence.failed_run, evidence.champion
    failed = f"Run {run['run_id']} failed: {run['reason']}" if run and kind.id == TOLD_BY_A_RUN else ""
    serving = ""
    if champion is not None:
        made = read_time(str(champion.get("swapped_at", "")))
        serving = f"Model version {champion.get('champion')} serves" + (f" since {moment(made)}" if made else "")
    return [line for line in (measured or change.reason, failed, serving, evidence.trouble) if line]


def _ringing(evidence: Evidence) -> Sequence[AlarmState]:
    """The alarms that ring, of each measure the worst: a short window says more of now than a long one."""
    worst: dict[tuple[str, ...], AlarmState] = {}
    for state in sorted(evidence.states, key=lambda state: -(state.value or 0.0)):
        if state.ringing:
            worst.setdefault(tuple(state.measures), state)
    return list(worst.values())


def _done(kind: AlarmKind, rollback: Mapping[str, Any] | None) -> str:
    if kind.id != ROLLS_BACK:
        return kind.by_itself or NOTHING_DONE
    if rollback is None:
        return "A rollback was started and has not ended yet."
    return str(rollback.get("reason", "")) if _succeeded(rollback) else f"Not rolled back. {rollback.get('reason', '')}"


def _succeeded(rollback: Mapping[str, Any]) -> bool:
    return rollback.get("rollback") in _ROLLED_BACK


def _links(kind: AlarmKind, change: AlarmChange, evidence: Evidence, place: Place) -> list[Link]:
    found = [place.runbook(kind)]
    if evidence.rollback is not None:
        found.append(place.execution(str(evidence.rollback["run_id"]), machine="rollback"))
    elif evidence.failed_run is not None and kind.id == TOLD_BY_A_RUN:
        found.append(place.execution(str(evidence.failed_run["run_id"])))
    found.append(place.dashboard())
    if kind.severity == "page":
        found.append(place.function_log("serve"))
    return [*found, place.alarm(change.name)]
