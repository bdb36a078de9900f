"""A training that is interrupted, out of memory or told a lie: what is left, and what the next attempt makes of it."""

from __future__ import annotations

import json

import pytest

from contender.adapters.files.parquet_rows import write_parquet
from contender.pipeline.config import parse_pipeline
from contender.registry.versions import EVIDENCE, JUDGED, MODEL
from contender.rollout.golden_requests import GOLDEN
from contender.training.cost import fargate_usd
from contender.workflow.run_folder import CHECKPOINT
from tests.unit.training_image.training_world import PIPELINE_FILE, World, rows_of
from training_image.reproduce import train_again

SEARCHING = (
    PIPELINE_FILE
    + """
[search]
trials = 6
[search.space]
learning_rate = { low = 0.01, high = 0.5, log = true }
max_leaf_nodes = [4, 8, 16]
"""
)


CHOOSING = PIPELINE_FILE.replace("parameters = { max_iter = 5 }", 'estimator = "auto"')


class Reclaimed(BaseException):
    """Spot takes the task back: nothing catches it."""


@pytest.fixture
def world() -> World:
    world = World()
    world.start("run-1", SEARCHING)
    world.add_dataset(0)
    world.add_dataset(1)
    return world


def reclaim_at(world: World, said: str) -> None:
    """Let the task be taken back when it says something."""

    def hear(line: str) -> None:
        if said in line:
            raise Reclaimed

    world.report = hear
    with pytest.raises(Reclaimed):
        world.run()
    world.report = lambda _line: None


def test_the_manifest_and_the_evidence_tell_of_the_search(world: World) -> None:
    report = world.run()
    version = world.registry.read(report["model_version"])
    summary = version.manifest["search"]
    parameters = version.manifest["estimator"]["parameters"]
    trials = json.loads(world.registry.file(version, EVIDENCE))["search"]

    assert report["search"] == summary
    assert (summary["trials"], summary["metric"], summary["stopped_by"]) == (6, "auc", "trials")
    assert summary["best_score"] >= summary["default_score"]
    assert {name: parameters[name] for name in summary["best"]} == summary["best"]
    assert version.manifest["settings"]["training"]["parameters"] == {"max_iter": 5}  # as the pipeline file has them
    assert [trial["number"] for trial in trials] == list(range(7))
    assert max(trial["score"] for trial in trials if trial["state"] == "complete") == summary["best_score"]


def test_a_second_attempt_goes_on_with_the_first_ones_trials_and_makes_the_same_model(world: World) -> None:
    reclaim_at(world, "trial 4 ")
    assert world.registry.versions() == ()
    resumed = world.run()

    undisturbed = World()
    undisturbed.start("run-1", SEARCHING)
    undisturbed.add_dataset(0)
    undisturbed.add_dataset(1)
    other = undisturbed.run()

    assert any(
        "an earlier attempt has tried 5 sets of parameters; the search continues" in line for line in world.lines
    )
    assert (resumed["resources"]["resumed"], other["resources"]["resumed"]) == (True, False)
    assert resumed["search"]["best"] == other["search"]["best"]
    files = [
        here.registry.read(report["model_version"]).manifest["files"]
        for here, report in ((world, resumed), (undisturbed, other))
    ]
    for name in (MODEL, JUDGED, GOLDEN):
        assert files[0][name]["sha256"] == files[1][name]["sha256"]


def test_an_attempt_that_is_taken_back_before_the_refit_leaves_its_search_to_the_next(world: World) -> None:
    reclaim_at(world, "again, on all 600 rows")
    assert world.registry.versions() == ()
    resumed = world.run()

    assert (resumed["status"], resumed["resources"]["resumed"]) == ("trained", True)
    assert any("an earlier attempt has tried 7 sets of parameters" in line for line in world.lines)
    assert resumed["refitted_rows"] == 600


def test_a_checkpoint_from_before_new_data_came_is_not_taken_over(world: World) -> None:
    reclaim_at(world, "trial 4 ")
    world.add_dataset(2)
    report = world.run()

    assert not report["resources"]["resumed"]
    assert any("the checkpoint belongs to another training" in line for line in world.lines)


