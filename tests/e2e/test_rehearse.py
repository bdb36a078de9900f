"""What keeps a challenger from serving after it has won: the serving function itself, and a person."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from tests.e2e.early import early
from tests.e2e.loop import LivePipeline, LocalLoop, eventually
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
@early
def skewed(loop: LocalLoop) -> tuple[LivePipeline, dict[str, Any], dict[str, Any]]:
    """A pipeline whose serving function, and nothing else, takes large amounts for smaller ones (`shop.plant_skew`).

    The first visits know no large amounts. Those that follow are all large, and turned, so that their model wins.
    """
    pipeline = loop.pipeline("shop-skew")
    return pipeline, pipeline.run("first", visits(0)), pipeline.run("large", visits(20, shift=8.0, turned=True))


def test_a_challenger_that_is_fine_in_training_and_bad_in_serving_is_stopped(
    skewed: tuple[LivePipeline, dict[str, Any], dict[str, Any]],
) -> None:
    pipeline, first, second = skewed
    assert first["verdict"] == "promoted", first["reason"]
    reports = pipeline.reports(second["run_id"])
    assert reports["comparison"]["verdict"] == "wins"
    assert second["verdict"] == "stopped", second["reason"]
    assert "fails the rehearsal (parity)" in second["reason"]
    assert [check["name"] for check in reports["rehearsal"]["checks"] if not check["passed"]] == ["parity"]
    assert all(culprit["row"]["amount"] > 4 for culprit in reports["rehearsal"]["culprits"])
    found = pipeline.champion()
    assert found is not None
    assert found.champion == first["champion_after"] == second["champion_after"]
    assert pipeline.predict(pipeline.feature_row(visits(0)))["model_version"] == found.champion


def test_it_shows_in_the_list_of_runs_in_show_and_in_the_mail(
    loop: LocalLoop, skewed: tuple[LivePipeline, dict[str, Any], dict[str, Any]]
) -> None:
    _, first, second = skewed
    listed = json.loads(loop.contender("runs", "--pipeline", "shop-skew", "--json"))
    assert [(run["run_id"], run["verdict"]) for run in listed] == [
        (second["run_id"], "stopped"),
        (first["run_id"], "promoted"),
    ]
    assert "stopped" in loop.contender("runs", "--pipeline", "shop-skew")
    assert "Rehearsal" in loop.contender("show", second["run_id"])
    (sent,) = loop.mails(second["run_id"])
    assert sent.subject.startswith("[ticket] local shop-skew: rehearsal failed")
    assert second["reason"][:300] in sent.body
    assert "contender retrain --pipeline shop-skew" in sent.body


def asked(pipeline: LivePipeline, name: str, frame: pd.DataFrame) -> str:
    """Upload rows and wait until their run asks a person; answers its execution."""
    execution = pipeline.execution_of(pipeline.upload_frame(name, frame))
    run_id = execution.rpartition(":")[2]
    ledger = pipeline.bench.ledger
    eventually(lambda: ledger.approval(pipeline.name, run_id), what=f"question of {run_id}")
    return execution


@early
def test_a_person_is_asked_and_a_yes_promotes_and_a_no_does_not(loop: LocalLoop) -> None:
    pipeline = loop.pipeline("shop-asks")
    execution = asked(pipeline, "first", visits(0))
    run_id = execution.rpartition(":")[2]
    listed = " ".join(loop.contender("runs", "--pipeline", "shop-asks").split())
    assert f"waiting contender approve {run_id[:8]} or reject, until" in listed
    assert json.loads(loop.contender("status", "--json"))["pipelines"]["shop-asks"]["asks_a_person"] == [run_id]
    assert "Rehearsal" in loop.contender("show", run_id)
    assert pipeline.champion() is None

    answer = json.loads(loop.contender("approve", run_id[:13], "--reason", "looks right", "--json"))

    first = pipeline.record_of(execution)
    assert first["verdict"] == "promoted", first["reason"]
    assert f"Approved by {answer['by']}: looks right." in first["reason"]
    question, ended = loop.mails(run_id)
    assert question.subject.startswith("[ticket] local shop-asks: approve or reject ")
    assert f"contender approve {run_id} --pipeline shop-asks" in question.body
    assert ended.subject.startswith("[info] local shop-asks: promoted ")
    assert "was already approved by" in loop.contender("reject", run_id, code=1)

    execution = asked(pipeline, "changed", visits(20, shift=2.0, turned=True))
    loop.contender("reject", execution.rpartition(":")[2], "--pipeline", "shop-asks", "--reason", "a strike")
    second = pipeline.record_of(execution)
    assert second["verdict"] == "retained", second["reason"]
    assert "Rejected by" in second["reason"]
    assert second["champion_after"] == first["champion_after"]
    assert "waiting" not in loop.contender("runs", "--pipeline", "shop-asks")
    pipeline.rest()
    assert not pipeline.is_leased()
