"""Composite alarms ring by their rule; a suppressor holds their actions back."""

from __future__ import annotations

import numpy as np
import pytest

from contender.errors import InvalidInputError
from localcloud.alarms.composites import Suppressor, actions_at, evaluate_rule


def steps(text: str) -> np.ndarray:
    return np.array([letter == "X" for letter in text])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('ALARM("a") AND ALARM("b")', "...X"),
        ('ALARM("a") OR ALARM(b)', ".XXX"),
        ('ALARM("a") AND NOT ALARM("b")', ".X.."),
        ('(ALARM("a") OR ALARM("b")) AND OK("a")', "..X."),
        ('OK("a") AND OK("b") OR ALARM("a") AND ALARM("b")', "X..X"),
        ("NOT FALSE", "XXXX"),
    ],
)
def test_a_rule_joins_the_states_of_other_alarms(rule: str, expected: str) -> None:
    ringing = {"a": steps(".X.X"), "b": steps("..XX")}
    assert evaluate_rule(rule, ringing).tolist() == steps(expected).tolist()


@pytest.mark.parametrize("rule", ['ALARM("c")', 'ALARM("a") AND', '(ALARM("a")', 'ALARM("a") ALARM("a")', "a"])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(InvalidInputError, match="alarm rule"):
        evaluate_rule(rule, {"a": steps("X")})


@pytest.mark.parametrize(
    ("ringing", "suppressor", "wait", "extension", "acted"),
    [
        ("..XX..XX", "........", 0, 0, [2, 6]),
        # The alarm waits for the suppressor, which does not come: it acts when the waiting is over.
        ("..XXXX", "......", 2, 2, [4]),
        # It comes within the wait, and stays as long as the alarm.
        ("..XXXX", "...XXX", 2, 2, []),
        # It has been there before, and ends: after the extension the alarm acts, if it goes on.
        ("..XXXXXX", "XXXX....", 2, 2, [6]),
        ("..XXX...", "XXXX....", 2, 2, []),
        # An alarm that is over before the waiting is over tells nobody.
        ("..X...", "......", 2, 2, []),
    ],
)
def test_a_suppressor_holds_back_while_it_rings_and_a_little_longer(
    ringing: str, suppressor: str, wait: int, extension: int, acted: list[int]
) -> None:
    assert actions_at(steps(ringing), Suppressor(steps(suppressor), wait, extension)) == acted
