"""A lasting control group: a few callers keep an old version, which shows what retraining has been worth since.

Who they are is in the champion pointer (`Pointer.control`). What has been seen is one object in the data bucket,
`experiments/<pipeline>/control.json`; its days are counted as those of an A/B experiment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.formatting import percent
from contender.ports import Objects, ReadObjects
from contender.registry.pointer import Pointer, Trial
from contender.rollout.experiments.evidence import Aim, Evidence, evidence_in_words, judge
from contender.rollout.experiments.experiment import DAY
from contender.rollout.paired_losses import PairedLosses

ERROR_RATE = 0.05
BY_HAND = "control-by-hand-"
"""How the names of groups begin that a person asked for; those of the pipeline file's key begin otherwise."""
REMEMBERED_GROUPS = 20


@dataclass(frozen=True)
class ControlGroup:
    """A control group while it lasts.

    Attributes
    ----------
    run_id : its name, that of its trial in the pointer.
    since : ISO time, UTC; its days are counted from here, each 24 hours.
    wait_days : a day is counted when its labels have had so long to arrive; later ones do not count.
    relative : whether differences are fractions of the champion's loss, as for a regression.
    counted : the sums of the days so far, of the old version's losses minus the champion's on the same rows.
    """

    run_id: str
    version: str
    weight: float
    since: str
    wait_days: int
    relative: bool
    counted: tuple[PairedLosses, ...] = ()

    @property
    def begun(self) -> datetime:
        """When its first day began."""
        return datetime.fromisoformat(self.since)

    def days_to_count(self, now: datetime) -> Sequence[int]:
        """Numbers of the days, from 0, that can be counted now and have not been."""
        return range(len(self.counted), int((now - self.begun - self.wait_days * DAY) / DAY))

    @property
    def aim(self) -> Aim:
        """What its interval is made for: no difference is too small to matter."""
        return Aim(0.0, self.relative, ERROR_RATE)

    @property
    def worth(self) -> Evidence:
        """The champions' loss minus the old version's: below 0 where retraining was worth something."""
        return replace(judge(self.counted, self.aim).improvement, verdict="")


@dataclass(frozen=True)
class ControlState:
    """The control group, and what earlier ones have shown.

    Attributes
    ----------
    group : None while there is none.
    past : oldest first, each with `version`, `since`, `until`, and the fields of `Evidence` as `worth` had them.
    """

    group: ControlGroup | None = None
    past: tuple[Mapping[str, Any], ...] = ()

    def follow(self, control: Trial | None, *, relative: bool, wait_days: int, now: datetime) -> ControlState:
        """The state that goes with the pointer's control group: a new one begins without any days."""
        mine = self.group.run_id if self.group is not None else None
        if mine == (control.run_id if control is not None else None):
            return self
        past = self.past
        if self.group is not None:
            ended = {"version": self.group.version, "since": self.group.since, "until": now.isoformat()}
            past = (*past, ended | asdict(self.group.worth))[-REMEMBERED_GROUPS:]
        if control is None:
            return ControlState(None, past)
        group = ControlGroup(control.run_id, control.version, control.weight, control.since, wait_days, relative)
        return ControlState(group, past)

    def to_json(self) -> bytes:
        """The state as its object."""
        return json.dumps(asdict(self), indent=2, allow_nan=False).encode()

    @classmethod
    def from_json(cls, body: bytes) -> ControlState:
        """The inverse of `to_json`. Raises InvalidInputError, with the reason, for bytes that are none."""
        try:
            content: Any = json.loads(body)
            group = content["group"]
            if group is not None:
                group = ControlGroup(**group | {"counted": tuple(PairedLosses(**day) for day in group["counted"])})
                group.begun.astimezone()
            return cls(group, tuple(dict(each) for each in content["past"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidInputError(f"{len(body)} bytes that are no control group ({error})") from None


def control_key(pipeline: str) -> str:
    """The key of the state in the data bucket."""
    return f"experiments/{pipeline}/control.json"


def read_control(data: ReadObjects, pipeline: str) -> tuple[ControlState, str | None]:
    """The state with its entity tag; an empty one and None where there never was a control group.

    Raises
    ------
    InvalidInputError
        When the object is damaged; the message says what to do.
    """
    key = control_key(pipeline)
    try:
        stored = data.get(key)
    except NotFoundError:
        return ControlState(), None
    try:
        return ControlState.from_json(stored.body), stored.etag
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{key} holds {error}; restore an earlier version of the object in the data bucket, or delete it: then the "
            "days are counted anew"
        ) from None


def worth_of_retraining(data: ReadObjects, pipeline: str) -> str:
    """What a pipeline's retraining has been worth, in a sentence; empty without a control group, or where its state
    cannot be read: it is told beside other things."""
    try:
        group = read_control(data, pipeline)[0].group
    except ContenderError:
        return ""
    return worth_in_words(group) if group is not None else ""


def write_control(data: Objects, pipeline: str, state: ControlState, *, based_on: str | None) -> None:
    """Write it over the one with this entity tag, or where there is none.

    Raises
    ------
    PreconditionFailedError
        When somebody else has written it meanwhile.
    """
    data.put(control_key(pipeline), state.to_json(), if_match=based_on, if_none_match=based_on is None)


Change = Literal["", "begin", "move", "end"]


def change_of(pointer: Pointer, *, weight: float, now: datetime) -> Change:
    """What is to be done about a pipeline's control group.

    Parameters
    ----------
    weight : of the pipeline file's key; 0: it asks for none, but a person may have.

    Examples
    --------
    >>> pointer = Pointer("shop", "v2", "sha", "run", 1, "run:v2", "2026-11-30T00:00:00+00:00", "better")
    >>> change_of(pointer, weight=0.02, now=datetime(2026, 11, 30)), change_of(pointer, weight=0.0, now=datetime.max)
    ('begin', '')
    """
    control = pointer.control
    if control is None:
        return "begin" if weight > 0.0 else ""
    by_key = not control.run_id.startswith(BY_HAND)
    if by_key and weight == 0.0:
        return "end"
    if quarter_of(datetime.fromisoformat(control.since)) != quarter_of(now):
        return "move"
    return "move" if by_key and control.weight != weight else ""


def quarter_of(time: datetime) -> str:
    """
    >>> quarter_of(datetime(2026, 11, 30)), quarter_of(datetime(2027, 1, 1))
    ('2026 Q4', '2027 Q1')
    """
    return f"{time.year} Q{(time.month + 2) // 3}"


def worth_in_words(group: ControlGroup) -> str:
    """What retraining has been worth: the verdict, then the figures.

    Examples
    --------
    >>> days = tuple(PairedLosses(1000, 30.0 + day, 50.0, 500.0, 300.0, 20.0) for day in (0, 4, 8, 2, 6))
    >>> print(worth_in_words(ControlGroup("control-1", "v1", 0.02, "2026-10-01T00:00:00+00:00", 1, False, days)))
    Retraining since 2026-10-01 was worth it: loss −0.034, 95 % CI −0.046 to −0.022 on 5,000 labelled rows in 5 days, \
champion vs. v1, which 2 % of the callers keep.
    """
    found = group.worth
    said = "is not shown to be worth anything yet"
    if found.low is not None and found.high is not None:
        if found.high < 0.0:
            said = "was worth it"
        elif found.low > 0.0:
            said = "has made predictions worse"
    return (
        f"Retraining since {group.since[:10]} {said}: {evidence_in_words(found, group.aim)}, champion vs. "
        f"{group.version}, which {percent(group.weight)} of the callers keep."
    )
