"""What goes wrong in the middle: bursts, failing and killed training, aborted runs. No upload is lost by it."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from typing import Any

import pytest

from contender.data.datasets import DatasetStore
from localcloud.processes import RECORD_SUFFIX
from localcloud.state import Workspace
from tests.e2e.early import early
from tests.e2e.loop import SOON, LivePipeline, LocalLoop, csv, eventually
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator

UPLOADS = 15


def datasets(pipeline: LivePipeline) -> dict[str, str]:
    """Dataset version → the upload that it was made of."""
    store = DatasetStore(pipeline.bench.data, pipeline.name)
    return {manifest.version: manifest.source_key for manifest in store.manifests()}


def training_process(loop: LocalLoop, pipeline: LivePipeline, execution: str) -> int | None:
    """The id of the process that trains for an execution, while there is one."""
    ecs, named = pipeline.bench.cloud.client("ecs"), {"name": "RUN_ID", "value": execution.rpartition(":")[2]}
    (cluster,) = ecs.list_clusters()["clusterArns"]
    for record in Workspace(loop.root).tasks.glob(f"*{RECORD_SUFFIX}"):
        described = ecs.describe_tasks(cluster=cluster, tasks=[record.name.removesuffix(RECORD_SUFFIX)])["tasks"]
        given = [one for task in described for one in task["overrides"]["containerOverrides"]]
        if any(named in one["environment"] for one in given) and record.exists():
            return int(json.loads(record.read_text())["pid"])
    return None


def kill_training(loop: LocalLoop, pipeline: LivePipeline, execution: str) -> None:
    """Kill the process that trains for an execution; it may have written its result just before."""
    process = eventually(lambda: training_process(loop, pipeline, execution), what="training process", pace=SOON)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@early
def test_fifteen_uploads_at_once_are_a_few_runs_and_none_is_lost(loop: LocalLoop) -> None:
    pipeline = loop.pipeline("shop-burst")
    # Day 0 comes twice: same rows, another name.
    bodies = {f"{number}.csv": csv(visits(number % (UPLOADS - 1))) for number in range(UPLOADS)}
    keys = pipeline.upload_at_once(bodies)

    files = pipeline.settle(keys.values())

    statuses = [found["status"] for found in files.values()]
    assert sorted(set(statuses)) == ["accepted", "duplicate"] or set(statuses) == {"accepted"}
    made = datasets(pipeline)
    assert len(made) == UPLOADS - 1
    assert {found["dataset_version"] for found in files.values()} == set(made)
    records = pipeline.records()
    assert len(records) >= UPLOADS
    assert len([record for record in records if record["challenger"]]) <= 5
    assert "failed" not in {record["verdict"] for record in records}
    champion = pipeline.champion()
    assert champion is not None
    assert not pipeline.is_leased()


@early
def test_a_parameter_that_is_none_fails_the_run_with_its_name(loop: LocalLoop) -> None:
    pipeline = loop.pipeline("shop-broken")
    failed = pipeline.run("first", visits(0))
    assert failed["verdict"] == "failed"
    assert "trees" in failed["reason"]
    assert failed["champion_after"] is None
    assert not pipeline.is_leased()
    assert mails_of_its_own(loop, failed) == []


def mails_of_its_own(loop: LocalLoop, failed: dict[str, Any]) -> list[str]:
    """What was mailed about a failed run by anybody but the alarm LoopStuck, which tells it."""
    return [mail.subject for mail in loop.mails(failed["run_id"]) if " in a row" not in mail.subject]


def promoted(pipeline: LivePipeline) -> dict[str, Any]:
    """The run of a first upload, whose model any later challenger has to beat."""
    run = pipeline.run("first", visits(0))
    assert run["verdict"] in ("promoted", "duplicate"), run["reason"]
    return run


@early
def test_a_killed_training_task_fails_the_run_and_the_same_rows_uploaded_again_succeed(loop: LocalLoop) -> None:
    pipeline = loop.pipeline("shop-abort")
    champion = promoted(pipeline)["champion_after"]
    for attempt in range(1, 5):
        changed = visits(20 * attempt, shift=3.0 * attempt, turned=attempt % 2 == 1)
        execution = pipeline.execution_of(pipeline.upload_frame(f"killed-{attempt}", changed))
        kill_training(loop, pipeline, execution)
        failed = pipeline.record_of(execution)
        if failed["verdict"] == "failed":
            break
        champion = failed["champion_after"]  # the training was over: kill the next one

    assert failed["verdict"] == "failed"
    assert "training task left no result" in failed["reason"]
    assert failed["champion_after"] == champion
    assert not pipeline.is_leased()
    assert mails_of_its_own(loop, failed) == []

    # The very rows that were accepted by the failed run are no duplicate: nothing has been made of them yet.
    again = pipeline.run("again", changed)
    assert again["verdict"] == "promoted", again["reason"]
    assert again["dataset_version"] == failed["dataset_version"]


def test_an_aborted_run_does_not_block_the_next_one_which_takes_its_upload_as_well(loop: LocalLoop) -> None:
    pipeline = loop.pipeline("shop-abort")
    promoted(pipeline)
    before = pipeline.champion()
    aborted = pipeline.upload_frame("aborted", visits(60, shift=-5.0))
    execution = pipeline.execution_of(aborted)
    eventually(lambda: training_process(loop, pipeline, execution), what="training process", pace=SOON)
    pipeline.step_functions.stop_execution(executionArn=execution, cause="a person changed their mind")
    assert pipeline.end_of(execution) == "ABORTED"
    assert pipeline.is_leased()
    assert pipeline.champion() == before

    # The same rows land in a new run as the aborted one's upload: two files to look at, and both are.
    following = pipeline.upload_frame("following", visits(80, shift=-5.0))
    files = pipeline.settle([aborted, following])

    assert {found["status"] for found in files.values()} == {"accepted"}
    assert len({found["run_id"] for found in files.values()}) == 1
    assert not pipeline.is_leased()
    eventually(lambda: training_process(loop, pipeline, execution) is None, what="end of the aborted task's process")
