"""Environments that hold the wheel and what it declares, and nothing else: made of what is installed here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import uv
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
OWN = "contender"


def declared(extra: str = "") -> list[Requirement]:
    """The requirements of pyproject.toml, or those of an extra."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    return [Requirement(line) for line in (table["optional-dependencies"][extra] if extra else table["dependencies"])]


def extras() -> tuple[str, ...]:
    """The names of all extras."""
    table = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    return tuple(table["optional-dependencies"])


def with_what_they_need(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """The distributions that pip would install for these requirements, by name, of those that are installed here."""
    found: dict[str, Distribution] = {}
    waiting = [(each, frozenset(each.extras)) for each in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, wanted = waiting.pop()
        name = normal(requirement.name)
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        if name == OWN:
            waiting += [(each, frozenset(each.extras)) for extra in wanted for each in declared(extra)]
            continue
        made = distribution(name)
        assert requirement.specifier.contains(made.version, prereleases=True), f"{requirement}, but {made.version}"
        found[name] = made
        waiting += [(each, frozenset(each.extras)) for each in needed(made, wanted)]
    return found


def needed(made: Distribution, wanted: Iterable[str]) -> Iterator[Requirement]:
    """What a distribution asks for on this machine, with these extras of it. One that is not installed is a wish."""
    for line in made.requires or ():
        each = Requirement(line)
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
            try:
                distribution(each.name)
            except PackageNotFoundError:
                continue
            yield each


def normal(name: str) -> str:
    """A name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def make(folder: Path, wheel: Path, *extra_names: str) -> Path:
    """An environment with the wheel, its declared closure and nothing else; the folder of its programs."""
    packages = _empty(folder)
    _link_all([*declared(), *(each for name in extra_names for each in declared(name))], packages)
    run_uv("pip", "install", "--no-deps", "--offline", "--python", str(folder), str(wheel))
    return folder / "bin"


def with_more(programs: Path, folder: Path, *names: str) -> Path:
    """An environment with these distributions and all that another has, whose `contender` it is: what that one compiles
    is compiled for both. The folder of its programs."""
    packages = _empty(folder)
    for path in _packages(programs.parent).iterdir():
        link(path, packages / path.name)
    _link_all(map(Requirement, names), packages)
    (folder / "bin" / OWN).symlink_to(programs / OWN)
    return folder / "bin"


def _empty(folder: Path) -> Path:
    """Make an environment without packages; the folder that they go into."""
    run_uv("venv", "--python", sys.executable, str(folder))
    return _packages(folder)


def _packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def _link_all(requirements: Iterable[Requirement], packages: Path) -> None:
    for made in with_what_they_need(requirements).values():
        for top in sorted({Path(file).parts[0] for file in made.files or () if Path(file).parts[0] != ".."}):
            link(Path(str(made.locate_file(top))), packages / top)


def link(source: Path, target: Path) -> None:
    """Link a package; folders that several distributions share are made, and what is in them is linked."""
    if target.is_symlink() or target.is_file() or not source.exists():
        return
    if source.is_dir() and not (source / "__init__.py").exists() and source.suffix not in (".dist-info", ".libs"):
        target.mkdir(exist_ok=True)
        for inner in source.iterdir():
            link(inner, target / inner.name)
    else:
        target.symlink_to(source)


def run_uv(*arguments: str) -> None:
    subprocess.run([uv.find_uv_bin(), *arguments, "--quiet"], check=True, capture_output=True, text=True)


def alone(bin_folder: Path) -> dict[str, str]:
    """Variables under which a program sees its own environment and nothing of ours."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": f"{bin_folder}:/usr/bin:/bin", "COLUMNS": "200", "AWS_DEFAULT_REGION": "us-east-1"}
