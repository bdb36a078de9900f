"""Asking a person: about which challenger, and with what evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.rollout.approval import LISTED_SLICES, asks_a_person, compose_question, still_asks
from contender.workflow.messages import Claim, Comparison, Drift, Rehearsal, Request, RunState

MOVED, SAME = Drift(True, True, "amount moved"), Drift(False, False, "same")
ASKED = ApprovalRequest("run-1", "v2", "the token", "2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00")
STATE = RunState(
    Request("shop", "upload"),
    "run-1",
    "2026-01-01T09:00:00Z",
    claim=Claim("claimed", "run-1", "shop", "upload", "now", ""),
    comparison=Comparison("inconclusive", "Too few rows to tell.", "v2", "sha", "v1"),
    rehearsal=Rehearsal("passed", "v2 passes the rehearsal: the serving function reproduces all 50 golden requests."),
)


def slice_of(level: str) -> dict[str, Any]:
    return {"column": "carrier", "level": level, "rows": 1200, "status": "not shown", "reason": "Too few rows."}


COMPARISON: dict[str, Any] = {
    "metric": "auc",
    "difference": 0.0123456,
    "low": -0.001,
    "high": 0.025,
    "confidence": 0.95,
    "rows": 1234,
    "spending": {"reason": "First comparison."},
    "enough_data": {"status": "failed", "reason": "1,234 rows; the minimum is 2,000."},
    "slices_no_worse": {"status": "passed", "reason": "No slice is worse.", "slices": [slice_of("A"), slice_of("B")]},
}


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


def test_the_mail_has_the_evidence_the_two_answers_and_what_happens_without_one() -> None:
    mail = compose_question(STATE, ASKED, {"comparison": COMPARISON}, environment="local")
    assert mail.subject == "[contender] shop: approval needed"
    for part in (
        "Approve   v2? It would replace v1.",
        "2026-01-01T12:00:00+00:00",
        "Too few rows to tell.",
        "Improvement (auc): +0.012, 95 % CI −0.001 to 0.025 on 1,234 rows",
        "enough data: failed. 1,234 rows",
        "carrier=A (1,200 rows): too few rows.",
        "v2 passes the rehearsal: the serving function reproduces all 50",
        "contender approve run-1 --pipeline shop",
        "contender reject run-1 --pipeline shop",
        "Without an answer by then it is not promoted",
    ):
        assert part in mail.body


def test_the_mail_has_no_token_with_which_a_reader_could_answer() -> None:
    assert "the token" not in compose_question(STATE, ASKED, {"comparison": COMPARISON}, environment="local").body


def test_a_mail_about_a_first_challenger_without_figures_says_so_much() -> None:
    first = RunState(Request("a" * 60, "manual"), "run-1", "now")
    mail = compose_question(first, ASKED, {"comparison": {"difference": None}}, environment="local")
    assert "It would be the first champion." in mail.body
    assert "Improvement" not in mail.body
    assert len(mail.subject) <= 100


def test_many_slices_are_cut_short() -> None:
    slices = [slice_of(str(level)) for level in range(LISTED_SLICES + 3)]
    mail = compose_question(
        STATE,
        ASKED,
        {"comparison": {"slices_no_worse": {"status": "x", "reason": "y", "slices": slices}}},
        environment="local",
    )
    assert "… and 3 more slices" in mail.body
