"""Runs that ended, each in a way of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contender.workflow.messages import (
    Approval,
    Claim,
    Comparison,
    Drift,
    Failure,
    Promotion,
    Rehearsal,
    Request,
    Rollback,
    RunState,
    Validation,
    Watch,
)

CLAIM = Claim("claimed", "run-1", "shop", "upload", "now", "1 upload", 1, 1, "v1")
DATA = Validation("accepted", "10 rows", ("d1", "d2"), 10)
MOVED = Drift(True, True, "amount moved", ("amount",), 10)
WAITS = Drift(False, False, "same", waiting="v2")
WINS = Comparison("wins", "auc rose.", "v2", "sha", "v1", "etag", "auc", 0.1, 0.05, 0.15)
UNCLEAR = Comparison("inconclusive", "Too few rows.", "v2", "sha", needs_approval=True, approval_seconds=7200)
ASKED = {"claim": CLAIM, "comparison": UNCLEAR, "rehearsal": Rehearsal("passed", "as in training")}
NO_ANSWER = Failure("States.Timeout", "")
CANARY = Promotion("canary", "v2 answers 10 %.", "v2", "v1", "swap", "etag", 60)
PROMOTED = Promotion("promoted", "v2 replaces v1.", "v2", "v1", "swap")
LOST = Promotion("lost_race", "v3 is champion by now.", "v2")
REFUSED = Promotion("refused", "v2 was rolled back before.", "v2")
BAKED = {"claim": CLAIM, "comparison": WINS, "promotion": CANARY}
ENDED = Rollback("trial_ended", "v1 answers all requests again.", "v2", "v1", "swap")
BACK = Rollback("rolled_back", "v1 serves again: asked for by Ada.", "v2", "v1", "swap")
NOT_BACK = Rollback("refused", "v1 was rolled back before.", "", "v2")


def state(**sections: Any) -> RunState:
    return RunState(Request("shop", "upload", key="incoming/shop/a.csv"), "run-1", "2026-01-01T00:00:00Z", **sections)


def judged(verdict: Any) -> Comparison:
    return Comparison(verdict, f"it {verdict}", "v2", "sha")


def watched(verdict: Any) -> Watch:
    return Watch(verdict, f"It {verdict}.", 3, "now")


ROLLOUT: dict[str, tuple[dict[str, Any], str, str]] = {
    "bad in serving": (
        {"claim": CLAIM, "comparison": WINS, "rehearsal": Rehearsal("failed", "v2 fails parity.")},
        "stopped",
        "v2 fails parity.",
    ),
    "nobody answered about one that could not be told": (
        ASKED | {"approval_timeout": NO_ANSWER},
        "inconclusive",
        "No answer within 120 minutes: the champion keeps serving. Too few rows.",
    ),
    "nobody answered about a winner": (
        {"claim": CLAIM, "comparison": replace(WINS, approval_seconds=60), "approval_timeout": NO_ANSWER},
        "retained",
        "No answer within 1 minute: the champion keeps serving. auc rose.",
    ),
    "a person said no": (
        ASKED | {"approval": Approval(False, "Ada", "a strike.")},
        "retained",
        "Rejected by Ada: a strike. Too few rows.",
    ),
    "a person said yes": (
        ASKED | {"approval": Approval(True, "Ada"), "promotion": PROMOTED},
        "promoted",
        "v2 replaces v1. Approved by Ada. Too few rows.",
    ),
    "a person said yes and the race was lost for good": (
        {"claim": CLAIM, "approval": Approval(True, "Ada"), "promotion": LOST, "comparison": judged("loses")},
        "retained",
        "it loses",
    ),
    "a yes to the first question is none to the second": (
        ASKED | {"approval": Approval(True, "Ada"), "promotion": LOST, "approval_timeout": NO_ANSWER},
        "inconclusive",
        "No answer within",
    ),
    "a canary that passed": (
        BAKED | {"watch": watched("passed"), "promotion": PROMOTED},
        "promoted",
        "v2 replaces v1. auc rose. It passed.",
    ),
    "a canary that was worse": (
        BAKED | {"watch": watched("worse"), "rollback": ENDED},
        "rolled_back",
        "It worse. v1 answers all requests again.",
    ),
    "a canary that saw no traffic": (
        BAKED | {"watch": watched("undecided"), "rollback": ENDED},
        "rolled_back",
        "It undecided. v1 answers",
    ),
    "a canary that somebody took out before Watch": (
        BAKED | {"watch": watched("worse"), "rollback": NOT_BACK},
        "retained",
        "It worse. v1 was rolled back before.",
    ),
    "a canary that passed and lost the race": (
        BAKED | {"watch": watched("passed"), "promotion": LOST},
        "retained",
        "It passed. v3 is champion by now.",
    ),
    "Watch broke and the trial was ended": (
        BAKED | {"failure": Failure("E", "c"), "rollback": ENDED},
        "failed",
        "E: c v1 answers all requests again.",
    ),
    "rolled back before": ({"claim": CLAIM, "comparison": WINS, "promotion": REFUSED}, "retained", "v2 was rolled"),
    "a rollback that somebody asked for": ({"rollback": BACK}, "rolled_back", "v1 serves again: asked for by Ada."),
    "a trial that somebody ended": ({"rollback": ENDED}, "rolled_back", "v1 answers all requests again."),
    "a rollback that was refused": ({"rollback": NOT_BACK}, "failed", "v1 was rolled back before."),
}
