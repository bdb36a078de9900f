"""`pip install contender` in an empty environment: three commands work, and the others say what they need."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packages.environments import PROJECT, alone

PIPELINE = """
name = "orders"
task = "regression"
target = "price"
time = "day"
numeric = ["size"]
[training]
estimator = "linear"
holdout_blocks = 3
validation_blocks = 1
"""
ROWS = "".join(
    f"2026-{month:02}-{day:02},{size},{3 * size + (size * 7 + day) % 5}\n"
    for month in (1, 2, 3)
    for day in range(1, 29)
    for size in (1, 2, 5, 8)
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a pipeline and a history, and nothing else."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "orders.toml").write_text(PIPELINE, "utf-8")
    (tmp_path / "history.csv").write_text(f"day,size,price\n{ROWS}", "utf-8")
    return tmp_path


def contender(programs: Path, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(programs / "contender"), *arguments]
    return subprocess.run(command, cwd=project, env=alone(programs), capture_output=True, text=True, check=False)


def test_help_lists_every_command(programs: Path, project: Path) -> None:
    ended = contender(programs, project, "--help")
    assert ended.returncode == 0, ended.stderr
    for command in ("check", "replay", "demo", "env", "new"):
        assert f" {command} " in ended.stdout


def test_check_reads_a_file(programs: Path, project: Path) -> None:
    ended = contender(programs, project, "check", "history.csv", "--pipeline", "orders", "--offline", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["verdict"], told["accepted_rows"], told["rejected_rows"]) == ("accepted", 3 * 28 * 4, 0)


def test_replay_trains_and_judges(programs: Path, project: Path) -> None:
    ended = contender(programs, project, "replay", "history.csv", "--pipeline", "orders", "--json", "--start", "1")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["pipeline"] == "orders"
    assert [batch["rows"] for batch in told["batches"]] == [28 * 4] * 3
    assert [batch["used"] for batch in told["batches"]] == [True] * 3


@pytest.mark.parametrize(("command", "extra"), [("demo", "local"), ("up", "local"), ("console", "cli")])
def test_a_command_without_its_extra_says_in_one_line_what_to_type(
    programs: Path, project: Path, command: str, extra: str
) -> None:
    ended = contender(programs, project, command)
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error contender {command} needs ")
    assert line.endswith(f"; type: pip install 'contender[{extra}]'")


def test_the_wheel_holds_what_is_no_python_and_nothing_of_the_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "contender/reports/run_page.css",
        "docs/runbooks/champion-fails.md",
        "contender/cli/new_repository/files/pipeline.template",
        "lambdas/serve/requirements.txt",
        "localcloud/tools/mlflow.txt",
        "statemachines/continuous_training.asl.json",
        "training_image/Dockerfile",
        "training_image/requirements.txt",
    ):
        assert name in names
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=PROJECT, capture_output=True, text=True, check=True)
    rooms = ("contender/", "lambdas/", "localcloud/", "stacks/", "training_image/", "serving_image/", "demo_data/")
    ours = {name for name in tracked.stdout.split() if name.startswith(rooms) and (PROJECT / name).is_file()}
    assert ours <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "scans/"))]


def test_the_source_distribution_holds_what_the_wheel_is_built_of(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"pyproject.toml", "LICENSE", "contender/py.typed", "training_image/Dockerfile"} <= names
