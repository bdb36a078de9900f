"""The loop in containers of the built image: three kinds of pipeline to their end, and every way in which a training
ends badly.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from contender.registry.versions import ModelRegistry
from demo_data import flights, movies
from localcloud import cloud
from tests.containers import faults
from tests.containers.conftest import ContainerLoop, docker
from tests.containers.plants import plants
from tests.e2e.shop import visits

pytestmark = pytest.mark.containers

HANDLERS = {f"lambdas.{name}.handler.handler" for name in ("validate_batch", "detect_drift", "evaluate_challenger")}


def train_once(loop: ContainerLoop, name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """The record of the run that a pipeline's first file starts."""
    pipeline = loop.pipeline(name)
    columns = [column for column in frame.columns if column in pipeline.config.columns]
    return pipeline.run("first", frame[columns])


@pytest.fixture(scope="session")
def firsts(loop: ContainerLoop) -> dict[str, dict[str, Any]]:
    """The first run of each kind of pipeline, at once."""
    january, films = flights.month(1), movies.batch("1893-1979")
    # A part is enough of the flights; the films need all to tell a model from the average.
    frames = {"flights": january.iloc[::8], "movies": films, "plants": plants(0)}
    with ThreadPoolExecutor() as pool:
        runs = {name: pool.submit(train_once, loop, name, frame) for name, frame in frames.items()}
        return {name: run.result() for name, run in runs.items()}


@pytest.mark.parametrize("name", ["flights", "movies", "plants"])
def test_a_pipeline_comes_to_a_champion_that_answers(
    loop: ContainerLoop, firsts: dict[str, dict[str, Any]], name: str
) -> None:
    assert firsts[name]["verdict"] == "promoted", firsts[name]["reason"]
    pipeline = loop.pipeline(name)
    champion = pipeline.champion()
    assert champion is not None
    row = dict.fromkeys(pipeline.config.numeric, 1.0) | dict.fromkeys(pipeline.config.categorical, "sand")
    assert pipeline.predict(row)["model_version"] == champion.champion
    # No packages of this interpreter: the image has a Python of its own.
    manifest = ModelRegistry(pipeline.bench.models, name).read(champion.champion).manifest
    assert manifest["machine"]["python"].startswith("3.13.")
    image = loop.training_container()["image"]
    assert manifest["code"]["image"] == docker("image", "inspect", "--format", "{{.Id}}", image)


@pytest.mark.usefixtures("firsts")
def test_the_data_heavy_functions_run_in_containers_with_the_limits_of_their_definitions(loop: ContainerLoop) -> None:
    running = loop.containers("function")
    assert {container["Args"][-1] for container in running} >= HANDLERS
    for container in running:
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] == host["MemorySwap"] > 0
        assert container["Config"]["User"] == "10001:10001"
        assert container["Config"]["Entrypoint"] == ["python"]
        assert container["Args"][:2] == ["-m", "awslambdaric"]


@pytest.mark.usefixtures("firsts")
def test_a_training_container_is_gone_when_its_run_is_over_and_its_log_is_kept(loop: ContainerLoop) -> None:
    champion = loop.pipeline("plants").champion()
    assert champion is not None
    assert loop.containers("task", run_id=champion.run_id) == []
    group = loop.training_container()["logConfiguration"]["options"]["awslogs-group"]
    logs = loop.pipeline("plants").bench.cloud.client("logs")
    lines = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert f"model version {champion.champion}" in lines


def start_broken(loop: ContainerLoop, fault: str, day: int) -> str:
    """Start a run whose training goes wrong; its execution."""
    pipeline = loop.pipeline(faults.PIPELINE)
    return pipeline.execution_of(pipeline.upload_frame(fault, faults.rows(fault, day)))


def failed_cleanly(loop: ContainerLoop, execution: str, champion: str | None) -> str:
    """The reason of a failed run, which left no version, no container and no lease, and the champion as it was."""
    pipeline = loop.pipeline(faults.PIPELINE)
    before = versions(loop)
    record = pipeline.record_of(execution)
    assert record["verdict"] == "failed"
    assert versions(loop) == before
    assert champion_of(loop) == champion
    assert loop.containers("task", run_id=record["run_id"]) == []
    assert not pipeline.is_leased()
    return str(record["reason"])


def succeed(loop: ContainerLoop, frame: pd.DataFrame) -> str:
    """The champion after a run that goes right, and trained."""
    before = versions(loop)
    record = loop.pipeline(faults.PIPELINE).run("more", frame)
    assert record["verdict"] in ("promoted", "retained", "inconclusive"), record["reason"]
    assert len(versions(loop)) == len(before) + 1
    champion = champion_of(loop)
    assert champion is not None
    return champion


def champion_of(loop: ContainerLoop) -> str | None:
    pointer = loop.pipeline(faults.PIPELINE).champion()
    return pointer.champion if pointer else None


def versions(loop: ContainerLoop) -> list[str]:
    pipeline = loop.pipeline(faults.PIPELINE)
    return list(ModelRegistry(pipeline.bench.models, pipeline.name).versions())


@pytest.mark.parametrize(
    ("fault", "day", "reason"),
    [
        ("hungry", 50, f"out of memory: training.memory_mib is {faults.MEMORY_MIB}"),
        ("hung", 70, f"longer than training.time_limit_seconds = {faults.TIME_LIMIT_SECONDS}"),
        ("exits", 90, "exit code 7"),
    ],
)
def test_a_training_that_ends_badly_by_itself_is_a_failed_run_with_its_reason(
    loop: ContainerLoop, fault: str, day: int, reason: str
) -> None:
    champion = champion_of(loop)
    assert reason in failed_cleanly(loop, start_broken(loop, fault, day), champion)


def test_a_container_that_gets_sigterm_leaves_its_reason(loop: ContainerLoop) -> None:
    champion = champion_of(loop)
    execution = start_broken(loop, "stopped", 30)
    docker("kill", "--signal", "TERM", loop.container_of(execution.rpartition(":")[2]))
    assert "the training task was stopped before it finished" in failed_cleanly(loop, execution, champion)


def test_an_image_that_is_gone_is_a_failed_run_that_says_so_and_the_next_one_succeeds(loop: ContainerLoop) -> None:
    champion = champion_of(loop)
    image = loop.containers("function")[0]["Config"]["Image"]
    identifier = docker("image", "inspect", "--format", "{{.Id}}", image)
    docker("image", "rm", "--no-prune", "--force", image)
    try:
        reason = failed_cleanly(loop, start_broken(loop, "exits", 110), champion)
    finally:
        docker("tag", identifier, image)
    assert f"CannotPullContainerError: the container engine has no image {image}" in reason
    assert succeed(loop, visits(130))


def test_a_container_that_is_killed_midway_fails_the_run_and_the_next_one_succeeds(loop: ContainerLoop) -> None:
    champion = champion_of(loop) or succeed(loop, visits(130))
    execution = start_broken(loop, "killed", 150)
    docker("kill", loop.container_of(execution.rpartition(":")[2]))
    reason = failed_cleanly(loop, execution, champion)
    assert "the training task was killed" in reason
    assert "137 (SIGKILL)" in reason
    assert succeed(loop, faults.changed(170))


@pytest.mark.usefixtures("firsts")
def test_the_mode_is_remembered_and_shown(loop: ContainerLoop) -> None:
    assert cloud.status(loop.root).containers
    assert json.loads(loop.contender("status", "--json"))["containers"] is True
    assert "run as containers" in " ".join(loop.contender("status").split())
    cloud.up(loop.root)
    assert cloud.status(loop.root).containers
