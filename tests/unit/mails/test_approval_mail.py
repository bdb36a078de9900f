"""The mail that asks a person: with what evidence, and what to type."""

from __future__ import annotations

from typing import Any

from contender.mails.approval_mail import approval_mail
from contender.mails.place import Place
from contender.ports import ApprovalRequest
from contender.workflow.messages import Claim, Comparison, Rehearsal, Request, RunState

HERE = Place("prod", "shop")
ASKED = ApprovalRequest("run-1", "v2", "the token", "2026-01-01T10:00:00+00:00", "2026-01-01T12:00:00+00:00")
STATE = RunState(
    Request("shop", "upload"),
    "run-1",
    "2026-01-01T09:00:00Z",
    claim=Claim("claimed", "run-1", "shop", "upload", "now", ""),
    comparison=Comparison("inconclusive", "Too few rows to tell.", "v2", "sha", "v1"),
    rehearsal=Rehearsal("passed", "v2 passes the rehearsal: the serving function reproduces all 50 golden requests."),
)

COMPARISON: dict[str, Any] = {
    "metric": "auc",
    "difference": 0.0123456,
    "low": -0.001,
    "high": 0.025,
    "confidence": 0.95,
    "rows": 1234,
    "spending": {"reason": "First comparison."},
    "enough_data": {"status": "failed", "reason": "1,234 rows; the minimum is 2,000."},
    "slices_no_worse": {"status": "passed", "reason": "No slice is worse.", "slices": []},
}


def test_the_mail_has_the_evidence_the_two_answers_and_what_happens_without_one() -> None:
    mail = approval_mail(STATE, ASKED, {"comparison": COMPARISON}, HERE)
    assert (mail.severity, mail.subject) == (
        "ticket",
        "[ticket] prod shop: approve or reject v2 by 12:00 UTC on 1 January 2026",
    )
    for part in (
        "It would replace v1.",
        "without an answer by 12:00 UTC on 1 January 2026 it is not promoted",
        "Improvement (auc): +0.012, 95 % CI −0.001 to 0.025 on 1,234 rows. Too few rows to tell.",
        "1 of 2 guards passed. enough data failed: 1,234 rows; the minimum is 2,000.",
        "v2 passes the rehearsal: the serving function reproduces all 50",
        "contender approve run-1 --pipeline shop --env prod",
        "contender reject run-1 --pipeline shop --env prod",
    ):
        assert part in mail.body


def test_the_mail_has_no_token_with_which_a_reader_could_answer() -> None:
    assert "the token" not in approval_mail(STATE, ASKED, {"comparison": COMPARISON}, HERE).body


def test_a_mail_about_a_first_challenger_without_figures_says_so_much() -> None:
    first = RunState(Request("shop", "manual"), "run-1", "now")
    mail = approval_mail(first, ASKED, {"comparison": {"difference": None}}, HERE)
    assert "It would be the first champion." in mail.body
    assert "Improvement" not in mail.body
