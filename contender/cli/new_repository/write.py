"""Writes a new repository from the files in `files/`."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import contender
from contender.errors import ConflictError, InvalidInputError

NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
MOST_CHARACTERS = 40

FILES: Mapping[str, str] = {
    "README.md": "README.md",
    "Makefile": "Makefile",
    "requirements.txt": "requirements",
    "pyproject.toml": "pyproject",
    ".gitignore": "gitignore",
    ".github/workflows/ci.yml": "ci",
    ".github/workflows/deploy.yml": "deploy",
    "app.py": "app",
    "cdk.json": "cdk",
    "environments.toml": "environments",
    "pipelines/sales.toml": "pipeline",
    "{package}/__init__.py": "package",
    "{package}/estimators.py": "estimators",
    "{package}/example_data.py": "example_data",
    "tests/test_estimators.py": "test_estimators",
    "tests/test_pipeline.py": "test_pipeline",
}
"""What is written where, of which template."""


def written_files(name: str) -> dict[str, str]:
    """The files of a repository of this name, by path.

    Raises
    ------
    InvalidInputError
        When the name is none for a folder and a package.

    Examples
    --------
    >>> sorted(written_files("my-models"))[:3]
    ['.github/workflows/ci.yml', '.github/workflows/deploy.yml', '.gitignore']
    >>> "from my_models.example_data import" in written_files("my-models")["tests/test_pipeline.py"]
    True
    """
    package = name.replace("-", "_")
    taken = keyword.iskeyword(package) or package in ("contender", "tests", "pipelines", "lambdas", "stacks")
    if not NAME.match(name) or len(name) > MOST_CHARACTERS or taken:
        raise InvalidInputError(
            f"the name must be lower-case letters, digits and single hyphens, at most {MOST_CHARACTERS}, beginning "
            f"with a letter, and no name of Contender's or Python's own, but got {name!r}; for example my-models"
        )
    values = {"{{name}}": name, "{{package}}": package, "{{version}}": contender.__version__}
    templates = files(__package__) / "files"
    return {
        path.format(package=package): _filled((templates / f"{template}.template").read_text("utf-8"), values)
        for path, template in FILES.items()
    }


def write_repository(name: str, folder: Path) -> list[Path]:
    """Write a repository into an empty folder, or one that is not there yet; its files.

    Raises
    ------
    ConflictError
        When something is there; nothing is written.
    """
    contents = written_files(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is not empty; nothing was written. Name another folder: --folder FOLDER")
    for path, text in contents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return [folder / path for path in contents]


def _filled(text: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
