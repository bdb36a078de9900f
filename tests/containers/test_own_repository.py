"""The training image of a repository that `contender new` wrote: with its package, and what its estimator needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contender.cli.new_repository.write import write_repository
from contender.pipeline.config import load_pipelines
from localcloud.engine import DockerEngine
from localcloud.errors import EngineError
from localcloud.images import build_arguments
from stacks.code_tree import code_tree
from tests.containers.conftest import docker

pytestmark = pytest.mark.containers
TAG = "contender-own-repository:test"
# gplearn: symbolic regression by Trevor Stephens, pure Python on scikit-learn; Contender's image has all that it needs.
NEEDED = "gplearn==0.4.3\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write_repository("my-models", tmp_path / "my-models")
    code = tmp_path / "my-models/my_models/estimators.py"
    code.write_text(code.read_text("utf-8") + "\nimport gplearn\n", "utf-8")
    return tmp_path / "my-models"


def build(repository: Path) -> None:
    tree = code_tree(repository, load_pipelines(repository / "pipelines"))
    arguments = build_arguments(os.environ)
    DockerEngine().build(tree, "training_image/Dockerfile", TAG, arguments=arguments, on_line=lambda _: None)


def test_what_the_estimator_needs_is_in_the_image_or_the_build_says_that_it_is_not(repository: Path) -> None:
    with pytest.raises(EngineError, match="No module named 'gplearn'"):
        build(repository)
    (repository / "my_models/requirements.txt").write_text(NEEDED, "utf-8")
    build(repository)
    program = "import gplearn, my_models.estimators; print(gplearn.__version__)"
    assert docker("run", "--rm", "--entrypoint", "python", TAG, "-c", program) == NEEDED.strip().partition("==")[2]
