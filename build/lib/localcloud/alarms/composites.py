"""Composite alarms: the rule over the states of others, and actions that a suppressor holds back.

References
----------
Amazon CloudWatch User Guide, "Combining alarms" and "Suppressing composite alarm actions",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

Mask = NDArray[np.bool_]

_TOKEN = re.compile(r'\s*(?:(ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*"?([^")]+)"?\s*\)|(AND|OR|NOT|TRUE|FALSE)\b|([()]))')


def evaluate_rule(rule: str, ringing: Mapping[str, Mask], fine: Mapping[str, Mask] | None = None) -> Mask:
    """When a composite alarm is in alarm.

    Parameters
    ----------
    rule : such as ``ALARM("a") AND NOT ALARM("b")``.
    ringing : (t,) when each of the alarms that it names is in alarm.
    fine : (t,) when each is OK; without it, whenever it is not in alarm, and INSUFFICIENT_DATA is never.

    Raises
    ------
    InvalidInputError
        When it is no rule, or names an alarm that is not known.

    Examples
    --------
    >>> evaluate_rule('ALARM("a") AND NOT ALARM("b")', {"a": np.array([True, True]), "b": np.array([True, False])})
    array([False,  True])
    """
    length = len(next(iter(ringing.values()), np.zeros(1)))
    known = {name: ~each for name, each in ringing.items()} if fine is None else fine
    return np.broadcast_to(_Rule(rule, ringing, known).whole(), (length,)).copy()


class _Rule:
    def __init__(self, rule: str, ringing: Mapping[str, Mask], fine: Mapping[str, Mask]) -> None:
        self._rule, self._ringing, self._fine = rule, ringing, fine
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, rule.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise InvalidInputError(f"alarm rule {rule!r}: {text[position:][:20]!r} is not known")
            self._tokens.append((found[1] or found[3] or found[4], found[2] or ""))
            position = found.end()

    def whole(self) -> Mask:
        value = self._any()
        if self._tokens:
            raise InvalidInputError(f"alarm rule {self._rule!r}: {self._tokens[0][0]!r} is one too many")
        return value

    def _any(self) -> Mask:
        return self._joined("OR", self._all, np.logical_or)

    def _all(self) -> Mask:
        return self._joined("AND", self._one, np.logical_and)

    def _joined(self, word: str, part: Callable[[], Mask], join: Callable[[Mask, Mask], Mask]) -> Mask:
        value = part()
        while self._tokens and self._tokens[0][0] == word:
            self._tokens.pop(0)
            value = join(value, part())
        return value

    def _one(self) -> Mask:
        if not self._tokens:
            raise InvalidInputError(f"alarm rule {self._rule!r} ends too early")
        word, name = self._tokens.pop(0)
        if word == "NOT":
            return ~self._one()
        if word in ("TRUE", "FALSE"):
            return np.array(word == "TRUE")
        if word == "(":
            value = self._any()
            if not self._tokens or self._tokens.pop(0)[0] != ")":
                raise InvalidInputError(f"alarm rule {self._rule!r}: ')' is missing")
            return value
        if word not in ("ALARM", "OK", "INSUFFICIENT_DATA") or name not in self._ringing:
            raise InvalidInputError(f"alarm rule {self._rule!r}: no alarm {name!r} is known")
        if word == "ALARM":
            return self._ringing[name]
        return self._fine[name] if word == "OK" else ~(self._ringing[name] | self._fine[name])


@dataclass(frozen=True)
class Suppressor:
    """What holds the actions of a composite alarm back.

    Attributes
    ----------
    ringing : (t,) when the suppressor is in alarm.
    wait, extension : steps that the actions wait for the suppressor to begin, and go on waiting after it has ended.
    """

    ringing: Mask
    wait: int
    extension: int


def actions_at(ringing: Mask, suppressor: Suppressor | None = None) -> Sequence[int]:
    """The steps at which a composite alarm, by going into alarm, acts.

    While the suppressor rings, or has rung less than `extension` steps ago, nothing is done. An alarm that begins while
    it does not ring waits for it; if it has not begun by then, the actions are done. They are done late as well when
    the suppressor ends and the alarm goes on, and never for an alarm that has ended meanwhile.

    Examples
    --------
    >>> ringing, other = np.array([0, 1, 1, 1, 0], dtype=bool), np.array([0, 0, 1, 1, 1], dtype=bool)
    >>> actions_at(ringing), actions_at(ringing, Suppressor(other, wait=2, extension=1))
    ([1], [])
    """
    begins = np.flatnonzero(ringing & ~np.concatenate([[False], ringing[:-1]]))
    ends = np.flatnonzero(ringing & ~np.concatenate([ringing[1:], [False]]))
    if suppressor is None:
        return [int(begin) for begin in begins]
    held = suppressor.ringing.copy()
    for later in range(1, suppressor.extension + 1):
        held[later:] |= suppressor.ringing[:-later]
    done = []
    for begin, end in zip(begins, ends, strict=True):
        steps = range(begin, end + 1)
        first = begin if held[begin] else begin + suppressor.wait
        free = next((step for step in steps if step >= first and not held[step]), None)
        if free is not None:
            done.append(int(free))
    return done
