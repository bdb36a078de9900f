"""`contender show`: a comparison with the evidence of every guard, and reports from before a guard existed."""

from __future__ import annotations

import json
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.s3 import S3Objects
from contender.cli.run_view import RunView
from contender.comparison.alpha_spending import Earlier
from contender.comparison.compare import compare
from contender.comparison.guards.resources import MIB
from contender.pipeline.promotion_policy import GUARDS, PromotionPolicy
from contender.pipeline.rollout_policy import RolloutPolicy
from contender.ports import ApprovalRequest
from contender.registry.candidate import ModelFacts
from contender.rollout.canary import Alarms, Side, watch
from contender.rollout.golden_requests import Golden
from contender.rollout.rehearsal import rehearse
from contender.workflow.run_folder import RunFolder
from tests.cli.conftest import Contender
from tests.unit.reports.card.samples import CHOICE

RECORD = {"verdict": "retained", "reason": "no better", "run_id": "r1"}


def report() -> dict[str, Any]:
    truth = np.random.default_rng(0).normal(size=600)
    models = [truth[:, None] + error for error in (0.5, 0.51)]
    found = compare(
        truth,
        *models,
        blocks=np.arange(600) // 30,
        policy=PromotionPolicy(rule="proven"),
        earlier=Earlier(("v1", "v2"), ("v2",)),
        challenger_facts=ModelFacts(MIB, 2.0, {"mae": 0.4}),
    )
    loaded: dict[str, Any] = json.loads(json.dumps(found.to_dict()))
    return loaded


def test_how_files_and_their_cells_were_read_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    read = {"key": "incoming/p/a.csv", "read_as": "CSV with commas, UTF-8", "cells": {"price": "decimal comma"}}
    RunView(RECORD).print_whole({"validation": {"files": [read]}})
    assert "a.csv  CSV with commas, UTF-8\n  price: decimal comma" in capsys.readouterr().out


def test_show_tells_every_guards_evidence_and_the_place_in_the_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    RunView(RECORD).print_whole({"comparison": report()})
    shown = " ".join(capsys.readouterr().out.split())
    for title in GUARDS.values():
        assert title in shown
    assert "Third comparison since the last promotion, on rows that 1 earlier comparison used" in shown
    assert "99.72 % CI" in shown  # 1 - 2 x 0.05 / 12 / 3
    assert "passed: A prediction takes 2 ms; the limit is 50 ms." in shown


def test_show_tells_in_one_line_what_was_judged_and_what_serves(capsys: pytest.CaptureFixture[str]) -> None:
    training = {"status": "trained", "train_rows": 23_470, "holdout_rows": 1_840, "holdout_blocks": 7}
    RunView(RECORD).print_whole({"training": training | {"refitted_rows": 25_310}})
    RunView(RECORD).print_whole({"training": training | {"refitted_rows": None}})
    RunView(RECORD).print_whole({"training": {"status": "failed", "reason": "no memory"}})
    shown = " ".join(capsys.readouterr().out.split())
    line = "rows trained on 23,470 rows, judged on 1,840 newer rows in 7 blocks"
    assert shown.count(line) == 2
    assert shown.count(f"{line}, then refitted on all 25,310 rows") == 1


def test_show_tells_why_an_estimator_was_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    training = {"status": "trained", "train_rows": 900, "holdout_rows": 100, "holdout_blocks": 7}
    RunView(RECORD).print_whole({"training": training | {"choice": CHOICE}})
    shown = " ".join(capsys.readouterr().out.split())
    assert "estimator lightgbm is the best of 2 candidates. A linear model would have done." in shown
    assert "linear auc 0.861 0.2 s" in shown
    assert "lightgbm, balanced classes auc 0.865 0.5 s chosen" in shown
    assert "hist_gradient_boosting – – left out: the 60 s were used up" in shown


def test_show_tells_a_rehearsal_and_what_a_person_answered(capsys: pytest.CaptureFixture[str]) -> None:
    predictions = ((0.25, 0.75),)
    golden = Golden(({"rows": [{"amount": 1.5, "carrier": "[A]"}]},), predictions)
    manifest = {"version": "v2", "task": "binary", "classes": ["no", "yes"], "positive": "yes"}
    said = {"prediction": "no", "probability": 0.25, "probabilities": {"no": 0.75, "yes": 0.25}}
    served = {
        "answers": [{"model_version": "v2", "predictions": [said]}],
        "load_ms": 40.0,
        "request_ms": [0.5],
        "memory_mb": 120.0,
        "model_bytes": 4096,
    }
    rehearsal = rehearse(golden, manifest, served, policy=RolloutPolicy(), max_model_mib=200.0)
    asked = ApprovalRequest("r1", "v2", "", "2026-01-01", "2026-01-02", "approved", "Ada", "looks right")
    RunView(RECORD).print_whole({"rehearsal": json.loads(json.dumps(rehearsal.to_dict()))}, asked)
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "fails the rehearsal (parity)",
        "{'amount': 1.5, 'carrier': '[A]'}: served 0.75/0.25, trained 0.25/0.75",
        "answer approved by Ada reason looks right",
    ):
        assert part in shown


NEWER_GUARDS = [name for name in GUARDS if name not in ("enough_data", "beats_baseline", "slices_no_worse")]


