"""The training task: datasets in, one immutable model version and its report out, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from contender.adapters.files.parquet_rows import write_parquet
from contender.adapters.serving.onnx_model import load_model
from contender.data.dataset_fate import DatasetFate
from contender.drift.batch_check import Reference
from contender.errors import NotFoundError, TrainingFailedError
from contender.predictions.holdout_counts import HOLDOUT_COUNTS
from contender.registry.versions import CARD, EVIDENCE, EXPLANATION, JUDGED, MODEL, PIPELINE, REFERENCE
from contender.rollout.golden_requests import GOLDEN, Golden
from contender.stats.metrics import METRICS
from contender.table import BLOCK, Table
from contender.workflow.run_folder import DRIFT, TRAINING, RunFolder
from tests.fakes import MemoryObjects
from tests.trained_once import trained_once
from tests.unit.training_image.training_world import CODE, PIPELINE_FILE, World, rows_of
from training_image import train as training
from training_image.export.golden_requests import table_of
from training_image.task.failure_reasons import one_line
from training_image.train import image_digest, main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def world() -> World:
    return World()


def test_a_model_version_is_named_by_its_time_its_data_and_its_code(world: World) -> None:
    world.add_dataset(0)
    newest = world.add_dataset(1)
    report = world.run()

    assert report["model_version"] == f"20260102T060506Z-{newest[:8]}-{CODE[:8]}"
    assert world.registry.versions() == (report["model_version"],)


def test_the_report_says_what_was_trained_on_what_and_how_well(world: World) -> None:
    versions = [world.add_dataset(0), world.add_dataset(1)]
    report = world.run()

    assert report["datasets"] == versions
    assert (report["train_rows"], report["holdout_rows"], report["holdout_blocks"]) == (500, 100, 2)
    assert report["refitted_rows"] == 600
    assert report["seconds"] == len(world.lines) - 1  # all but the last line were told before the report was written
    assert 0.5 < report["metrics"]["auc"] <= 1.0


def test_the_manifest_tells_the_whole_story(world: World) -> None:
    versions = [world.add_dataset(0), world.add_dataset(1)]
    manifest = dict(world.registry.read(world.run()["model_version"]).manifest)

    assert set(manifest) == {
        "format", "pipeline", "description", "version", "created_at", "run_id", "task", "target", "classes", "positive",
        "features", "datasets", "trained_through", "trained_rows", "holdout", "code", "packages", "machine",
        "estimator",
        "metrics", "metrics_training", "baseline", "typical", "files", "fingerprint", "settings", "split", "window",
        "choice", "search", "stopping", "calibration", "overfit", "resources", "judged",
    }  # fmt: skip
    assert manifest["created_at"] == "2026-01-02T06:05:06Z"
    assert manifest["classes"] == ["no", "yes"]
    assert [feature["name"] for feature in manifest["features"]] == ["a", "kind"]
    assert manifest["datasets"] == versions
    assert (manifest["trained_rows"], manifest["trained_through"]) == (600, 11.0)
    judged = manifest["judged"]
    assert set(judged) == {"trained_rows", "trained_through", "features", "agreement"}
    assert (judged["trained_rows"], judged["trained_through"]) == (500, 9.0)
    assert [feature["name"] for feature in judged["features"]] == ["a", "kind"]
    assert set(judged["agreement"]) == {"rows", "difference", "spread", "judged_error", "served_error"}
    assert manifest["holdout"] == {
        "from_order": 10.0,
        "through_order": 11.0,
        "rows": 100,
        "blocks": ["day-010", "day-011"],
    }
    assert manifest["code"] == {"sha": CODE, "image": None}
    assert manifest["estimator"]["name"] == "hist_gradient_boosting"
    assert manifest["estimator"]["parameters"]["max_iter"] == 5
    assert len(manifest["baseline"]["prediction"]) == 2
    assert set(manifest["typical"]) == {"a", "kind"}
    assert set(manifest["files"]) == {
        MODEL,
        JUDGED,
        PIPELINE,
        REFERENCE,
        GOLDEN,
        HOLDOUT_COUNTS,
        EVIDENCE,
        EXPLANATION,
        CARD,
    }


def test_what_was_written_can_be_served_and_compared_with(world: World) -> None:
    world.add_dataset(0)
    version = world.registry.read(world.run()["model_version"])
    served = load_model(world.registry, version)

    probabilities = served.predict(rows_of(range(2), seed=5))
    assert probabilities.shape == (100, 2)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-6)
    reference = Reference.from_bytes(world.registry.file(version, REFERENCE))
    assert reference.profile.rows == version.manifest["trained_rows"]


def test_the_judged_model_of_a_version_gives_its_metrics_and_the_one_that_serves_others(world: World) -> None:
    world.add_dataset(0)
    version = world.registry.read(world.run()["model_version"])
    table = rows_of(range(6), seed=0)
    held = table.select_rows(np.isin(table[BLOCK].astype(str), version.manifest["holdout"]["blocks"]))
    truth = (held["y"] == "yes").astype(np.int64)
    judged, served = (load_model(world.registry, version, judged=each).predict(held) for each in (True, False))

    assert METRICS["log_loss"].score(truth, judged) == version.manifest["metrics"]["log_loss"]
    agreement = version.manifest["judged"]["agreement"]
    errors = [float(1.0 - each[np.arange(len(held)), truth].mean()) for each in (judged, served)]
    assert errors == pytest.approx([agreement["judged_error"], agreement["served_error"]])
    assert agreement["difference"] == pytest.approx(np.abs(judged - served)[:, 0].mean())


def test_without_a_refit_the_judged_model_serves(world: World) -> None:
    world.add_dataset(0)
    world.start("run-1", PIPELINE_FILE.replace("[training]", "[training]\nrefit = false"))
    report = world.run()
    version = world.registry.read(report["model_version"])

    assert version.manifest["judged"] is None
    assert JUDGED not in version.manifest["files"]
    assert (version.manifest["trained_rows"], report["refitted_rows"]) == (200, None)
    rows = rows_of(range(2), seed=5)
    served, judged = (load_model(world.registry, version, judged=each).predict(rows) for each in (False, True))
    np.testing.assert_array_equal(served, judged)


def test_the_golden_requests_of_a_version_are_answered_by_what_is_served(world: World) -> None:
    world.add_dataset(0)
    version = world.registry.read(world.run()["model_version"])
    golden = Golden.from_json(world.registry.file(version, GOLDEN))
    served = load_model(world.registry, version)

    rows = [request["rows"][0] for request in golden.requests]
    answers = served.predict(table_of(rows, served.encodings))
    np.testing.assert_allclose(answers, np.array(golden.predictions), atol=1e-5)
    assert version.manifest["typical"] == rows[0]


def test_only_the_newest_datasets_are_read_when_the_pipeline_says_so(world: World) -> None:
    world.add_dataset(0)
    newest = [world.add_dataset(1), world.add_dataset(2)]
    world.start("run-1", PIPELINE_FILE.replace("[training]", "[training]\nwindow_batches = 2"))

    assert world.run()["datasets"] == newest


def test_what_looks_broken_is_left_out_and_the_manifest_says_what_and_why(world: World) -> None:
    versions = [world.add_dataset(sequence) for sequence in range(3)]
    store = world.store
    store.decide(versions[0], DatasetFate("kept", "short", "It has 9 rows.", "run-0", "", ""))
    store.decide(versions[1], DatasetFate("left out", "range", "100 % of amount is outside.", "run-0", "", ""))
    world.start("run-1", PIPELINE_FILE)
    report = world.run(hour=6)
    manifest = world.registry.read(report["model_version"]).manifest

    assert report["datasets"] == manifest["datasets"] == [versions[0], versions[2]]
    assert report["left_out"] == manifest["window"]["left_out"] == {versions[1]: "100 % of amount is outside."}

    world.start("run-2", PIPELINE_FILE.replace("[training]", '[training]\nsuspect_batches = "train"'))
    assert world.run(hour=7)["datasets"] == versions


SINCE_DRIFT = PIPELINE_FILE.replace("[training]", '[training]\nwindow = "since_drift"')


def test_training_may_begin_with_the_last_drift_which_later_versions_remember(world: World) -> None:
    versions = [world.add_dataset(sequence) for sequence in range(3)]
    world.start("run-1", SINCE_DRIFT)
    world.folder.write(DRIFT, {"drifted": True, "since_order": 6.0})  # with the second of them
    report = world.run(hour=6)
    assert report["datasets"] == versions[1:]
    window = world.registry.read(report["model_version"]).manifest["window"]
    assert window == {"policy": "since_drift", "since_order": 6.0, "datasets": 2}

    versions.append(world.add_dataset(3))
    world.start("run-2", SINCE_DRIFT)
    world.folder.write(DRIFT, {"drifted": False, "since_order": None})
    assert world.run(hour=7)["datasets"] == versions[1:]


def test_without_a_drift_it_begins_with_the_first_dataset(world: World) -> None:
    versions = [world.add_dataset(sequence) for sequence in range(2)]
    world.start("run-1", SINCE_DRIFT)
    report = world.run()

    assert report["datasets"] == versions
    assert world.registry.read(report["model_version"]).manifest["window"]["since_order"] is None


def test_a_second_attempt_finds_the_model_version_of_the_first(world: World) -> None:
    world.add_dataset(0)
    first = world.run(hour=6)
    world.data.remove(world.folder.key(TRAINING))  # the first attempt was stopped before it could say so
    second = world.run(hour=7)

    assert second["model_version"] == first["model_version"]
    assert second["metrics"] == first["metrics"]
    assert len(world.registry.versions()) == 1


def test_another_run_with_the_same_code_settings_and_data_takes_the_model_that_there_is(world: World) -> None:
    world.add_dataset(0)
    first = world.run(hour=6)
    world.start("run-2", PIPELINE_FILE + "memory_mib = 8192\n")  # where it is trained makes no other model
    second = world.run(hour=7)

    assert (first["reused"], second["reused"]) == (False, True)
    assert {**second, "reused": False, "seconds": 0} == {**first, "seconds": 0}
    assert world.registry.versions() == (first["model_version"],)
    assert f"{first['model_version']} was not retrained: run run-1 made it" in world.lines[-2]


def other_settings(world: World) -> None:
    world.start("run-2", PIPELINE_FILE + "seed = 8\n")


def other_data(world: World) -> None:
    world.add_dataset(1)


def a_model_file_that_is_gone(world: World) -> None:
    world.models.remove(world.registry.key(world.registry.versions()[0], MODEL))


def a_judged_file_that_is_gone(world: World) -> None:
    world.models.remove(world.registry.key(world.registry.versions()[0], JUDGED))


def a_refit_that_is_not_wanted(world: World) -> None:
    world.start("run-2", PIPELINE_FILE.replace("[training]", "[training]\nrefit = false"))


def a_model_file_that_was_changed(world: World) -> None:
    world.models.put(world.registry.key(world.registry.versions()[0], MODEL), b"else")


def other_code(world: World) -> None:
    world.code = "beef" * 16


def a_key_to_sign_with_where_the_version_is_not_signed(world: World) -> None:
    world.sign = lambda digest: digest[::-1]


@pytest.mark.parametrize(
    "change",
    [
        other_settings,
        other_data,
        other_code,
        a_model_file_that_is_gone,
        a_judged_file_that_is_gone,
        a_refit_that_is_not_wanted,
        a_model_file_that_was_changed,
        a_key_to_sign_with_where_the_version_is_not_signed,
    ],
)
def test_it_trains_anew_after_a_change_of(
    world: World, change: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train", trained_once(training.train))
    world.add_dataset(0)
    first = world.run(hour=6)
    world.start("run-2")
    change(world)
    second = world.run(hour=7)

    assert not second["reused"]
    assert second["model_version"].startswith("20260102T07")
    assert second["model_version"] != first["model_version"]


def test_a_signed_version_is_taken_again_with_its_signature(world: World) -> None:
    world.add_dataset(0)
    world.sign = lambda digest: digest[::-1]
    first = world.run(hour=6)
    world.start("run-2")

    assert world.run(hour=7)["model_version"] == first["model_version"]


def test_a_success_replaces_the_report_of_a_failed_attempt(world: World) -> None:
    assert world.run()["status"] == "failed"
    world.add_dataset(0)

    assert world.run()["status"] == "trained"


def test_without_a_dataset_the_report_says_what_to_do(world: World) -> None:
    assert world.run() == {
        "status": "failed",
        "reason": "trial has no dataset yet; upload a file to incoming/trial/",
        "seconds": 1.0,  # one line was reported
    }
    assert world.lines == ["failed: trial has no dataset yet; upload a file to incoming/trial/"]


def test_a_dataset_that_is_not_what_its_manifest_says_is_not_trained_on(world: World) -> None:
    version = world.add_dataset(0)
    world.data.put(world.store.key(version, "part-0.parquet"), write_parquet(rows_of(range(6), seed=77)))
    report = world.run()

    assert report["status"] == "failed"
    assert report["reason"].startswith(f"dataset {version}: part-0.parquet has sha256")
    assert world.registry.versions() == ()


def test_a_dataset_from_before_a_feature_existed_is_named(world: World) -> None:
    table = rows_of(range(6), seed=0)
    world.add_dataset(0, Table({name: values for name, values in table.columns.items() if name != "kind"}))
    world.add_dataset(1)

    assert "dataset 0000000000000000 (incoming/trial/0.csv) has no kind" in world.run()["reason"]


def test_the_log_says_where_an_estimator_failed_and_the_reason_stays_one_line(world: World) -> None:
    world.add_dataset(0)
    world.start("run-1", PIPELINE_FILE.replace("max_iter = 5", "max_iter = -5"))
    reason = world.run()["reason"]

    assert reason.startswith("hist_gradient_boosting cannot be trained: The 'max_iter' parameter ")
    assert reason.endswith("; correct training.parameters or the rows, or choose another training.estimator")
    assert world.lines[-1] == f"failed: {reason}"
    assert "Traceback (most recent call last):" in world.lines
    assert not any("\n" in line for line in world.lines)


def test_a_missing_run_folder_is_a_failure_with_a_reason(world: World) -> None:
    world.add_dataset(0)
    world.folder = RunFolder(world.data, "trial", "run-9")

    assert "does not exist" in world.run()["reason"]


def test_a_broken_pipeline_file_is_a_failure_with_a_reason(world: World) -> None:
    world.start("run-1", PIPELINE_FILE + "colour = 3\n")

    assert "colour" in world.run()["reason"]


def test_no_manifest_is_written_before_its_files(world: World) -> None:
    world.add_dataset(0)
    written: list[str] = []
    put = world.models.put

    class Recording(MemoryObjects):
        def put(self, key: str, body: bytes, **conditions: Any) -> str:
            written.append(key.rsplit("/", 1)[-1])
            return put(key, body, **conditions)

    world.models = Recording(_versions=world.models._versions)
    world.run()

    assert written[-1] == "manifest.json"
    files = [MODEL, JUDGED, PIPELINE, REFERENCE, GOLDEN, HOLDOUT_COUNTS, EVIDENCE, EXPLANATION, CARD]
    assert sorted(written[:-1]) == sorted(files)


def test_an_error_is_one_line_and_foreign_ones_say_their_type() -> None:
    assert one_line(TrainingFailedError("one\n two")) == "one two"
    assert one_line(NotFoundError("gone")) == "gone"
    assert one_line(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"


def test_outside_a_container_there_is_no_image() -> None:
    assert image_digest({}) is None
    assert image_digest({"ECS_CONTAINER_METADATA_URI_V4": "http://127.0.0.1:1/v4"}) is None


@pytest.fixture
def entry_point(world: World, aws: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The environment of a task, with `world`'s data bucket on S3; answers an S3 client."""
    for name, value in (
        ("RUN_ID", "run-1"),
        ("PIPELINE", "trial"),
        ("DATA_BUCKET", "data"),
        ("MODEL_BUCKET", "models"),
    ):
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    for bucket in ("data", "models"):
        client.create_bucket(Bucket=bucket)
    world.add_dataset(0)
    for key in world.data.keys(""):
        client.put_object(Bucket="data", Key=key, Body=world.data.get(key).body)
    return client


def test_the_entry_point_trains_what_its_environment_names(
    entry_point: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main() == 0

    report = json.loads(entry_point.get_object(Bucket="data", Key="runs/trial/run-1/training.json")["Body"].read())
    assert report["status"] == "trained"
    assert capsys.readouterr().out.splitlines()[-1] == f"model version {report['model_version']}"


def test_the_entry_point_fails_when_there_is_nothing_to_train_on(
    entry_point: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_ID", "run-9")

    assert main() == 1


def test_the_images_entry_point_is_this_task() -> None:
    dockerfile = (ROOT / "training_image" / "Dockerfile").read_text()
    entry = next(line for line in dockerfile.splitlines() if line.startswith("ENTRYPOINT "))

    assert json.loads(entry.removeprefix("ENTRYPOINT ")) == ["python", "-m", "training_image"]
    assert "--mount" not in dockerfile
    assert "# syntax=" not in dockerfile
