"""Waits for what happens elsewhere, and gives up in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from contender.errors import ContenderError

Found = TypeVar("Found")
POLL_SECONDS = 0.3
WORTH_TELLING = 2.0
"""Seconds; of a longer wait a person is told."""


def until(find: Callable[[], Found | None], *, what: str, seconds: float, show: Console | None = None) -> Found:
    """What `find` answers, as soon as it is something and not false.

    Parameters
    ----------
    show : where the seconds that have passed are shown, and how many it took; nowhere where None.

    Raises
    ------
    ContenderError
        When there is nothing in time.

    Examples
    --------
    >>> until(lambda: 7, what="number", seconds=1.0)
    7
    >>> until(lambda: None, what="number", seconds=0.0)
    Traceback (most recent call last):
        ...
    contender.errors.ContenderError: within 0 s there was no number
    """
    started = time.monotonic()
    shown = show or Console(quiet=True)
    with shown.status(Text(f"waiting for the {what}")) as status:
        while not (found := find()):
            waited = time.monotonic() - started
            if waited >= seconds:
                raise ContenderError(f"within {seconds:.0f} s there was no {what}")
            status.update(Text(f"waiting for the {what}: {waited:.0f} s"))
            time.sleep(POLL_SECONDS)
    waited = time.monotonic() - started
    if waited > WORTH_TELLING:
        shown.print(Text(f"waited {waited:.0f} s for the {what}", style="dim"))
    return found
