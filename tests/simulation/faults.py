"""What may go wrong, at named points, and who decides that it does.

Every place where something could go wrong is a point with a name, such as
`upload-1.1/ValidateBatch.1 s3.PutObject 3`. A `Chaos` is asked at each point. One draws from a seed, another goes
by a list; what was decided is written down, so that a run of the first can be repeated and shrunk as one of the second.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What befalls a call, a function, an event or an execution."""

    THROTTLE = "refused: too many requests, and so were all repeats of the client"
    SERVER_ERROR = "answered with status 500, and so were all repeats of the client"
    TIMEOUT = "no answer in 60 s; nothing happened"
    SLOW = "answered after 50 s"
    RESET = "connection reset; nothing happened"
    LOST_ANSWER = "it happened, but no answer arrived"
    REPEATED = "it happened, the answer was lost, and the client sent it once more"
    KILL_BEFORE = "the process was killed before the call"
    KILL_AFTER = "the process was killed after the call"
    DISK_FULL = "no space left on the disk for what was read or made"
    NOT_RUN = "the service refused to run the function, and its client's repeats"
    RAN_UNHEARD = "the function ran, but its answer did not arrive"
    NO_CAPACITY = "no capacity for the task"
    SPOT = "Spot took the task back before it began"
    CLOCK_AHEAD = "its clock is 5 minutes ahead"
    CLOCK_BEHIND = "its clock is 5 minutes behind"
    CLOCK_HALF_A_DAY_AHEAD = "its clock is 12 hours ahead"
    TWICE = "the event was delivered twice, the second time a little later"
    LATE = "the event was delivered an hour later"
    AGAIN_A_DAY_LATER = "the event was delivered twice, the second time 23 hours later"
    UNDELIVERED = "the event could not be delivered for a day, and lies in the dead-letter queue"
    STOPPED = "the execution was stopped here"
    STOPPED_AND_REDRIVEN = "the execution was stopped here and redriven 10 minutes later"
    STOPPED_AND_REDRIVEN_LATE = "the execution was stopped here and redriven 8 hours later"


CALL = (
    Fault.THROTTLE,
    Fault.SERVER_ERROR,
    Fault.TIMEOUT,
    Fault.SLOW,
    Fault.RESET,
    Fault.LOST_ANSWER,
    Fault.REPEATED,
    Fault.KILL_BEFORE,
    Fault.KILL_AFTER,
)
"""What may befall a call of AWS that is made by a function or a task of ours."""
READ = tuple(fault for fault in CALL if fault not in (Fault.LOST_ANSWER, Fault.REPEATED, Fault.KILL_AFTER))
"""Of a call that changes nothing, a lost answer is a time-out."""
INVOKE = (
    Fault.NOT_RUN,
    Fault.RAN_UNHEARD,
    Fault.SLOW,
    Fault.CLOCK_AHEAD,
    Fault.CLOCK_BEHIND,
    Fault.CLOCK_HALF_A_DAY_AHEAD,
)
TASK = (Fault.NO_CAPACITY, Fault.SPOT)
EVENT = (Fault.TWICE, Fault.LATE, Fault.AGAIN_A_DAY_LATER, Fault.UNDELIVERED)
WRITE = (Fault.DISK_FULL,)
"""What may befall a file that a function writes to its own disk."""
STATE = (Fault.STOPPED, Fault.STOPPED_AND_REDRIVEN, Fault.STOPPED_AND_REDRIVEN_LATE)
DIRECT = (Fault.THROTTLE, Fault.SERVER_ERROR, Fault.LOST_ANSWER)
"""What may befall a call that a state machine or EventBridge makes itself; one that times out is one of these three."""


def fraction(*about: object) -> float:
    """A number from 0 to 1 that these determine."""
    text = ":".join(map(str, about)).encode()
    return (zlib.crc32(text[::-1], zlib.crc32(text)) & 0xFFFFFFFF) / 2**32


@dataclass
class Chaos:
    """Decides what goes wrong.

    Attributes
    ----------
    chosen : the faults by their points, where they are listed.
    share : of the points at which something goes wrong, where they are drawn from `seed`.
    focus, focus_share : the same for the points whose name has this in it.
    without : faults that are not drawn.
    most : of the faults that are drawn.
    seen : every point that was asked about, and what could go wrong there; kept where `watch` is set.
    """

    seed: int = 0
    chosen: Mapping[str, Fault] = field(default_factory=dict)
    share: float = 0.0
    focus: str = ""
    focus_share: float = 0.0
    without: frozenset[Fault] = frozenset()
    most: int = 8
    on: bool = True
    watch: bool = False
    happened: dict[str, Fault] = field(default_factory=dict)
    seen: dict[str, Sequence[Fault]] = field(default_factory=dict)

    def decide(self, point: str, options: Sequence[Fault]) -> Fault | None:
        """What goes wrong at this point."""
        if not self.on:
            return None
        if self.watch:
            self.seen[point] = options
        found = self.chosen.get(point)
        if found is None and self.share and len(self.happened) < self.most:
            found = self._drawn(point, options)
        if found is not None and found in options:
            self.happened[point] = found
            return found
        return None

    def _drawn(self, point: str, options: Sequence[Fault]) -> Fault | None:
        share = self.focus_share if self.focus and self.focus in point else self.share
        drawn = fraction(self.seed, point)
        if drawn >= share:
            return None
        left = [fault for fault in options if fault not in self.without]
        return left[int(drawn / share * len(left))] if left else None

    def jitter(self, point: str, most: float) -> float:
        """A delay from 0 to `most` seconds, the same for the same seed and point."""
        return most * fraction(self.seed, "jitter", point)


STATES = ("Claim", "Validate", "Train", "Evaluate", "Promote", "Watch", "RollBack", "Record", "Notify")
SERVICES = ("s3.", "dynamodb.", "kms.", "sns.", "sqs.", "stepfunctions.", "lambda.")
FOCI = ("", "", *STATES, *SERVICES, "entered", "invoke", "event", "start")
"""Parts of the names of points."""


def swarm(seed: int) -> Chaos:
    """Faults for a seed: some kinds only, and half of the time mostly at one state.

    Not every kind in every schedule finds more (Groce et al., "Swarm Testing", ISSTA 2012).
    """
    focus = FOCI[int(fraction(seed, "focus") * len(FOCI))]
    without = frozenset(fault for fault in Fault if fraction(seed, "without", fault.name) < 0.4)
    share = 0.004 if focus else (0.005, 0.02, 0.05)[int(fraction(seed, "share") * 3)]
    return Chaos(seed=seed, share=share, focus=focus, focus_share=0.15, without=without)
