"""A deployment that changes how models are made starts a run of its own; what is the same is not made again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e import shop
from tests.e2e.loop import LocalLoop, eventually

pytestmark = pytest.mark.emulator
NAME = "shop-code"


@pytest.fixture(scope="module")
def runs(loop: LocalLoop) -> dict[str, dict[str, Any]]:
    """Records of a first file, of a request for a new model, and of the run after a deployment with another seed."""
    pipeline = loop.pipeline(NAME)
    first = pipeline.run("first", shop.visits(0))
    asked = json.loads(loop.contender("retrain", "--pipeline", NAME, "--json"))
    loop.write_pipeline(
        NAME, shop.pipeline_file(NAME).replace('estimator = "linear"', 'estimator = "linear"\nseed = 8')
    )
    loop.up()

    def started() -> dict[str, Any] | None:
        return next((run for run in loop.pipeline(NAME).records() if run["trigger"] == "code-change"), None)

    return {"first": first, "asked": asked, "changed": eventually(started, what="run after the deployment")}


def test_who_asks_for_what_there_is_gets_no_training(loop: LocalLoop, runs: dict[str, Any]) -> None:
    assert runs["asked"]["verdict"] == "skipped"
    assert runs["asked"]["reason"].startswith(
        f"The champion, {runs['first']['champion_after']}, was trained from the same"
    )
    assert "training" not in loop.pipeline(NAME).reports(runs["asked"]["run_id"])


def test_a_deployment_with_other_settings_trains_a_challenger_from_the_same_data(
    loop: LocalLoop, runs: dict[str, Any]
) -> None:
    pipeline = loop.pipeline(NAME)
    before, after = (pipeline.reports(runs[name]["run_id"])["training"] for name in ("first", "changed"))
    assert after["reused"] is False
    assert after["model_version"] != before["model_version"]
    assert after["datasets"] == before["datasets"]
    assert runs["changed"]["challenger"] == after["model_version"]


def test_pipelines_that_were_not_changed_have_no_such_run(loop: LocalLoop, runs: dict[str, Any]) -> None:
    for name in ("shop-swap", "flights"):
        assert [run for run in loop.pipeline(name).records() if run["trigger"] == "code-change"] == []
