"""The image itself: who it runs as, what it says of itself, and that it writes nowhere but in /tmp."""

from __future__ import annotations

import json
import subprocess

import pytest

import contender
from contender.training.fingerprint import code_sha256
from tests.containers.conftest import ContainerLoop, docker

pytestmark = pytest.mark.containers
LARGEST_MB = 550
"""The image without its base; docs/containers.md says what is in it."""


@pytest.fixture(scope="session")
def image(loop: ContainerLoop) -> str:
    """The name under which the templates know the image."""
    return str(loop.training_container()["image"])


def test_it_runs_as_nobody_and_says_which_code_it_holds(loop: ContainerLoop, image: str) -> None:
    found = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert found["User"] == "10001:10001"
    assert found["Labels"]["org.opencontainers.image.version"] == contender.__version__
    assert found["Labels"]["org.opencontainers.image.revision"] == code_sha256(loop.root)
    assert found["Healthcheck"]["Test"] == ["CMD", "python", "-m", "training_image.health"]


def test_it_is_as_small_as_its_page_says(image: str) -> None:
    sizes = [int(size) for size in docker("history", "--human=false", "--format", "{{.Size}}", image).split()]
    base = sizes[-1]
    assert (sum(sizes) - base) / 1e6 < LARGEST_MB


def test_it_writes_in_tmp_and_nowhere_else(image: str) -> None:
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x')"
    command = ["docker", "run", "--rm", "--read-only", "--entrypoint", "python", image, "-c", program]
    assert subprocess.run([*command, "/tmp/x"], check=False).returncode == 0
    for path in ("/app/x", "/opt/venv/x", "/x", "/etc/passwd"):
        refused = subprocess.run([*command, path], capture_output=True, text=True, check=False)
        assert refused.returncode != 0
        assert "Error" in refused.stderr


def test_its_packages_are_those_that_are_pinned(image: str, loop: ContainerLoop) -> None:
    program = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    installed = json.loads(docker("run", "--rm", "--entrypoint", "python", image, "-c", program))
    installed = {name.lower().replace("_", "-"): version for name, version in installed.items()}
    lines = (loop.root / "training_image" / "requirements.txt").read_text().splitlines()
    pinned = dict(line.split(" ")[0].split("==") for line in lines if "==" in line and not line.startswith((" ", "#")))
    removed = {"sqlalchemy", "alembic", "mako"}
    assert {name: version for name, version in pinned.items() if name not in removed} == installed