def test_a_checkpoint_that_cannot_be_read_is_no_reason_to_fail(world: World) -> None:
    world.data.put(world.folder.key(CHECKPOINT), b"\x00")
    report = world.run()

    assert report["status"] == "trained"
    assert any("the checkpoint cannot be read and is ignored" in line for line in world.lines)


def test_a_space_without_a_valid_point_fails_the_run_and_leaves_no_version(world: World) -> None:
    world.start("run-1", SEARCHING.replace("[4, 8, 16]", "[0, -1]"))
    report = world.run()

    assert report["status"] == "failed"
    assert report["reason"].startswith("no set of parameters of search.space could be trained (6 tried); trial 1")
    assert "'max_leaf_nodes' parameter" in report["reason"]
    assert world.registry.versions() == ()


def test_memory_that_runs_out_is_named_with_the_setting(world: World) -> None:
    def hear(line: str) -> None:
        if "reading" in line:
            raise MemoryError

    world.report = hear
    assert world.run()["reason"] == (
        "the training task ran out of memory: training.memory_mib is 4096; set more, or train on fewer dataset "
        "versions (training.window_batches)"
    )


def test_a_file_that_is_not_what_the_manifest_says_is_named_with_both_digests(world: World) -> None:
    version = world.add_dataset(2)
    key, was = world.store.key(version, "part-0.parquet"), world.store.manifest(version).part_sha256
    world.data.put(key, write_parquet(rows_of(range(6), seed=77)))
    reason = world.run()["reason"]

    assert reason.startswith(f"dataset {version}: part-0.parquet has sha256 ")
    assert f", not {was} as its manifest says; restore the object {key} in S3" in reason


def test_the_supervisor_is_told_the_limits_and_what_came_of_it(world: World) -> None:
    world.start("run-1", PIPELINE_FILE + "time_limit_seconds = 60\nmemory_mib = 2048\n")
    world.run()
    assert world.told == {"seconds": 60, "memory_mib": 2048, "status": "trained"}

    world.start("run-2", "colour = 3")
    world.told.clear()
    world.run()
    assert world.told == {"status": "failed"}


def test_what_it_took_is_measured_by_phase(world: World) -> None:
    report = world.run()
    resources, seconds = report["resources"], report["resources"]["seconds"]

    assert set(seconds) == {"reading", "search", "fitting", "export", "evidence", "refit", "total"}
    assert seconds["reading"] == 1.0  # by the world's clock each line takes a second
    assert seconds["search"] == 8.0  # its own parameters, six trials and the result
    assert sum(seconds.values()) - seconds["total"] <= seconds["total"] <= report["seconds"]
    assert resources["usd"] == pytest.approx(fargate_usd(parse_pipeline(SEARCHING), seconds["total"]), abs=1e-6)
    assert resources["peak_memory_mib"] > 50.0  # scikit-learn alone takes more


def test_each_line_has_the_seconds_so_far(world: World) -> None:
    world.run()

    assert world.lines[0] == "[    0.0 s] reading 2 dataset versions, 600 rows"
    assert "[    1.0 s] trial 0 (the pipeline's own parameters): auc " in world.lines[1]


def test_the_next_attempt_and_a_reproduction_keep_the_estimator_that_was_chosen(world: World) -> None:
    """Two trainings with a competition, the second without it: that is what is tested."""
    world.start("run-1", CHOOSING)
    reclaim_at(world, "on the holdout")
    world.lines.clear()
    report = world.run()
    assert not any(line.startswith("candidate ") for line in world.lines)

    version = world.registry.read(report["model_version"])
    choice = version.manifest["choice"]
    assert report["choice"] == choice
    assert [each["estimator"] for each in choice["candidates"]] == ["linear", "hist_gradient_boosting", "lightgbm"]
    assert version.manifest["estimator"]["name"] == choice["estimator"]
    assert version.manifest["settings"]["training"]["estimator"] == "auto"

    again, files = train_again(version.manifest, world.data, code=world.code)
    assert again["choice"] == choice
    assert files[MODEL] == world.registry.file(version, MODEL)
