"""Works on the next item while the last one is used: reading, typing and writing share two processors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
AHEAD = 1
"""Items that wait to be used: a batch is in memory while it is read, while it waits and while it is used."""


class _End:
    """That there are no more items, or the error that ended them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(items: Iterable[Item], *, ahead: int = AHEAD) -> Iterator[Item]:
    """The same items, made in a thread of their own; an error is raised where its item would be.

    Examples
    --------
    >>> list(read_ahead(number * number for number in range(4)))
    [0, 1, 4, 9]
    """
    ready: Queue[Item | _End] = Queue(ahead)
    given_up = Event()

    def work() -> None:
        try:
            for item in items:
                ready.put(item)
                if given_up.is_set():
                    return
        except BaseException as error:  # whatever it is, it belongs to who reads
            ready.put(_End(error))
        else:
            ready.put(_End())

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        given_up.set()
        while thread.is_alive():
            try:
                ready.get(timeout=0.05)
            except Empty:
                continue
