"""What models are made of: the same is not made again, a change is; a version can be made again, its rows pulled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contender.data.datasets import DatasetStore
from tests.dvc import pull
from tests.e2e.early import early
from tests.e2e.growth import RESEEDED, grow
from tests.e2e.loop import LocalLoop, eventually

pytestmark = pytest.mark.emulator
NAME = RESEEDED


@pytest.fixture(scope="module")
@early
def runs(loop: LocalLoop) -> dict[str, dict[str, Any]]:
    """Records of a first file, of a request for a new model, and of the run after a deployment with another seed."""
    grown = grow(loop)

    def started() -> dict[str, Any] | None:
        return next((run for run in loop.pipeline(NAME).records() if run["trigger"] == "code-change"), None)

    changed = eventually(started, what="run after the deployment")
    return {"first": grown.first, "asked": grown.asked, "changed": changed}


def test_who_asks_for_what_there_is_gets_no_training(loop: LocalLoop, runs: dict[str, Any]) -> None:
    assert runs["asked"]["verdict"] == "skipped"
    assert runs["asked"]["reason"].startswith(
        f"The champion {runs['first']['champion_after']} was trained from the same"
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


def test_a_version_that_a_task_trained_is_made_again_by_the_command_line(loop: LocalLoop, runs: dict[str, Any]) -> None:
    found = json.loads(loop.contender("reproduce", runs["first"]["champion_after"], "--pipeline", NAME, "--json"))
    assert (found["same"], found["circumstances"]) == (True, [])
    names = {"model.onnx", "judged.onnx", "pipeline.skops", "reference.json.gz"}
    assert {one["name"] for one in found["files"]} >= names


def test_the_real_dvc_pulls_the_rows_from_the_local_cloud(
    loop: LocalLoop, runs: dict[str, Any], tmp_path: Path
) -> None:
    version = runs["first"]["dataset_version"]
    loop.contender("dataset", "export", version[:10], "--pipeline", NAME, "--out", str(tmp_path / "out"), "--config")
    store = DatasetStore(loop.pipeline(NAME).bench.data, NAME)
    rows = store.part(store.manifest(version))
    assert pull(tmp_path / "out", tmp_path / "home") == {f"{NAME}-{version}.parquet": rows}


def test_pipelines_that_were_not_changed_have_no_such_run(loop: LocalLoop, runs: dict[str, Any]) -> None:
    for name in ("movies", "flights"):
        assert [run for run in loop.pipeline(name).records() if run["trigger"] == "code-change"] == []
