"""The wheel and the source distribution, built once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import uv

from localcloud.package_installer import variables
from tests.packages import environments
from tests.packages.environments import PROJECT

BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""
"""What `uv build` asks of the backend, in one process: it starts four."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built of the project's files as they are now."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        needed = name.startswith("docs/runbooks/") or not name.startswith(("tests/", "benchmarks/", "docs/"))
        if needed and (PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, source / name)
    needed_to_build = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    command = [uv.find_uv_bin(), "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable]
    command += [*(word for each in needed_to_build for word in ("--with", each)), "python", "-c", BUILD, str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True, env=variables(os.environ))
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and what it declares without an extra."""
    return environments.make(tmp_path_factory.mktemp("empty") / "venv", wheel)
