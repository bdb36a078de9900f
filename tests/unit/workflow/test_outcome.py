"""How a run ended, read off its state."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from contender.workflow.messages import (
    Approval,
    Claim,
    Comparison,
    Drift,
    Failure,
    Promotion,
    Record,
    Rehearsal,
    Request,
    Rollback,
    RunState,
    Validation,
    Verdict,
    Watch,
)
from contender.workflow.outcome import compose_mail, conclude, next_step, run_record

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
            "The waiting challenger could not be compared again: E: c",
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
        (
            {"claim": CLAIM},
            "failed",
            "The run ended without a verdict; see its execution in the Step Functions console.",
        ),
        ({"claim": CLAIM, "validation": DATA, "drift": MOVED}, "failed", "The run ended without a verdict"),
    ],
)
def test_a_run_ends_with_one_verdict_and_its_reason(sections: dict[str, Any], verdict: str, reason: str) -> None:
    found, said = conclude(state(**sections))
    assert found == verdict
    assert said.startswith(reason)


@pytest.mark.parametrize("case", ROLLOUT)
def test_the_way_to_production_ends_with_one_verdict_and_its_reason(case: str) -> None:
    sections, verdict, reason = ROLLOUT[case]
    found, said = conclude(state(**sections))
    assert found == verdict
    assert said.startswith(reason)


@pytest.mark.parametrize("case", ROLLOUT)
def test_whatever_ends_on_the_way_to_production_is_worth_a_mail(case: str) -> None:
    sections, verdict, reason = ROLLOUT[case]
    mail = compose_mail(state(**sections, record=Record(verdict, reason, champion_after="v1")), environment="local")  # type: ignore[arg-type]
    assert mail is not None
    assert mail.subject == f"[contender] shop: {verdict.replace('_', ' ')}"
    assert reason in mail.body
    assert "{" not in mail.body


NEXT_STEPS = {
    "bad in serving": "contender retrain --pipeline shop",
    "a canary that was worse": "never promoted automatically again",
    "a canary that saw no traffic": "not shown to be worse",
    "rolled back before": "needs approval",
    "a rollback that was refused": "Nothing was changed",
    "a rollback that somebody asked for": "contender show run-1",
    "a person said no": "Nothing to do",
}


@pytest.mark.parametrize("case", NEXT_STEPS)
def test_the_mail_says_what_to_do_in_each_case(case: str) -> None:
    sections, verdict, reason = ROLLOUT[case]
    mail = compose_mail(state(**sections, record=Record(verdict, reason)), environment="local")  # type: ignore[arg-type]
    assert mail is not None
    assert NEXT_STEPS[case] in mail.body
    assert run_record(state(**sections), seconds=1, champion_after="v1")["next_step"] in mail.body


@pytest.mark.parametrize(("champion", "said"), [("v1", True), (None, False)])
def test_a_mail_says_that_the_champion_keeps_serving_only_where_there_is_one(champion: str | None, said: bool) -> None:
    mail = compose_mail(state(record=Record("failed", "the reason", champion_after=champion)), environment="local")
    assert mail is not None
    assert ("The champion keeps serving." in mail.body) == said


def test_a_rollback_without_a_claim_says_who_was_champion_before() -> None:
    before = {
        case: run_record(state(rollback=one), seconds=1, champion_after="v1")["champion_before"]
        for case, one in {
            "rolled back": BACK,
            "trial ended": ENDED,
            "refused": NOT_BACK,
        }.items()
    }
    assert before == {"rolled back": "v2", "trial ended": "v1", "refused": "v2"}


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
        "next_step": "Nothing to do. If predictions look wrong: contender rollback --pipeline shop",
        "rollback": None,
        "lost_task": None,
        "started_at": "2026-01-01T00:00:00Z",
        "seconds": 1.235,
    }


def test_a_record_of_a_run_that_broke_at_once_has_the_same_keys() -> None:
    empty = run_record(state(failure=Failure()), seconds=0, champion_after=None)
    full = run_record(state(claim=CLAIM, validation=DATA, comparison=WINS), seconds=0, champion_after=None)
    assert set(empty) == set(full)
    assert (empty["verdict"], empty["dataset_version"], empty["champion_before"]) == ("failed", None, None)


def test_the_first_champion_has_none_before_it_to_be_rolled_back_to() -> None:
    promotion = Promotion("promoted", "v2 is the first champion.", "v2")
    first = {"claim": replace(CLAIM, champion_before=None), "comparison": WINS, "promotion": promotion}
    assert run_record(state(**first), seconds=1, champion_after="v2")["next_step"] == "Nothing to do."
    later = first | {"claim": CLAIM}
    assert "contender rollback" in run_record(state(**later), seconds=1, champion_after="v2")["next_step"]


def test_a_record_keeps_how_long_a_task_ran_that_left_no_model_and_what_became_of_a_rollback() -> None:
    cause = '{"StoppedReason": "Task failed", "StartedAt": 1767225600000, "StoppedAt": 1767225690500}'
    lost = run_record(state(training_failure=Failure("States.TaskFailed", cause)), seconds=1, champion_after=None)
    assert lost["lost_task"] == {"seconds": 90.5}
    refused = run_record(state(rollback=NOT_BACK), seconds=1, champion_after="v2")
    assert (refused["rollback"], refused["lost_task"]) == ("refused", None)


@pytest.mark.parametrize("verdict", ["promoted", "inconclusive", "quarantined", "failed"])
def test_a_run_worth_a_mail_says_what_happened_and_what_to_do(verdict: Any) -> None:
    mail = compose_mail(state(record=Record(verdict, "the reason", champion_after="v2")), environment="local")
    assert mail is not None
    assert mail.subject == f"[contender] shop: {verdict}"
    for part in ("shop", "run-1", verdict, "v2", "the reason"):
        assert part in mail.body
    assert "{" not in mail.body


@pytest.mark.parametrize("key", ["runs/shop/run-1/report.html", ""])
def test_a_mail_says_how_to_read_the_runs_report_and_where_it_lies_if_there_is_one(key: str) -> None:
    mail = compose_mail(state(record=Record("failed", "the reason", report=key)), environment="local")
    assert mail is not None
    assert "contender show run-1 --open" in mail.body
    assert ("report.html in the data bucket" in mail.body) == bool(key)


@pytest.mark.parametrize("verdict", ["retained", "skipped", "duplicate"])
def test_a_run_that_changed_nothing_is_worth_no_mail(verdict: Any) -> None:
    assert compose_mail(state(record=Record(verdict, "r")), environment="local") is None


def test_a_challenger_that_has_to_wait_on_is_worth_a_mail_only_when_the_run_trained_one() -> None:
    record = Record("inconclusive", "r")
    assert compose_mail(state(drift=WAITS, record=record), environment="local") is None
    assert compose_mail(state(drift=replace(WAITS, retrain=True), record=record), environment="local") is not None
    assert compose_mail(state(drift=WAITS, record=Record("promoted", "r")), environment="local") is not None


def test_a_run_without_a_record_is_worth_no_mail() -> None:
    assert compose_mail(state(), environment="local") is None


def test_a_subject_fits_into_what_sns_takes() -> None:
    request = Request("a" * 30, "upload")
    mail = compose_mail(RunState(request, "run-1", "now", record=Record("inconclusive", "r")), environment="local")
    assert mail is not None
    assert len(mail.subject) <= 100
    assert mail.subject.isascii()


def test_an_upload_that_was_given_up_stands_in_the_record_and_is_mailed_whatever_the_verdict() -> None:
    claim = replace(CLAIM, given_up=("incoming/shop/poison.csv",))
    sections = {"claim": claim, "validation": DATA, "drift": Drift(False, False, "No drift.")}
    record = run_record(state(**sections), seconds=1.0, champion_after="v1")
    assert (record["verdict"], record["given_up"]) == ("skipped", ["incoming/shop/poison.csv"])
    assert "No drift. Removed from the queue" in record["reason"]
    mail = compose_mail(state(**sections, record=Record("skipped", record["reason"])), environment="local")
    assert mail is not None
    assert "poison.csv" in mail.body
    assert "upload the file again" in mail.body


@pytest.mark.parametrize("verdict", sorted(get_args(Verdict)))
def test_every_command_in_a_mail_of_an_environment_on_aws_names_it(verdict: Verdict) -> None:
    """A mail is read where `--env` means local."""
    said = next_step(state(), verdict, environment="prod")
    mail = compose_mail(state(record=Record(verdict, "the reason")), environment="prod")
    for text in filter(None, (said, mail.body if mail else "")):
        commands = re.findall(r"contender [a-z-]+ .*?(?:[.](?: |$)|$)", text, re.MULTILINE)
        assert all("--env prod" in command for command in commands), commands
    assert "--env" not in next_step(state(), verdict)


@pytest.mark.parametrize("drifted", [True, False])
def test_drift_in_rows_without_labels_is_mailed_because_nothing_can_be_trained_for_it(drifted: bool) -> None:
    found = state(
        validation=Validation("accepted", "", unlabelled=("a1",)),
        drift=Drift(False, drifted, "amount moved"),
        record=Record("skipped", "amount moved", champion_after="v1"),
    )
    mail = compose_mail(found, environment="local")
    assert (mail is not None) is drifted
    if mail is not None:
        assert mail.subject.endswith("drift in rows without labels")
        assert "The champion keeps serving. Upload these rows again as soon as their labels are known" in mail.body
