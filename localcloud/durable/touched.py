"""Which entries of MiniStack's stores may have changed: those that were read or written through them.

A service's stores are dictionaries by account and region. Whoever changes an entry has got it from there first; who
only reads it is taken along, since an entry that is the same is not written again. What was touched by nothing but
requests that read is apart: to see that an entry is the same takes as long as to write it, and most requests read.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

ALL = object()
"""In the place of a key: any of them."""
_BY_KEY = ("__getitem__", "__setitem__", "__delitem__", "get", "pop", "setdefault")
_BY_SCOPED_KEY = ("get_scoped", "set_scoped", "pop_scoped")
_ALL = ("values", "items", "values_scoped", "items_scoped", "all_values", "all_items", "update", "clear")

Touch = tuple[Any, Any]
"""A store, and the key of an entry with its account and region."""


class Touched:
    """What was touched since it was last asked for, by everybody and by one request."""

    def __init__(self) -> None:
        self._by_anybody: dict[tuple[int, Any], Touch] = {}
        self._by_readers: dict[tuple[int, Any], Touch] = {}
        self._lock = threading.Lock()

    def add(self, store: Any, key: Any) -> None:
        """Note an entry."""
        touch = (id(store), key)
        with self._lock:
            (self._by_readers if _READS.get() else self._by_anybody)[touch] = (store, key)
        mine = _MINE.get()
        if mine is not None and not mine.answered and key is not ALL:
            mine.touches[touch] = (store, key)

    def take(self) -> list[Touch]:
        """What anybody touched since the last time, but for requests that read."""
        with self._lock:
            found, self._by_anybody = list(self._by_anybody.values()), {}
        return found

    def take_read(self) -> list[Touch]:
        """What requests that read touched since the last time."""
        with self._lock:
            found, self._by_readers = list(self._by_readers.values()), {}
        return found


@dataclass
class OneRequest:
    """What one request has touched until it was answered; what it has started goes on in a copy of its context."""

    touches: dict[tuple[int, Any], Touch] = field(default_factory=dict)
    answered: bool = False

    def so_far(self) -> list[Touch]:
        """The entries, while other threads of the request may touch more."""
        return list(self.touches.values())


_MINE: ContextVar[OneRequest | None] = ContextVar("touched_by_this_request", default=None)
_READS: ContextVar[bool] = ContextVar("this_request_only_reads", default=False)


@contextmanager
def one_request() -> Iterator[OneRequest]:
    """Collects what is touched in here, in threads as well that have a copy of this context."""
    mine = OneRequest()
    token = _MINE.set(mine)
    try:
        yield mine
    finally:
        mine.answered = True
        mine.touches.clear()
        _MINE.reset(token)


@contextmanager
def only_reading() -> Iterator[None]:
    """Notes what is touched in here, in threads as well that have a copy of this context, as read."""
    token = _READS.set(True)
    try:
        yield
    finally:
        _READS.reset(token)


def reading(method: Callable[..., Any]) -> Callable[..., Any]:
    """A function of MiniStack's that only reads what it touches, whoever calls it; the pollers of queues do so all the
    time."""

    @functools.wraps(method)
    def read(*given: Any, **named: Any) -> Any:
        with only_reading():
            return method(*given, **named)

    return read


def watch(touched: Touched) -> None:
    """Have MiniStack's dictionaries say what is touched in them."""
    for kind in (AccountScopedDict, AccountRegionScopedDict):
        for name in _BY_KEY:
            setattr(kind, name, _noting_key(touched, getattr(kind, name)))
        for name in _BY_SCOPED_KEY:
            setattr(kind, name, _noting_scoped_key(touched, getattr(kind, name), kind is AccountRegionScopedDict))
        for name in _ALL:
            if hasattr(kind, name):
                setattr(kind, name, _noting_all(touched, getattr(kind, name)))


def _noting_key(touched: Touched, method: Callable[..., Any]) -> Callable[..., Any]:
    def noting(self: Any, key: Any, *rest: Any) -> Any:
        touched.add(self, self._scoped(key))
        return method(self, key, *rest)

    return noting


def _noting_scoped_key(touched: Touched, method: Callable[..., Any], regional: bool) -> Callable[..., Any]:
    def noting(self: Any, account: str, region: str, key: Any, *rest: Any) -> Any:
        touched.add(self, (account, region, key) if regional else (account, key))
        return method(self, account, region, key, *rest)

    return noting


def _noting_all(touched: Touched, method: Callable[..., Any]) -> Callable[..., Any]:
    def noting(self: Any, *rest: Any) -> Any:
        touched.add(self, ALL)
        return method(self, *rest)

    return noting