def test_show_reads_a_comparison_from_before_guards_and_sequence_were_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = {name: value for name, value in report().items() if name not in ("spending", *NEWER_GUARDS)}
    RunView(RECORD).print_whole({"comparison": old})
    shown = capsys.readouterr().out
    assert "no slice worse" in shown
    assert "latency" not in shown


def test_show_tells_what_watch_saw_of_a_canary(capsys: pytest.CaptureFixture[str]) -> None:
    policy = RolloutPolicy(bake_seconds=600)
    looks = [
        watch(Side(4000, 4), Side(300, 30), policy, look=look, seconds=60.0 * look, alarms=Alarms(note="no alarm here"))
        for look in (1, 2)
    ]
    found = {"champion": "v1", "challenger": "v2", "since": "2026-01-01T12:00:00+00:00"}
    RunView(RECORD).print_whole({"watch": found | {"looks": json.loads(json.dumps([asdict(look) for look in looks]))}})
    shown = " ".join(capsys.readouterr().out.split())
    assert "v2 alongside v1 since 2026-01-01 12:00" in shown
    assert "2, the last after 120 s: worse" in shown
    assert "errors worse: Higher error rate: 10 % of 300 requests vs. 0.1 % of 4,000" in shown
    assert "loss not judged: 0 labels" in shown
    assert "no alarm here" in shown


RUN = "8b2e41c7-1111"
ENDED = {
    "run_id": RUN,
    "pipeline": "sales",
    "trigger": "upload",
    "verdict": "retained",
    "reason": "the challenger is no better",
    "dataset_version": None,
    "champion_before": "v1",
    "champion_after": "v1",
    "started_at": "2026-01-01T10:00:00+00:00",
    "seconds": 12.5,
}


def folder(run_id: str = RUN) -> RunFolder:
    return RunFolder(S3Objects(boto3.client("s3"), "data-bucket"), "sales", run_id)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to show."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


def test_the_page_that_the_run_has_left_is_the_one_that_is_shown(
    ledger: DynamoLedger, contender: Contender, opened: list[str]
) -> None:
    ledger.put_run(ENDED)
    folder().write_page("<p>as it was</p>")
    ended = contender("show", RUN[:8], "--open")
    (address,) = opened
    page = Path(address.removeprefix("file://"))
    assert (ended.code, page.read_text()) == (0, "<p>as it was</p>")
    assert page.name == f"{RUN}.html"
    assert str(page) in ended.out
    assert "retained the challenger is no better" in ended.out


def test_a_run_without_a_page_has_one_made_of_its_files(
    ledger: DynamoLedger, contender: Contender, opened: list[str], tmp_path: Path
) -> None:
    ledger.put_run(ENDED)
    folder().write("comparison.json", report())
    ended = contender("show", RUN, "--report", str(tmp_path / "new" / "run.html"))
    text = (tmp_path / "new" / "run.html").read_text()
    assert (ended.code, opened) == (0, [])
    for part in ("Champion kept: the challenger is not better.", "Champion vs. challenger", "triggered by an upload"):
        assert part in text


@pytest.mark.parametrize("reports", [{}, {"validation.json": {"status": "accepted"}}])
def test_a_run_that_left_no_record_is_shown_by_its_files(
    ledger: DynamoLedger, contender: Contender, tmp_path: Path, reports: dict[str, Any]
) -> None:
    folder().write("batches.json", {"batches": [{"key": "incoming/sales/a.csv", "size": 12}]})
    for name, content in reports.items():
        folder().write(name, content)
    ended = contender("show", RUN[:4], "--report", "run.html")
    assert ended.code == 0
    assert "running No record" in ended.out
    assert "No verdict: the run is in progress or was stopped." in (tmp_path / "run.html").read_text()
    assert json.loads(contender("show", RUN[:4], "--json").out)["verdict"] == "running"


def test_a_run_that_asks_a_person_says_so_in_its_page(
    ledger: DynamoLedger, contender: Contender, tmp_path: Path
) -> None:
    ledger.put_approval("sales", ApprovalRequest(RUN, "v2", "", "2099-01-01T10:00:00Z", "2099-01-01T12:00:00+00:00"))
    assert contender("show", RUN, "--report", "run.html").code == 0
    text = (tmp_path / "run.html").read_text()
    assert "Waiting for approval of the challenger." in text
    assert "pending until 2099-01-01T12:00:00+00:00" in text


def test_json_is_the_record_with_its_reports_whether_or_not_a_page_is_written(
    ledger: DynamoLedger, contender: Contender, tmp_path: Path
) -> None:
    ledger.put_run(ENDED)
    folder().write("comparison.json", report())
    folder().write("curves.json", {"challenger": None})
    plain = json.loads(contender("show", RUN, "--json").out)
    assert plain == ENDED | {"comparison": report()}
    assert json.loads(contender("show", RUN, "--json", "--report", "run.html").out) == plain
    assert (tmp_path / "run.html").is_file()


def test_a_run_that_nobody_knows_is_an_error(ledger: DynamoLedger, contender: Contender) -> None:
    ended = contender("show", "nothing", "--open")
    assert ended.code == 1
    assert "no run starts with 'nothing'" in ended.err
