"""Runs several actors at once in an order that the test chooses, switching at every call of a port: no chance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

Choose = Callable[[int], int]
"""Given how many actors could go on, the position of the one that does."""


class _Actor(threading.Thread):
    """A thread that stops before every call of a port until it is told to go on."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.go = threading.Semaphore(0)
        self.stopped = threading.Semaphore(0)
        self.finished = False
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        self.go.acquire()
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error
        self.finished = True
        self.stopped.release()

    def wait_for_turn(self) -> None:
        self.stopped.release()
        self.go.acquire()

    def step(self) -> None:
        self.go.release()
        self.stopped.acquire()


class Stepped:
    """A port whose every call waits for the calling actor's turn."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any, **named: Any) -> Any:
            current = threading.current_thread()
            if isinstance(current, _Actor):
                current.wait_for_turn()
            return method(*arguments, **named)

        return call


def interleave(works: Sequence[Callable[[], Any]], choose: Choose) -> list[Any]:
    """The result of each work, or the exception that it ended with."""
    actors = [_Actor(work) for work in works]
    for actor in actors:
        actor.start()
    while unfinished := [actor for actor in actors if not actor.finished]:
        unfinished[choose(len(unfinished))].step()
    return [actor.error if actor.error is not None else actor.result for actor in actors]
