"""An experiment as it is kept: what was planned, the days that were counted, and how it ended.

It is one object in the data bucket, `experiments/<pipeline>/current.json`. The trial in the champion pointer has the
experiment's id as its run; the pointer itself has nothing new, so that functions from before an update can read it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from contender.errors import InvalidInputError, NotFoundError
from contender.ports import Objects, ReadObjects
from contender.rollout.experiments.evidence import Aim, Evidence, evidence_in_words, judge
from contender.rollout.experiments.metrics import LOSS, METRICS
from contender.rollout.paired_losses import PairedLosses

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Experiment:
    """One experiment of a pipeline.

    Attributes
    ----------
    experiment_id : the run id of its trial and of its record.
    since : ISO time, UTC, a whole minute; its days are counted from here, each 24 hours.
    metric : one of `contender.rollout.experiments.metrics`.
    wait_days : a day is counted when its labels have had so long to arrive; later ones do not count.
    promotes : whether a better challenger becomes the champion.
    by : who started it.
    plan : as `Plan.to_dict` has it.
    counted : the sums of the days so far, the first one first; a day is counted once and then stays as it is.
    verdict : empty while it is on.
    settled : whether everything that follows from the verdict has been done.
    """

    experiment_id: str
    pipeline: str
    champion: str
    challenger: str
    weight: float
    days: int
    wait_days: int
    aim: Aim
    promotes: bool
    since: str
    by: str
    plan: dict[str, Any]
    metric: str = LOSS
    counted: tuple[PairedLosses, ...] = ()
    verdict: str = ""
    reason: str = ""
    ended_at: str = ""
    settled: bool = False

    @property
    def begun(self) -> datetime:
        """When its first day began."""
        return datetime.fromisoformat(self.since)

    @property
    def until(self) -> datetime:
        """When its last day is over and the champion answers all requests again."""
        return self.begun + self.days * DAY

    @property
    def last_look(self) -> datetime:
        """When the labels of its last day have had their time."""
        return self.until + self.wait_days * DAY

    @property
    def evidence(self) -> Evidence:
        """What the counted days show."""
        return judge(self.counted, self.aim)

    @property
    def seen(self) -> str:
        """The evidence, in words."""
        return evidence_in_words(self.evidence, self.aim, self.metric)

    def days_to_count(self, now: datetime) -> Sequence[int]:
        """Numbers of the days, from 0, that can be counted now and have not been."""
        waited = int((now - self.begun - self.wait_days * DAY) / DAY)
        return range(len(self.counted), min(self.days, waited))

    def end(self, verdict: str, reason: str, now: datetime) -> Experiment:
        """The same, with its verdict."""
        return replace(self, verdict=verdict, reason=reason, ended_at=now.isoformat())

    def to_json(self) -> bytes:
        """The experiment as its object."""
        return json.dumps(asdict(self), indent=2, allow_nan=False).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Experiment:
        """The inverse of `to_json`. Raises InvalidInputError, with the reason, for bytes that are no experiment."""
        try:
            content: Any = json.loads(body)
            content["aim"] = Aim(**content["aim"])
            content["counted"] = tuple(PairedLosses(**day) for day in content["counted"])
            found = cls(**content)
            found.begun.astimezone()
            METRICS[found.metric]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidInputError(f"{len(body)} bytes that are no experiment ({error})") from None
        return found


@dataclass(frozen=True)
class ExperimentState:
    """An experiment as read, with the entity tag that a change of it is based on."""

    experiment: Experiment
    etag: str


def experiment_key(pipeline: str) -> str:
    """The key of the pipeline's newest experiment in the data bucket."""
    return f"experiments/{pipeline}/current.json"


def read_experiment(data: ReadObjects, pipeline: str) -> ExperimentState | None:
    """The pipeline's newest experiment, over or not; None where there never was one.

    Raises
    ------
    InvalidInputError
        When the object is damaged; the message says what to type.
    """
    key = experiment_key(pipeline)
    try:
        stored = data.get(key)
    except NotFoundError:
        return None
    try:
        return ExperimentState(Experiment.from_json(stored.body), stored.etag)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{key} holds {error}; restore an earlier version of the object in the data bucket. A running trial ends "
            f"with: contender trial end --pipeline {pipeline}"
        ) from None


def write_experiment(data: Objects, experiment: Experiment, *, based_on: str | None) -> str:
    """Write it over the one with this entity tag, or where there is none, and return the new tag.

    Raises
    ------
    PreconditionFailedError
        When somebody else has written it meanwhile.
    """
    key = experiment_key(experiment.pipeline)
    return data.put(key, experiment.to_json(), if_match=based_on, if_none_match=based_on is None)
