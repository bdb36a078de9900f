"""Work on the local cloud that is done once, and begins as soon as the cloud is up.

Most of an end-to-end test's time is waiting for runs. Where tests begin before it is their turn, they wait together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from tests.e2e.loop import LocalLoop

Made = TypeVar("Made")
Work = Callable[[LocalLoop], Made]

_LONGEST: list[Work[Any]] = []
_OTHERS: list[Work[Any]] = []


def once(work: Work[Made]) -> Work[Made]:
    """However many ask for what `work` makes of a cloud, it is made once."""

    @functools.wraps(work)
    def made(loop: LocalLoop) -> Made:
        return loop.once(work)

    return made


def early(work: Work[Made]) -> Work[Made]:
    """A test, or what a fixture makes: once for a cloud, and begun as soon as the cloud is up.

    It uses a pipeline that no other work uses at the same time.
    """
    _OTHERS.append(work)
    return once(work)


def earliest(work: Work[Made]) -> Work[Made]:
    """The same for what takes longest: it begins before the others."""
    _LONGEST.append(work)
    return once(work)


def early_works(modules: Collection[str]) -> list[Work[Any]]:
    """What begins early for tests of these modules, in its order."""
    return [work for work in (*_LONGEST, *_OTHERS) if work.__module__ in modules]
