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
