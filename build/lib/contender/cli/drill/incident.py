"""An incident of the drill: what must be seen of it, what was seen, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contender.alarms.kinds import Severity


@dataclass(frozen=True)
class Expected:
    """What must be seen of an incident.

    Attributes
    ----------
    alarm : the kind of alarm that must ring; empty: none may, a run's own mail tells, or nothing is to be told.
    severity : of the one mail about it; None: nobody may be told.
    within_minutes : between the fault and the first sign, on the alarms' clock.
    heals : what must be over without a person; empty: a person has to act.
    """

    alarm: str
    severity: Severity | None
    within_minutes: float
    heals: str = ""


@dataclass(frozen=True)
class Ring:
    """An alarm that went into alarm: its kind, and minutes after the fault on the alarms' clock."""

    kind: str
    minutes: float


@dataclass(frozen=True)
class Told:
    """A mail that on-call got: of which severity, its subject and its body, and minutes after the fault."""

    severity: Severity
    subject: str
    body: str
    minutes: float


@dataclass(frozen=True)
class Seen:
    """What was seen of an incident.

    Attributes
    ----------
    rings : alarms that act, in the order in which they rang.
    mails : from the fault on, pages and tickets only.
    healed : what was over without a person; empty: nothing.
    wrong : what else was not as it must be, as sentences.
    news : mails that ask nobody to act: of severity info, or that something is over.
    """

    rings: Sequence[Ring] = ()
    mails: Sequence[Told] = ()
    healed: str = ""
    wrong: Sequence[str] = ()
    news: Sequence[Told] = ()


@dataclass(frozen=True)
class Result:
    """An incident as it was played: what was expected and seen, what is wrong with it, seconds that it took."""

    incident: str
    title: str
    expected: Expected
    seen: Seen
    problems: Sequence[str]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self) | {"passed": not self.problems}


def problems(expected: Expected, seen: Seen) -> Sequence[str]:
    """What is wrong with what was seen; nothing where the incident went as it must.

    Examples
    --------
    >>> page = Expected("champion-fails", "page", 5.0)
    >>> mail = Told("page", "[page] prod shop: 60 % of predictions fail", "", 2.0)
    >>> problems(page, Seen([Ring("champion-fails", 2.0)], [mail]))
    []
    >>> problems(page, Seen([Ring("champion-fails", 7.0)], [mail]))
    ['champion-fails must ring within 5 minutes, but rang after 7']
    """
    return [*_of_alarms(expected, seen), *_of_mails(expected, seen), *_of_healing(expected, seen), *seen.wrong]


def _of_alarms(expected: Expected, seen: Seen) -> Iterator[str]:
    own = [ring.minutes for ring in seen.rings if ring.kind == expected.alarm]
    if expected.alarm and not own:
        yield f"{expected.alarm} must ring within {expected.within_minutes:g} minutes, but did not"
    if own and min(own) > expected.within_minutes:
        yield f"{expected.alarm} must ring within {expected.within_minutes:g} minutes, but rang after {min(own):.0f}"


def _of_mails(expected: Expected, seen: Seen) -> Iterator[str]:
    pages = [mail for mail in seen.mails if mail.severity == "page"]
    if len(pages) > 1:
        yield f"an incident brings one page at most, but there were {len(pages)}: {_subjects(pages)}"
    if expected.severity is None:
        if seen.mails:
            yield f"nobody was to be told, but there were {len(seen.mails)} mails: {_subjects(seen.mails)}"
        return
    if len(seen.mails) != 1:
        told = f": {_subjects(seen.mails)}" if seen.mails else ""
        yield f"an incident brings one mail, but there were {len(seen.mails)}{told}"
    first = seen.mails[0] if seen.mails else None
    if first is not None and first.severity != expected.severity:
        yield f"the mail must be a {expected.severity}, but was a {first.severity}: {first.subject}"
    if first is not None and first.minutes > expected.within_minutes:
        yield f"the mail must come within {expected.within_minutes:g} minutes, but came after {first.minutes:.1f}"


def _of_healing(expected: Expected, seen: Seen) -> Iterator[str]:
    if expected.heals and not seen.healed:
        yield f"must heal by itself ({expected.heals}), but did not"


def _subjects(mails: Sequence[Told]) -> str:
    return "; ".join(mail.subject for mail in mails)
