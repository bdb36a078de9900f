"""A batch that looks broken, as the report, the mail and `contender show` tell people of it."""

from __future__ import annotations

from typing import Any

import pytest

from contender.cli.run_view import RunView
from contender.mails.place import Place
from contender.mails.run_mails import run_mail
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.left_out import left_out
from contender.reports.run.page import page
from contender.reports.run.summary import headline, stages
from contender.workflow.messages import Drift, Record, Request, RunState, Validation
from contender.workflow.outcome import next_step

WHY = "98 % of its rows were in 2026-03.csv already."
RECORD = {"verdict": "skipped", "reason": "", "run_id": "r1", "pipeline": "flights"}
DATA = {"status": "accepted", "rows": 400, "rejected_rows": 0, "quarantined_files": 0, "reason": "", "files": []}


def batch(fate: str, *, by: str = "", why: str = WHY) -> dict[str, Any]:
    return {"fate": fate, "sign": "repeated", "reason": why, "by": by, "source": "incoming/flights/2026-04.csv"}


def evidence(decided: dict[str, Any], out: dict[str, Any]) -> RunEvidence:
    drift = {"verdict": "stable", "drifted": False, "features": [], "batches": {"decided": decided, "left_out": out}}
    return RunEvidence(RECORD, {"drift": drift, "validation": DATA})


def test_the_headline_says_that_nothing_was_trained_why_and_who_decides() -> None:
    run = evidence({"d7": batch("set aside")}, {"d7": batch("set aside")})

    assert headline(run) == f"Not trained: the batch looks broken. {WHY} The next batch decides."
    assert (stages(run)[0].tone, stages(run)[0].said) == ("unsure", "looks broken")


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ("set aside", "waits for the next batch"),
        ("left out", "left out of training"),
        ("confirmed", "trained on: the data has changed"),
        ("kept", "trained on"),
    ],
)
def test_the_section_has_each_batch_with_file_decision_and_reason(fate: str, said: str) -> None:
    shown = left_out(evidence({"d7": batch(fate, why="<b>")}, {}))

    assert "<h2>Batches that looked broken</h2>" in shown
    for cell in ("2026-04.csv", said, "&lt;b&gt;", "d7"):
        assert f">{cell}</t" in shown


def test_what_was_left_out_in_an_earlier_run_is_named_for_as_long_as_it_is() -> None:
    run = evidence({}, {"d3": batch("left out", by="Ada")})

    assert "left out of training, decided by Ada" in page(run)
    assert headline(run) == "Skipped: no drift detected."


def test_without_such_batches_there_is_no_section() -> None:
    assert left_out(evidence({}, {})) == ""
    assert left_out(RunEvidence(RECORD, {"drift": {"verdict": "stable"}})) == ""


def test_show_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    feature = {"feature": "delay", "aspect": "values", "drifted": False, "distance": 0.1, "direction": "up"}
    figures = {"effect_floor": 0.1, "adjusted_p_value": 0.5}
    drift = {
        "features": [feature | figures],
        "reason": "",
        "batches": {"decided": {"d7": batch("set aside")}, "left_out": {}},
    }
    RunView(RECORD | {"run_id": "r1"}).print_whole({"drift": drift})

    assert "waits for the next batch: 98 % of its rows" in " ".join(capsys.readouterr().out.split())


def state(**changes: Any) -> RunState:
    drift = Drift(False, False, f"2026-04.csv looks broken. {WHY}", set_aside=("d7",))
    sections = {"drift": drift, "record": Record("skipped", drift.reason, champion_after="v1"), **changes}
    validation = Validation("accepted", "", dataset_versions=("d7",))
    return RunState(Request("flights", "upload"), "r1", "2026-05-01T00:00:00Z", validation=validation, **sections)


def test_one_mail_says_what_to_do_and_what_happens_without_an_answer() -> None:
    mail = run_mail(state(), Place("local", "flights"))

    assert mail is not None
    assert mail.subject == "[ticket] local flights: a batch looks broken, nothing was trained"
    assert WHY in mail.body
    assert "Model version v1 keeps serving." in mail.body
    assert "Look at the file. If it is right: contender dataset keep d7 --pipeline flights\n" in mail.body
    assert "contender dataset leave-out d7 --pipeline flights\n" in mail.body
    assert "Without an answer the next batch decides." in mail.body


def test_a_run_that_skipped_for_another_reason_sends_none() -> None:
    other = state(drift=Drift(False, False, "No drift."))

    assert run_mail(other, Place("local", "flights")) is None
    assert next_step(other, "skipped") == ""
