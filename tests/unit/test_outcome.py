"""How a run ended, read off its state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contender.messages import Claim, Comparison, Drift, Failure, Promotion, Record, Request, RunState, Validation
from contender.outcome import compose_mail, conclude, run_record

CLAIM = Claim("claimed", "run-1", "shop", "upload", "now", "1 upload", 1, 1, "v1")
DATA = Validation("accepted", "10 rows", ("d1", "d2"), 10)
MOVED = Drift(True, True, "amount moved", ("amount",), 10)
WAITS = Drift(False, False, "same", waiting="v2")
WINS = Comparison("wins", "auc rose.", "v2", "sha", "v1", "etag", "auc", 0.1, 0.05, 0.15)


def state(**sections: Any) -> RunState:
    return RunState(Request("shop", "upload", key="incoming/shop/a.csv"), "run-1", "2026-01-01T00:00:00Z", **sections)


def judged(verdict: Any) -> Comparison:
    return Comparison(verdict, f"it {verdict}", "v2", "sha")


@pytest.mark.parametrize(
    ("sections", "verdict", "reason"),
    [
        ({"claim": Claim("duplicate", "r", "p", "upload", "now", "known")}, "duplicate", "known"),
        ({"claim": CLAIM, "validation": Validation("quarantined", "bad")}, "quarantined", "bad"),
        ({"claim": CLAIM, "validation": Validation("duplicate", "known rows")}, "duplicate", "known rows"),
        ({"claim": CLAIM, "validation": DATA, "drift": Drift(False, False, "same")}, "skipped", "same"),
        ({"claim": CLAIM, "validation": DATA, "drift": MOVED, "comparison": judged("loses")}, "retained", "it loses"),
        ({"claim": CLAIM, "drift": MOVED, "comparison": judged("inconclusive")}, "inconclusive", "it inconclusive"),
        (
            {"claim": CLAIM, "comparison": WINS, "promotion": Promotion("promoted", "v2 replaces v1.", "v2")},
            "promoted",
            "v2 replaces v1. auc rose.",
        ),
        (
            {"claim": CLAIM, "comparison": judged("loses"), "promotion": Promotion("lost_race", "late", "v2")},
            "retained",
            "it loses",
        ),
        (
            {"claim": CLAIM, "drift": WAITS, "waiting_failure": Failure("E", "c")},
            "failed",
            "the challenger that waits could not be judged again: E: c",
        ),
        (
            {"claim": CLAIM, "drift": MOVED, "waiting_failure": Failure("E", "c"), "comparison": judged("loses")},
            "retained",
            "it loses",
        ),
        ({"claim": CLAIM, "drift": WAITS, "comparison": judged("inconclusive")}, "inconclusive", "it inconclusive"),
        ({"claim": CLAIM, "drift": WAITS, "comparison": judged("loses")}, "retained", "it loses"),
        ({"failure": Failure("E", '{"errorMessage": "broke"}')}, "failed", "broke"),
        ({"claim": CLAIM, "validation": DATA, "failure": Failure("E", "c")}, "failed", "E: c"),
        ({"claim": CLAIM}, "failed", "the run ended before it came to a verdict; see its execution history"),
        ({"claim": CLAIM, "validation": DATA, "drift": MOVED}, "failed", "the run ended before it came to a verdict"),
    ],
)
def test_a_run_ends_with_one_verdict_and_its_reason(sections: dict[str, Any], verdict: str, reason: str) -> None:
    found, said = conclude(state(**sections))
    assert found == verdict
    assert said.startswith(reason)


def test_a_record_has_what_the_command_line_promises() -> None:
    promotion = Promotion("promoted", "v2 replaces v1.", "v2", "v1", "swap")
    sections = {"claim": CLAIM, "validation": DATA, "drift": MOVED, "comparison": WINS, "promotion": promotion}
    record = run_record(state(**sections), seconds=1.23456, champion_after="v2")
    assert record == {
        "run_id": "run-1",
        "pipeline": "shop",
        "trigger": "upload",
        "verdict": "promoted",
        "reason": "v2 replaces v1. auc rose.",
        "dataset_version": "d2",
        "dataset_versions": ["d1", "d2"],
        "champion_before": "v1",
        "champion_after": "v2",
        "challenger": "v2",
        "metric": "auc",
        "difference": 0.1,
        "low": 0.05,
        "high": 0.15,
        "drifted_features": ["amount"],
        "source_key": "incoming/shop/a.csv",
        "given_up": [],
        "started_at": "2026-01-01T00:00:00Z",
        "seconds": 1.235,
    }


def test_a_record_of_a_run_that_broke_at_once_has_the_same_keys() -> None:
    empty = run_record(state(failure=Failure()), seconds=0, champion_after=None)
    full = run_record(state(claim=CLAIM, validation=DATA, comparison=WINS), seconds=0, champion_after=None)
    assert set(empty) == set(full)
    assert (empty["verdict"], empty["dataset_version"], empty["champion_before"]) == ("failed", None, None)


@pytest.mark.parametrize("verdict", ["promoted", "inconclusive", "quarantined", "failed"])
def test_a_run_worth_a_mail_says_what_happened_and_what_to_do(verdict: Any) -> None:
    mail = compose_mail(state(record=Record(verdict, "the reason", champion_after="v2")))
    assert mail is not None
    assert mail.subject == f"[contender] shop: {verdict}"
    for part in ("shop", "run-1", verdict, "v2", "the reason"):
        assert part in mail.body
    assert "{" not in mail.body


@pytest.mark.parametrize("verdict", ["retained", "skipped", "duplicate"])
def test_a_run_that_changed_nothing_is_worth_no_mail(verdict: Any) -> None:
    assert compose_mail(state(record=Record(verdict, "r"))) is None


def test_a_challenger_that_has_to_wait_on_is_worth_a_mail_only_when_the_run_trained_one() -> None:
    record = Record("inconclusive", "r")
    assert compose_mail(state(drift=WAITS, record=record)) is None
    assert compose_mail(state(drift=replace(WAITS, retrain=True), record=record)) is not None
    assert compose_mail(state(drift=WAITS, record=Record("promoted", "r"))) is not None


def test_a_run_without_a_record_is_worth_no_mail() -> None:
    assert compose_mail(state()) is None


def test_a_subject_fits_into_what_sns_takes() -> None:
    request = Request("a" * 30, "upload")
    mail = compose_mail(RunState(request, "run-1", "now", record=Record("inconclusive", "r")))
    assert mail is not None
    assert len(mail.subject) <= 100
    assert mail.subject.isascii()


def test_an_upload_that_was_given_up_stands_in_the_record_and_is_mailed_whatever_the_verdict() -> None:
    claim = replace(CLAIM, given_up=("incoming/shop/poison.csv",))
    sections = {"claim": claim, "validation": DATA, "drift": Drift(False, False, "Nothing drifted.")}
    record = run_record(state(**sections), seconds=1.0, champion_after="v1")
    assert (record["verdict"], record["given_up"]) == ("skipped", ["incoming/shop/poison.csv"])
    assert "Nothing drifted. Given up" in record["reason"]
    mail = compose_mail(state(**sections, record=Record("skipped", record["reason"])))
    assert mail is not None
    assert "poison.csv" in mail.body
    assert "upload the file again" in mail.body
