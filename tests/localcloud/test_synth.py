"""Synthesis: the app gets what the CDK's command line gives it, and runs once for the same inputs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from localcloud import synth
from localcloud.errors import SynthesisError
from localcloud.state import Workspace
from localcloud.synth import app_environment, inputs_hash, synthesise

COUNTING_APP = """
import os, pathlib
out = pathlib.Path(os.environ["CDK_OUTDIR"])
out.mkdir(parents=True)
(out / "manifest.json").write_text("{}")
with open("runs", "a") as runs:
    runs.write("x")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "app.py").write_text(COUNTING_APP)
    return Workspace(tmp_path)


def runs(workspace: Workspace) -> int:
    return len((workspace.root / "runs").read_text())


@pytest.mark.parametrize("name", synth.INPUTS)
def test_every_input_counts(tmp_path: Path, name: str) -> None:
    before = inputs_hash(tmp_path)
    path = tmp_path / name if "." in name else tmp_path / name / "file"
    path.parent.mkdir(exist_ok=True)
    path.write_text("1")
    first = inputs_hash(tmp_path)
    path.write_text("2")
    assert len({before, first, inputs_hash(tmp_path)}) == 3


def test_what_is_no_input_does_not_count(tmp_path: Path) -> None:
    before = inputs_hash(tmp_path)
    for name in ("README.md", "contender/__pycache__/x.cpython-311.pyc", "lambdas/y.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    assert inputs_hash(tmp_path) == before


def test_a_moved_file_counts(tmp_path: Path) -> None:
    for folder in ("stacks", "lambdas"):
        (tmp_path / folder).mkdir()
    (tmp_path / "stacks" / "a").write_text("1")
    before = inputs_hash(tmp_path)
    (tmp_path / "stacks" / "a").rename(tmp_path / "lambdas" / "a")
    assert inputs_hash(tmp_path) != before


def test_the_app_runs_once_for_the_same_inputs(workspace: Workspace) -> None:
    first = synthesise(workspace, "key")
    assert synthesise(workspace, "key") == first
    assert runs(workspace) == 1
    synthesise(workspace, "other key")
    assert runs(workspace) == 2


def test_the_app_gets_context_account_region_and_a_node(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text('{"app": "x", "context": {"prefix": "mine", "env": "prod"}}')
    made = app_environment(tmp_path, tmp_path / "out", {"PATH": "/bin", "KEPT": "1"})
    context = json.loads(made["CDK_CONTEXT_JSON"])
    assert (context["prefix"], context["env"]) == ("mine", "local")
    assert made["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/bin"
    assert made["NODE_COMPILE_CACHE"] == str(tmp_path / ".contender" / "node")
    assert (made["CDK_DEFAULT_ACCOUNT"], made["CDK_DEFAULT_REGION"]) == ("000000000000", "us-east-1")
    assert made["KEPT"] == "1"


def test_what_a_failing_app_prints_is_in_the_error_and_its_assembly_is_not_kept(workspace: Workspace) -> None:
    synthesise(workspace, "key")
    (workspace.root / "app.py").write_text("import sys; print('to stdout'); sys.exit('to stderr')")
    with pytest.raises(SynthesisError, match=r"(?s)exit code 1.*to stdout.*to stderr"):
        synthesise(workspace, "other key")
    assert synthesise(workspace, "key") == workspace.assembly


def test_a_folder_without_an_app_is_named(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"no app\.py"):
        synthesise(Workspace(tmp_path), "key")
