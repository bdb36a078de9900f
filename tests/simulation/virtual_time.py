"""Virtual time: actors that take turns in one thread, in the order of a simulated clock.

An actor is a greenlet. It gives way where it sleeps or waits, which the simulated cloud has it do at each AWS call; so
what happens between two calls is one step, and the order of all steps follows from their times. Nothing is left to
the operating system: the same times give the same run.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import greenlet


class Killed(BaseException):
    """Ends an actor where it stands; no `except Exception` of the code under test sees it."""


@dataclass(eq=False)
class Actor:
    """Something that runs: an execution, a function, a task.

    Attributes
    ----------
    label : what addresses of its calls begin with.
    skew : seconds that its clock is ahead.
    """

    label: str
    skew: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    dead: bool = False
    thread: Any = None
    waits_for: int = 0
    """Number of its newest wait; a wake-up for an earlier one comes too late and is ignored."""


@dataclass(eq=False)
class Future:
    """A result that will be there."""

    done: bool = False
    value: Any = None
    error: BaseException | None = None
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def settle(self, value: Any = None, error: BaseException | None = None) -> None:
        """Give the result; a second one is ignored."""
        if self.done:
            return
        self.done, self.value, self.error = True, value, error
        for wake in self.waiting:
            wake()

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Clock:
    """The queue of what is due, and the time of what was last taken from it, in epoch seconds."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._hub = greenlet.getcurrent()
        self.actor: Actor | None = None

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Do this at a time, or now if it is over."""
        heapq.heappush(self._due, (max(when, self.now), next(self._order), what))

    def spawn(self, actor: Actor, work: Callable[[], Any], *, after: float = 0.0) -> Future:
        """Have an actor begin; the future gets what its work returns or raises."""
        future = Future()

        def run() -> None:
            try:
                if not actor.dead:
                    future.settle(work())
            except greenlet.GreenletExit:
                raise
            except BaseException as error:
                future.settle(error=error)
            finally:
                actor.dead = True

        actor.thread = greenlet.greenlet(run, self._hub)
        self.at(self.now + after, lambda: self._resume(actor))
        return future

    def kill(self, actor: Actor) -> None:
        """End an actor at its next turn, without another call of its own."""
        if actor.dead:
            return
        actor.dead = True
        self.at(self.now, lambda: self._end(actor))

    def sleep(self, seconds: float) -> None:
        """Give way for so long; outside of an actor the clock just goes on."""
        if self.actor is None:
            self.now += seconds
            return
        self.wait(Future(), seconds)

    def wait(self, future: Future, seconds: float) -> bool:
        """Give way until there is a result, or for so long; says whether there is one."""
        actor = self.actor
        assert actor is not None
        actor.waits_for += 1
        number = actor.waits_for

        def wake() -> None:
            if actor.waits_for == number:
                self._resume(actor)

        if not future.done:
            future.waiting.append(lambda: self.at(self.now, wake))
            self.at(self.now + seconds, wake)
            self._hub.switch()
            actor.waits_for += 1
            if actor.dead:
                raise Killed
        return future.done

    def run(self) -> None:
        """Until nothing is due any more."""
        while self._due:
            when, _, what = heapq.heappop(self._due)
            self.now = max(self.now, when)
            what()

    def _resume(self, actor: Actor) -> None:
        if actor.thread.dead:
            return
        self.actor = actor
        try:
            actor.thread.switch()
        finally:
            self.actor = None

    def _end(self, actor: Actor) -> None:
        self.actor = actor
        try:
            if actor.thread and not actor.thread.dead:
                actor.thread.throw(Killed)
        finally:
            self.actor = None
