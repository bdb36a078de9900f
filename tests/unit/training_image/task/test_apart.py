"""A training in a process of its own: what it was given, what it leaves, and how its failure arrives."""

from __future__ import annotations

import os
from typing import Any

import pytest

from contender.errors import NotFoundError, TrainingFailedError
from contender.training.pinned_kernels import KERNELS, X86_64_V3, instructions
from contender.training.reproduction import compare
from tests.unit.training_image.training_world import CODE, World
from training_image.task.apart import train_apart


@pytest.fixture(scope="module")
def world() -> World:
    found = World()
    found.add_dataset(0)
    found.run()
    return found


def again(world: World, lines: list[str] | None = None, **changed: Any) -> Any:
    manifest = dict(world.registry.read(world.registry.versions()[0]).manifest) | changed
    keys = world.store.keys(manifest["datasets"][0])
    shell = {**os.environ, "OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "2"}
    report = [].append if lines is None else lines.append
    return train_apart(manifest, world.data, keys, code=CODE, report=report, variables=shell)


def test_it_leaves_the_version_with_the_kernels_of_a_training_task(world: World) -> None:
    lines: list[str] = []
    model = world.registry.read(world.registry.versions()[0])
    manifest, files = again(world, lines)

    assert "reading 1 dataset versions, 300 rows" in lines
    recorded = {name: world.registry.file(model, name) for name in model.manifest["files"]}
    assert compare(model.manifest, recorded, manifest, files).same
    if (instructions() or frozenset()) >= X86_64_V3:
        assert manifest["machine"]["blas"] == KERNELS["x86_64"]["OPENBLAS_CORETYPE"]


def test_an_error_arrives_as_the_error_it_was(world: World) -> None:
    with pytest.raises(NotFoundError, match="contender retrain"):
        again(world, settings=None)


def test_a_process_that_ends_without_a_word_is_a_failed_training(world: World) -> None:
    with pytest.raises(TrainingFailedError, match=r"process ended with exit code 1: .*TypeError"):
        again(world, settings=3)
