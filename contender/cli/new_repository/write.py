"""Writes a new repository from the files in `files/`."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import contender
from contender.errors import ConflictError, InvalidInputError

NAME = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
MOST_CHARACTERS = 40
BESIDE = ("app", "build", "cdk", "data", "dist", "pipelines", "tests")
"""What lies, or comes to lie, beside the package in the repository."""

EXTRAS = "contender[cli,local]"
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
    "{package}/requirements.in": "own_requirements_in",
    "{package}/requirements.txt": "own_requirements",
    "tests/test_example.py": "test_example",
    "tests/test_pipelines.py": "test_pipelines",
}
"""What is written where, of which template."""

Find = Callable[[str], object | None]


def written_files(name: str, find: Find = importlib.util.find_spec) -> dict[str, str]:
    """The files of a repository of this name, by path.

    Parameters
    ----------
    find : finds an installed package by its import's name; None where there is none.

    Raises
    ------
    InvalidInputError
        When the name is none for a folder and a package.

    Examples
    --------
    >>> sorted(written_files("my-models"))[:3]
    ['.github/workflows/ci.yml', '.github/workflows/deploy.yml', '.gitignore']
    >>> "from my_models.example_data import" in written_files("my-models")["tests/test_example.py"]
    True
    >>> written_files("json")
    Traceback (most recent call last):
    contender.errors.InvalidInputError: json is the name of something else that Python imports or that lies in the \
repository; take another, for example my-json
    """
    package = name.replace("-", "_")
    if not NAME.match(name) or len(name) > MOST_CHARACTERS or keyword.iskeyword(package):
        raise InvalidInputError(
            f"the name must be lower-case letters, digits and single hyphens, at most {MOST_CHARACTERS}, beginning "
            f"with a letter, and no word of Python's own, but got {name!r}; for example my-models"
        )
    if package in (*BESIDE, *sys.stdlib_module_names) or find(package) is not None:
        raise InvalidInputError(
            f"{name} is the name of something else that Python imports or that lies in the repository; take another, "
            f"for example my-{name}"
        )
    values = {"{{name}}": name, "{{package}}": package, "{{contender}}": requirement(_where_from())}
    templates = files(__package__) / "files"
    return {
        path.format(package=package): _filled((templates / f"{template}.template").read_text("utf-8"), values)
        for path, template in FILES.items()
    }


def requirement(where_from: str) -> str:
    """The line that asks for this Contender: by its address where it was installed from one, else by its version.

    Parameters
    ----------
    where_from : `direct_url.json` of the installed package (PEP 610); empty where it came from an index.

    Examples
    --------
    >>> requirement('{"url": "https://git.example.com/contender", "vcs_info": {"vcs": "git", "commit_id": "4f1c"}}')
    'contender[cli,local] @ git+https://git.example.com/contender@4f1c'
    >>> requirement("") == requirement('{"url": "file:///home/me/contender", "dir_info": {"editable": true}}')
    True
    """
    found = json.loads(where_from or "{}")
    url, repository = str(found.get("url", "")), found.get("vcs_info")
    if not url.startswith(("https://", "http://", "ssh://")):  # a folder of this machine says nothing to others
        return f"{EXTRAS}=={contender.__version__}"
    return f"{EXTRAS} @ " + (f"{repository['vcs']}+{url}@{repository['commit_id']}" if repository else url)


def write_repository(name: str, folder: Path) -> list[Path]:
    """Write a repository into an empty folder, or one that is not there yet; its files.

    Raises
    ------
    ConflictError
        When something is there; nothing is written.
    InvalidInputError
        When the name is none, or the folder cannot be written.
    """
    contents = written_files(name)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConflictError(f"{folder} is not empty; nothing was written. Name another folder: --folder FOLDER")
        for path, text in contents.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(
            f"{folder} cannot be written ({error.strerror}); name another folder: --folder FOLDER"
        ) from error
    return [folder / path for path in contents]


def _where_from() -> str:
    try:
        return distribution("contender").read_text("direct_url.json") or ""
    except PackageNotFoundError:
        return ""


def _filled(text: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
