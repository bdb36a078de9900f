"""What an incident consists of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contender.cli.drill.incident import Expected
from contender.cli.drill.scene import Scene
from contender.cli.drill.shop import pipeline_file

NO_SCHEDULE = "\n[schedule]\nenabled = false\n"
"""Its runs would not come while the clock is put forward, and be missed."""

HOUR, DAY = 60.0, 1440.0
SOON: Sequence[float] = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)


def every(minutes: float, first: float, last: float) -> Sequence[float]:
    """Times that are so many minutes apart, from the first to the last.

    Examples
    --------
    >>> every(5, 10, 20)
    [10, 15, 20]
    """
    return [first + minutes * number for number in range(int((last - first) // minutes) + 1)]


def several(*minutes: float) -> Sequence[float]:
    """Times with two before each, so that an alarm has the readings that it waits for.

    Examples
    --------
    >>> several(360)
    [350.0, 355.0, 360]
    """
    return [time - before for time in minutes for before in (10.0, 5.0, 0)]


def nothing(_: Scene) -> str:
    """What heals, or is repaired, where nothing does."""
    return ""


@dataclass(frozen=True)
class Incident:
    """An incident of one pipeline, which has its name.

    Attributes
    ----------
    title : what is broken, as a sentence.
    prepare : what is there before; the alarms must be silent after it.
    strike : breaks it.
    healed : what is over without a person, in a few words; empty: nothing.
    repair : what a person does after the alarm, in a few words; the alarm must be over then. Empty: nothing.
    sections : what its pipeline file has beyond the shop's.
    holdout_blocks : days that its models are judged on.
    looks : minutes after the strike, on the alarms' clock, at which on-call looks; the incident ends with the last.
    due_minutes : what the fault counts from, in minutes after the strike.
    """

    name: str
    title: str
    expected: Expected
    prepare: Callable[[Scene], None]
    strike: Callable[[Scene], None]
    healed: Callable[[Scene], str] = nothing
    repair: Callable[[Scene], str] = nothing
    sections: str = ""
    holdout_blocks: int = 5
    looks: Sequence[float] = SOON
    due_minutes: float = 0.0

    @property
    def pipeline_file(self) -> str:
        """The pipeline that it is played on."""
        return pipeline_file(self.name, holdout_blocks=self.holdout_blocks) + self.sections + NO_SCHEDULE
