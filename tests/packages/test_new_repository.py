"""`contender new`: a repository that uses Contender as a dependency, whose own tests and demo pass."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import contender
from contender.cli.new_repository.write import EXTRAS, FILES, write_repository, written_files
from contender.environments.code import code_root, own_packages
from contender.environments.settings import environments_of, pipeline_in
from contender.errors import ConflictError, InvalidInputError
from contender.pipeline.config import load_pipeline
from stacks.code_tree import code_tree
from stacks.own_requirements import OwnRequirementsError
from tests.packages import environments
from tests.packages.environments import PROJECT, alone

NAME = "my-models"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / NAME
    write_repository(NAME, folder)
    return folder


def test_every_file_is_filled_in_and_is_what_it_says(repository: Path) -> None:
    written = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    assert written == {path.format(package="my_models") for path in FILES}
    for path in repository.rglob("*"):
        if path.is_file():
            assert not re.search(r"\{\{|\}\}", path.read_text("utf-8").replace("${{", "").replace(" }}", "")), path
    for path in repository.rglob("*.py"):
        ast.parse(path.read_text("utf-8"))
    for path in (repository / ".github/workflows").iterdir():
        assert yaml.safe_load(path.read_text("utf-8"))["jobs"]
    assert (repository / "requirements.txt").read_text("utf-8").startswith(f"{EXTRAS}=={contender.__version__}\n")
    assert tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["name"] == NAME


def test_its_workflows_use_the_actions_that_ours_use_pinned_alike(repository: Path) -> None:
    uses = re.compile(r"uses: (\S+@.*)")
    ours = {each for path in (PROJECT / ".github").rglob("*.yml") for each in uses.findall(path.read_text("utf-8"))}
    theirs = {
        each for path in (repository / ".github").rglob("*.yml") for each in uses.findall(path.read_text("utf-8"))
    }
    assert theirs
    assert theirs <= ours


def test_its_environments_differ_in_what_they_say(repository: Path) -> None:
    found = environments_of((repository / "environments.toml").read_text("utf-8"))
    config = load_pipeline(repository / "pipelines/sales.toml")
    assert [pipeline_in(config, found[name]).schedule.enabled for name in ("dev", "prod")] == [False, True]


@pytest.mark.parametrize("name", ["", "My-Models", "1st", "a--b", "a-", "class", "x" * 41, "a/b", ".."])
def test_a_name_that_no_package_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="for example my-models"):
        written_files(name)


@pytest.mark.parametrize("name", ["json", "data", "app", "tests", "contender", "training-image", "localcloud", "numpy"])
def test_the_name_of_something_else_is_refused(name: str) -> None:
    """The package would hide what it is called like, or be hidden by it."""
    with pytest.raises(InvalidInputError, match=f"take another, for example my-{name}"):
        written_files(name)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(InvalidInputError, match=r"file/my-models cannot be written \(Not a directory\); name another"):
        write_repository(NAME, tmp_path / "file" / NAME)


def test_nothing_is_written_over(repository: Path) -> None:
    readme = repository / "README.md"
    readme.write_text("mine", "utf-8")
    with pytest.raises(ConflictError, match="is not empty; nothing was written"):
        write_repository(NAME, repository)
    assert readme.read_text("utf-8") == "mine"


def test_what_is_deployed_is_contenders_code_beside_its_own(repository: Path) -> None:
    assert own_packages(repository) == ("my_models",)
    tree = code_tree(repository)
    assert tree == repository / ".contender/code"
    assert (tree / "my_models/estimators.py").read_bytes() == (repository / "my_models/estimators.py").read_bytes()
    installed = code_root(repository)
    assert own_steps(tree) == ["COPY my_models/ /app/my_models/"]
    for name in ("contender/errors.py", "lambdas/claim/handler.py", "statemachines/continuous_training.asl.json"):
        assert (tree / name).read_bytes() == (installed / name).read_bytes()
    assert code_tree(installed) == installed


def own_steps(tree: Path) -> list[str]:
    """What the image's Dockerfile does beyond Contender's own."""
    ours = (PROJECT / "training_image/Dockerfile").read_text("utf-8").splitlines()
    return [line for line in (tree / "training_image/Dockerfile").read_text("utf-8").splitlines() if line not in ours]


def test_the_image_gets_what_an_own_estimator_needs_and_imports_it(repository: Path) -> None:
    (repository / "my_models/requirements.txt").write_text("xgboost-cpu==3.1.1\nnumpy==2.4.6\n", "utf-8")
    tree = code_tree(repository, [load_pipeline(repository / "pipelines/sales.toml")])
    needs, installed, copied, imported = own_steps(tree)
    assert needs == "COPY my_models/requirements.txt /tmp/my_models/requirements.txt"
    assert copied == "COPY my_models/ /app/my_models/"
    assert "pip --python /opt/venv/bin/python install --no-deps" in installed
    assert installed.endswith("-r /tmp/my_models/requirements.txt")
    assert imported.endswith('-c "import my_models.estimators"')


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("xgboost", "my_models/requirements.txt must pin each package as package==version, but has 'xgboost'"),
        ("-r other.txt", "must pin each package as package==version, but has '-r other.txt'"),
        ("numpy==2.0.0", "pins numpy 2.0.0, but Contender's image trains with 2"),
    ],
)
def test_requirements_that_would_make_another_image_tomorrow_are_refused(
    repository: Path, line: str, told: str
) -> None:
    (repository / "my_models/requirements.txt").write_text(f"{line}\n", "utf-8")
    with pytest.raises(OwnRequirementsError, match=re.escape(told)):
        code_tree(repository)


def made(repository: Path, bin_folder: Path, target: str, seconds: int) -> str:
    """What `make` prints with the programs of an environment."""
    command = ["make", target, f"BIN={bin_folder}"]
    ended = subprocess.run(
        command, cwd=repository, env=alone(bin_folder), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_its_own_tests_pass_with_the_built_wheel(programs: Path, tmp_path: Path) -> None:
    programs = environments.with_more(programs, tmp_path / "venv", "pytest")
    run = subprocess.run([programs / "contender", "new", NAME, "--json"], cwd=tmp_path, capture_output=True, check=True)
    assert "pipelines/sales.toml" in json.loads(run.stdout)["files"]
    assert "5 passed" in made(tmp_path / NAME, programs, "test", 300)


@pytest.fixture
def with_the_local_cloud(wheel: Path, tmp_path: Path) -> Iterator[Path]:
    """The programs of an environment with the extras `cli` and `local`; what was started with them is put down."""
    programs = environments.make(tmp_path / "venv", wheel, "cli", "local")
    (programs / "node").symlink_to(shutil.which("node", path=str(Path(sys.executable).parent)) or "/usr/bin/node")
    yield programs
    subprocess.run([programs / "contender", "down"], cwd=tmp_path / NAME, check=False, capture_output=True)


@pytest.mark.chaos
def test_its_demo_passes_with_the_built_wheel(with_the_local_cloud: Path, tmp_path: Path) -> None:
    write_repository(NAME, tmp_path / NAME)
    printed = made(tmp_path / NAME, with_the_local_cloud, "demo", 900)
    assert "promoted" in printed
    assert "model 20" in printed  # the version that answered
