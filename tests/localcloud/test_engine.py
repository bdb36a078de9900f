"""What is asked of the `docker` command line, with a command of the test's in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud import container_mode
from localcloud.engine import ContainerSpec, DockerEngine, Ended, workspace_labels
from localcloud.errors import EngineError, ImageError, NoEngineError
from localcloud.images import ImageAsset, build_arguments, build_images, check_reach
from localcloud.state import Workspace
from tests.localcloud.fake_engine import FakeContainer, FakeEngine, Program

Install = Callable[[str], Path]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a shell script on the PATH as `docker`, and nothing else; answers the file that gets its arguments."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(script: str) -> Path:
        program = folder / "docker"
        program.write_text(f'#!/bin/sh\necho "$*" >>"{calls}"\n{script}\n')
        program.chmod(0o755)
        return calls

    return install


@pytest.mark.usefixtures("docker")
def test_without_docker_the_error_says_what_to_do() -> None:
    with pytest.raises(NoEngineError, match="no `docker` on the PATH; install it, or run `contender up`"):
        DockerEngine().check()


def test_without_an_engine_the_error_repeats_what_docker_said_and_says_what_to_do(docker: Install) -> None:
    docker('echo "Cannot connect to the Docker daemon. Is it running?" >&2; exit 1')
    with pytest.raises(NoEngineError, match=r"none answers: Cannot connect .* localcloud/base_image.sh"):
        DockerEngine().check()


def test_an_engine_says_its_version(docker: Install) -> None:
    docker("echo 28.2.2")
    assert DockerEngine().check() == "28.2.2"


ASSET = ImageAsset(Path("/assembly/asset.1"), "training_image/Dockerfile", "registry/assets:1", (("VERSION", "1"),))


def test_an_image_that_is_there_is_not_built_again(docker: Install) -> None:
    calls = docker("echo sha256:1")
    assert build_images(DockerEngine(), [ASSET, ASSET], lambda message: None) == ("registry/assets:1",)
    assert calls.read_text() == "image inspect --format {{.Id}} registry/assets:1\n"


def test_an_image_is_built_as_the_templates_name_it_and_its_steps_are_shown(
    docker: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = docker(
        'case "$1" in image) exit 1;; build) echo "Step 1/2 : FROM x"; echo; echo "Step 2/2 : COPY y";; esac'
    )
    monkeypatch.setenv("PIP_INDEX_URL", "file:///mirror")
    said: list[str] = []
    build_images(DockerEngine(), [ASSET, ASSET], said.append)
    assert [line.partition(": ")[2] for line in said[1:]] == ["Step 1/2 : FROM x", "Step 2/2 : COPY y"]
    (build,) = [line for line in calls.read_text().splitlines() if line.startswith("build")]
    assert "--file /assembly/asset.1/training_image/Dockerfile --tag registry/assets:1" in build
    assert "--build-arg PIP_INDEX_URL=file:///mirror" in build
    assert "--build-arg VERSION=1" in build
    assert build.endswith(" /assembly/asset.1")


def test_a_build_that_fails_is_an_error_with_the_end_of_what_was_said(docker: Install) -> None:
    docker('case "$1" in image) exit 1;; build) echo "no such host"; exit 1;; esac')
    with pytest.raises(ImageError, match=r"no such host\n.*base_image.sh.*PIP_INDEX_URL"):
        build_images(DockerEngine(), [ASSET], lambda message: None)


def test_a_build_gets_the_proxies_and_the_index_of_this_machine() -> None:
    inherited = {"HTTPS_PROXY": "proxy:1", "http_proxy": "", "PIP_INDEX_URL": "mirror", "HOME": "/root"}
    assert build_arguments(inherited) == {"HTTPS_PROXY": "proxy:1", "PIP_INDEX_URL": "mirror"}


def test_only_containers_with_all_labels_are_removed(docker: Install) -> None:
    calls = docker('case "$1" in ps) echo abc; echo def;; esac')
    DockerEngine().remove_all({"contender.workspace": "w1"})
    assert calls.read_text().splitlines() == [
        "ps --all --quiet --filter label=contender.workspace=w1",
        "rm --force --volumes abc def",
    ]


def test_where_there_are_none_nothing_is_removed(docker: Install) -> None:
    calls = docker("exit 0")
    DockerEngine().remove_all({"contender.workspace": "w1"})
    assert calls.read_text().count("\n") == 1


def test_two_projects_have_labels_of_their_own(tmp_path: Path) -> None:
    assert workspace_labels(tmp_path) == workspace_labels(tmp_path)
    assert workspace_labels(tmp_path) != workspace_labels(tmp_path / "other")


def test_an_image_that_is_not_there_cannot_be_tried(tmp_path: Path) -> None:
    engine = FakeEngine(images=())
    with pytest.raises(ImageError, match=r"does not start: .*No such image"):
        check_reach(engine, "gone:1", endpoint_url="http://127.0.0.1:1", labels={}, log_file=tmp_path / "log")


def ends(code: int, said: str) -> Program:
    def run(container: FakeContainer) -> None:
        container.print(said)
        container.end(Ended(code, out_of_memory=False))

    return run


def test_an_image_that_does_not_reach_the_emulator_says_why_and_what_to_do(tmp_path: Path) -> None:
    engine = FakeEngine(program=ends(1, "ConnectionRefusedError: [Errno 111]"))
    with pytest.raises(ImageError, match=r"does not reach .*:4566 \(ConnectionRefused.*Enable host networking"):
        check_reach(engine, "training:1", endpoint_url="http://127.0.0.1:4566", labels={}, log_file=tmp_path / "log")
    assert engine.made[0].removed


def test_an_image_that_reaches_the_emulator_leaves_no_container(tmp_path: Path) -> None:
    engine = FakeEngine(program=ends(0, ""))
    check_reach(
        engine, "training:1", endpoint_url="http://127.0.0.1:4566", labels={"w": "1"}, log_file=tmp_path / "log"
    )
    assert engine.made[0].removed
    assert engine.made[0].spec.labels == {"w": "1"}


def test_an_image_that_cannot_be_made_is_an_error_in_the_engines_words(docker: Install, tmp_path: Path) -> None:
    docker("echo 'Error response from daemon: No such image: x' >&2; echo \"Run 'docker create --help'\" >&2; exit 1")
    with pytest.raises(EngineError, match="Error response from daemon: No such image: x"):
        DockerEngine().run(ContainerSpec(image="x", name="n", labels={}), tmp_path / "log")


def test_containers_of_an_agent_that_was_killed_are_removed_and_without_any_nothing_is_asked(
    docker: Install, tmp_path: Path
) -> None:
    calls, workspace = docker('case "$1" in ps) echo abc;; esac'), Workspace(tmp_path)
    container_mode.clean_up(workspace)
    assert not calls.exists()
    workspace.folder.mkdir()
    workspace.function_host.touch()
    container_mode.clean_up(workspace)
    assert calls.read_text().endswith("rm --force --volumes abc\n")
    assert not workspace.function_host.exists()
