"""A sign of life while nothing is said: a line that turns in a terminal, dots in a log, which has no such line."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.text import Text

from contender.cli.console import console

SECONDS = 1.5
"""Of silence before a dot: no wait of more than two seconds is without one."""


class Dots:
    """Dots on standard error while the block runs, one for each `SECONDS` in which nothing was said.

    Examples
    --------
    >>> with Dots(seconds=60.0) as dots:
    ...     dots.end_line()  # before each line that is printed
    """

    def __init__(self, log: TextIO | None = None, *, seconds: float = SECONDS) -> None:
        self._log = log or sys.stderr
        self._seconds = seconds
        self._said = time.monotonic()
        self._begun = False
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Dots:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.end_line()

    def end_line(self) -> None:
        """End the line of dots, if there is one: something else is said next."""
        with self._lock:
            if self._begun:
                self._log.write("\n")
                self._log.flush()
            self._begun, self._said = False, time.monotonic()

    def _beat(self) -> None:
        while not self._over.wait(max(0.0, self._said + self._seconds - time.monotonic())):
            with self._lock:
                if time.monotonic() - self._said >= self._seconds:
                    self._log.write(".")
                    self._log.flush()
                    self._begun, self._said = True, time.monotonic()


@contextmanager
def alive(what: str) -> Iterator[None]:
    """Show that something is done while the block runs.

    Parameters
    ----------
    what : in a terminal it stands beside what turns, such as "reading July's flights".
    """
    if console.is_terminal:
        with console.status(Text(what)):
            yield
    else:
        with Dots():
            yield
