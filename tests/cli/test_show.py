"""`contender show`: a comparison with the evidence of every guard, and reports from before a guard existed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from contender.cli.run_commands import GUARDS, RunView
from contender.comparison import compare
from contender.guards import MIB, ModelFacts
from contender.ports import ApprovalRequest
from contender.rehearsal import Golden, rehearse
from contender.rollout_policy import RolloutPolicy
from contender.spending import Earlier
from contender.watch import Alarms, Side, watch

RECORD = {"verdict": "retained", "reason": "no better", "run_id": "r1"}


def report() -> dict[str, Any]:
    truth = np.random.default_rng(0).normal(size=600)
    models = [truth[:, None] + error for error in (0.5, 0.51)]
    found = compare(
        truth,
        *models,
        blocks=np.arange(600) // 30,
        earlier=Earlier(("v1", "v2"), ("v2",)),
        challenger_facts=ModelFacts(MIB, 2.0, {"mae": 0.4}),
    )
    loaded: dict[str, Any] = json.loads(json.dumps(found.to_dict()))
    return loaded


def test_show_tells_every_guards_evidence_and_the_place_in_the_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    RunView(RECORD).print_whole({"comparison": report()})
    shown = " ".join(capsys.readouterr().out.split())
    for name in GUARDS:
        assert name.replace("_", " ") in shown
    assert "Third comparison since the last promotion, on rows that 1 earlier one used" in shown
    assert "99.72 % interval" in shown  # 1 - 2 x 0.05 / 12 / 3
    assert "passed: A prediction takes 2 ms; 50 ms are allowed." in shown


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
        "fails parity",
        "{'amount': 1.5, 'carrier': '[A]'}: served 0.75/0.25, trained 0.25/0.75",
        "answer approved by Ada reason looks right",
    ):
        assert part in shown


def test_show_reads_a_comparison_from_before_guards_and_sequence_were_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = {name: value for name, value in report().items() if name not in ("spending", *GUARDS[3:])}
    RunView(RECORD).print_whole({"comparison": old})
    shown = capsys.readouterr().out
    assert "slices no worse" in shown
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
    assert "v2 beside v1 since 2026-01-01 12:00" in shown
    assert "2, the last after 120 s: worse" in shown
    assert "errors worse: It fails more often: 10 % of 300 requests against 0.1 % of 4,000" in shown
    assert "loss not judged: 0 labels" in shown
    assert "no alarm here" in shown
