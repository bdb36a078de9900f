"""Which runs are told, how urgently, and what their mails say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contender.mails.place import Place
from contender.mails.run_mails import run_mail
from contender.workflow.messages import Drift, Record, Request, RunState, Validation
from contender.workflow.outcome import next_steps, run_record
from tests.unit.workflow.runs import ASKED, BACK, CANARY, CLAIM, DATA, NOT_BACK, ROLLOUT, UNCLEAR, WAITS, WINS, state

HERE = Place("prod", "shop", "contender-prod", "eu-west-1", "111122223333")

TOLD: dict[str, tuple[str, str]] = {
    "bad in serving": ("ticket", "rehearsal failed, v2 was not promoted"),
    "nobody answered about one that could not be told": ("ticket", "no answer in time, v2 was not promoted"),
    "nobody answered about a winner": ("ticket", "no answer in time, v2 was not promoted"),
    "a person said no": ("info", "v2 was rejected by Ada"),
    "a person said yes": ("info", "promoted v2"),
    "a person said yes and the race was lost for good": ("info", "v2 was not promoted"),
    "a yes to the first question is none to the second": ("ticket", "no answer in time, v2 was not promoted"),
    "a canary that passed": ("info", "promoted v2 (AUC +0.1)"),
    "a canary that was worse": ("ticket", "trial of v2 ended, v1 serves"),
    "a canary that saw no traffic": ("ticket", "trial of v2 ended, v1 serves"),
    "a canary that somebody took out before Watch": ("info", "v2 was not promoted"),
    "a canary that passed and lost the race": ("info", "v2 was not promoted"),
    "rolled back before": ("ticket", "v2 was rolled back before and was not promoted"),
    "a rollback that somebody asked for": ("info", "rolled back to v1"),
    "a trial that somebody ended": ("info", "trial of v2 ended, v1 serves"),
    "a rollback that was refused": ("ticket", "rollback refused, nothing was changed"),
}


def ended(sections: dict[str, Any], verdict: Any, reason: str = "Because.") -> RunState:
    return state(**sections, record=Record(verdict, reason, champion_after="v1"))


@pytest.mark.parametrize("case", ROLLOUT)
def test_whatever_ends_on_the_way_to_production_is_told_but_for_failures_which_their_alarm_tells(case: str) -> None:
    sections, verdict, reason = ROLLOUT[case]
    found = ended(sections, verdict, reason)
    mail = run_mail(found, HERE)
    assert (mail is None) == (case not in TOLD)
    if mail is None:
        assert verdict == "failed"
        return
    severity, fact = TOLD[case]
    assert (mail.severity, mail.subject) == (severity, f"[{severity}] prod shop: {fact}")
    assert reason in mail.body
    for line in next_steps(found, verdict, environment="prod"):
        assert line in mail.body


@pytest.mark.parametrize("rollback", [BACK, NOT_BACK])
def test_a_rollback_by_an_alarm_is_told_by_the_alarms_mail_alone(rollback: Any) -> None:
    found = ended({"rollback": rollback}, "rolled_back" if rollback is BACK else "failed")
    assert run_mail(found, HERE) is not None
    assert run_mail(replace(found, request=Request("shop", "alarm")), HERE) is None


@pytest.mark.parametrize(
    ("sections", "verdict"),
    [
        ({"claim": CLAIM, "failure": None}, "failed"),
        ({"claim": CLAIM, "comparison": WINS, "promotion": CANARY}, "failed"),
        ({"claim": CLAIM, "comparison": replace(UNCLEAR, needs_approval=False)}, "inconclusive"),
        ({"claim": CLAIM, "drift": WAITS, "comparison": UNCLEAR}, "inconclusive"),
        ({"claim": CLAIM, "comparison": WINS}, "retained"),
        ({"claim": CLAIM, "drift": Drift(False, False, "same")}, "skipped"),
        ({}, "duplicate"),
    ],
)
def test_a_run_that_asks_nothing_of_anybody_is_told_by_the_digest_or_an_alarm(
    sections: dict[str, Any], verdict: str
) -> None:
    assert run_mail(ended(sections, verdict), HERE) is None


def test_a_run_without_a_record_is_worth_no_mail() -> None:
    assert run_mail(state(), HERE) is None


def test_who_was_asked_for_approval_hears_the_outcome() -> None:
    assert run_mail(ended(ASKED, "inconclusive"), HERE) is None, "that it asks is told by Approval"
    assert run_mail(ended(ROLLOUT["a person said no"][0], "retained"), HERE) is not None


def test_a_refused_upload_is_named_in_the_subject() -> None:
    found = {"claim": CLAIM, "validation": Validation("quarantined", "No column late.", quarantined_files=1)}
    mail = run_mail(ended(found, "quarantined", "No column late."), HERE)
    assert mail is not None
    assert mail.subject == "[ticket] prod shop: 1 file refused (a.csv)"
    assert "Evidence: No column late." in mail.body
    assert "Automatically: Model version v1 keeps serving." in mail.body


def test_an_upload_that_was_given_up_is_told_whatever_the_verdict() -> None:
    claim = replace(CLAIM, given_up=("incoming/shop/poison.csv",))
    sections = {"claim": claim, "validation": DATA, "drift": Drift(False, False, "No drift.")}
    for verdict in ("skipped", "failed", "promoted"):
        mail = run_mail(ended(sections, verdict), HERE)
        assert mail is not None
        assert mail.subject == "[ticket] prod shop: 1 upload given up: poison.csv"
        assert "upload the file again" in mail.body
        assert mail.body.count("contender runs --pipeline shop --env prod") == 1


@pytest.mark.parametrize("drifted", [True, False])
def test_drift_in_rows_without_labels_is_told_because_nothing_can_be_trained_for_it(drifted: bool) -> None:
    sections = {
        "validation": Validation("accepted", "", unlabelled=("a1",)),
        "drift": Drift(False, drifted, "amount moved"),
    }
    mail = run_mail(ended(sections, "skipped", "amount moved"), HERE)
    assert (mail is not None) is drifted
    if mail is not None:
        assert mail.subject == "[ticket] prod shop: drift in rows without labels"
        assert "Upload these rows again as soon as their labels are known" in mail.body


@pytest.mark.parametrize("champion", ["v1", None])
def test_that_the_champion_keeps_serving_is_said_only_where_there_is_one(champion: str | None) -> None:
    record = Record("quarantined", "Because.", champion_after=champion)
    mail = run_mail(state(claim=CLAIM, record=record), HERE)
    assert mail is not None
    assert (f"Model version {champion} keeps serving." in mail.body) == bool(champion)


def test_a_mail_from_the_laptop_leads_to_commands_and_one_from_aws_to_the_console() -> None:
    found = ended(ROLLOUT["a canary that passed"][0], "promoted")
    local, aws = run_mail(found, Place("local", "shop")), run_mail(found, HERE)
    assert local is not None
    assert aws is not None
    assert "Run: contender show run-1 --open\n" in local.body
    assert (
        "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/"
        "arn:aws:states:eu-west-1:111122223333:execution:contender-prod-shop-continuous-training:run-1\n"
    ) in aws.body
    assert "Report: contender show run-1 --env prod --open\n" in aws.body


def test_live_drift_that_finds_no_labels_is_a_ticket_with_its_evidence_and_how_to_send_labels() -> None:
    evidence = {
        "window": "2026-03-02",
        "version": "v1",
        "reason": "Drift in 1 of 2 features.",
        "features": ["amount"],
        "figures": {"rows": 300.0},
    }
    request = Request("shop", "drift-alarm", evidence=evidence)
    drift = Drift(retrain=False, drifted=False, reason="No new data since the champion was trained.")
    found = replace(ended({"claim": CLAIM, "drift": drift}, "skipped", drift.reason), request=request)
    mail = run_mail(found, HERE)
    assert mail is not None
    assert mail.subject == "[ticket] prod shop: drift of live predictions, no labels to train on"
    assert "window 2026-03-02 of version v1: amount (rows 300). Drift in 1 of 2 features." in " ".join(
        mail.body.split()
    )
    assert "POST /v1/feedback" in mail.body


def test_a_caller_whose_labels_were_set_aside_is_named_by_its_hash_with_what_to_do() -> None:
    said = "700 labelled predictions taken from feedback; 300 set aside (caller 3fa4c2b19d07, 300 rows: mean loss 2.1)."
    validation = Validation("nothing_new", said, feedback=said, suspicious_callers=("3fa4c2b19d07",))
    found = state(validation=validation)
    mail = run_mail(
        replace(found, record=Record("skipped", run_record(found, seconds=1.0, champion_after="v1")["reason"])), HERE
    )
    assert mail is not None
    assert (mail.severity, mail.subject) == (
        "ticket",
        "[ticket] prod shop: labels of caller 3fa4c2b19d07 were set aside",
    )
    assert "300 set aside (caller 3fa4c2b19d07" in mail.body.replace("\n", " ").replace("  ", "")
    assert 'trusted_callers = ["3fa4c2b19d07"]' in mail.body
    assert "labelled/shop/set-aside/3fa4c2b19d07/" in mail.body
