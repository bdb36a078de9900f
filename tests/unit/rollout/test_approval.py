"""Asking a person: about which challenger, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.rollout.approval import asks_a_person, still_asks
from contender.workflow.messages import Drift

MOVED, SAME = Drift(True, True, "amount moved"), Drift(False, False, "same")
ASKED = ApprovalRequest("run-1", "v2", "the token", "2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00")


@pytest.mark.parametrize(
    ("policy", "asks"),
    [
        ("never", {"wins": False, "inconclusive": False, "loses": False}),
        ("inconclusive", {"wins": False, "inconclusive": True, "loses": False}),
        ("always", {"wins": True, "inconclusive": True, "loses": False}),
    ],
)
def test_a_person_is_asked_as_the_pipeline_file_says_and_never_about_one_that_lost(policy: str, asks: Any) -> None:
    assert {verdict: asks_a_person(verdict, RolloutPolicy(approval=policy)) for verdict in asks} == asks


@pytest.mark.parametrize(
    ("drift", "waited", "asks"), [(MOVED, True, False), (SAME, True, True), (MOVED, False, True), (None, False, True)]
)
def test_a_challenger_that_waited_is_not_asked_about_when_a_newer_one_is_about_to_be_trained(
    drift: Drift | None, waited: bool, asks: bool
) -> None:
    policy = RolloutPolicy(approval="inconclusive")
    assert asks_a_person("inconclusive", policy, drift=drift, waited=waited) is asks


def test_a_winner_that_waited_is_asked_about_all_the_same() -> None:
    assert asks_a_person("wins", RolloutPolicy(approval="always"), drift=MOVED, waited=True)


@pytest.mark.parametrize(
    ("answer", "now", "asks"),
    [
        ("", "2026-01-01T10:30:00+00:00", True),
        ("", "2026-01-01T12:30:00+00:00", True),
        ("", "2026-01-01T13:00:00+00:00", False),
        ("approved", "2026-01-01T10:30:00+00:00", False),
    ],
)
def test_a_question_is_open_until_it_is_answered_or_long_over(answer: str, now: str, asks: bool) -> None:
    assert still_asks(replace(ASKED, answer=answer), datetime.fromisoformat(now)) is asks
