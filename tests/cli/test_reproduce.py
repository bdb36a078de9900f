"""`contender reproduce`: what it says, and the exit code that a script goes by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.cli.conftest import Contender
from tests.unit.training_image.test_train import PIPELINE_FILE, World
from training_image.reproduce import train_again


@pytest.fixture(scope="module")
def world() -> World:
    """A version of the first data, and one of other settings."""
    world = World()
    world.add_dataset(0)
    world.run(hour=6)
    world.start("run-2", PIPELINE_FILE.replace("max_iter = 5", "max_iter = 6"))
    world.run(hour=7)
    return world


@pytest.fixture
def deployed(world: World, project: Path, buckets: dict[str, str]) -> World:
    """The pipeline `trial` deployed as `dev`, with these versions, of which the second was changed since."""
    (project / "pipelines" / "trial.toml").write_text(PIPELINE_FILE)
    s3 = boto3.client("s3")
    for objects, bucket in ((world.data, "DataBucketName"), (world.models, "ModelBucketName")):
        for key in objects.keys(""):
            s3.put_object(Bucket=buckets[bucket], Key=key, Body=objects.get(key).body)
    train_elsewhere(s3, buckets["ModelBucketName"], world.registry.versions()[1])
    return world


def train_elsewhere(s3: Any, bucket: str, version: str) -> None:
    """As if the version had been trained elsewhere: with other settings, another Python, in a container."""
    key = f"models/trial/{version}/manifest.json"
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    manifest["settings"]["training"]["parameters"] = {"max_iter": 5}
    manifest["packages"]["numpy"] = "0.1"
    manifest["machine"]["python"] = "3.99.0"
    manifest["code"]["image"] = "sha256:" + "c0ffee" * 10 + "c0ff"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())


def test_a_version_that_is_made_again_is_said_to_be_the_same(deployed: World, contender: Contender) -> None:
    version = deployed.registry.versions()[0]
    ended = contender("reproduce", version, "--pipeline", "trial", "--env", "dev")

    assert ended.code == 0, ended.err
    assert f"{version} was reproduced: all of its files are identical, byte for byte." in " ".join(ended.out.split())
    assert "model.onnx" in ended.out


@pytest.fixture
def trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two commands about one version, as people read it and as programs do, train it once, and in this process, which
    has loaded what a training needs: a process of its own takes four seconds."""
    made: list[Any] = []

    def train_first(manifest: Any, data: Any, _keys: Any, **options: Any) -> Any:
        if not made:
            made.append(train_again(manifest, data, **options))
        return made[0]

    monkeypatch.setattr("contender.cli.commands.reproduce.train_apart", train_first)


@pytest.mark.usefixtures("trained_once")
def test_one_that_is_not_ends_with_1_and_says_what_is_not_the_same(deployed: World, contender: Contender) -> None:
    version = deployed.registry.versions()[1]
    shown = contender("reproduce", version, "--env", "dev")
    ended = contender("reproduce", version, "--env", "dev", "--json")

    assert shown.code == ended.code == 1
    assert "numpy was 0.1 and is " in " ".join(shown.out.split())
    assert "the container image was sha256:c0ffeec0ffee and is none here" in " ".join(shown.out.split())
    assert "Python was 3.99.0 and is " in " ".join(shown.out.split())
    found = json.loads(ended.out)
    assert {one["name"]: one["same"] for one in found["files"]}["model.onnx"] is False
    told = {one["what"]: one["recorded"] for one in found["circumstances"]}
    assert told["packages.numpy"] == "0.1"
    assert told["code.sha"] == "c0de" * 16
    assert told["machine.python"] == "3.99.0"
    assert "numpy was 0.1 and is " in found["said"]
    assert "metrics.log_loss" in [one["what"] for one in found["figures"]]


@pytest.mark.parametrize(
    ("version", "said"), [("2026", "2 model versions start with"), ("1999", "no model version starts with")]
)
def test_a_name_that_is_not_clear_is_an_error(deployed: World, contender: Contender, version: str, said: str) -> None:
    ended = contender("reproduce", version, "--pipeline", "trial", "--env", "dev")

    assert ended.code == 1
    assert said in ended.err
