"""Packages installed by uv, from the index that pip is set up for.

pip takes 46 s of CPU for MLflow's packages, uv one second (two cores, November 2026).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SETTING = re.compile(r"(?P<origin>[^.]+)\.(?P<name>[a-z-]+)='(?P<value>[^']*)'")
CHANGE = re.compile(r" [+~-] ")
"""How a line of uv begins that names one package which is there now; there are more than a hundred."""
FOR_UV = {"index-url": "UV_DEFAULT_INDEX", "no-index": "UV_NO_INDEX", "cert": "SSL_CERT_FILE"}
"""pip's settings that lead to another index, and what uv calls them."""


def find_uv() -> str:
    """The program. It is part of extras: who asks for help may have none."""
    import uv  # noqa: PLC0415

    return uv.find_uv_bin()


def install_command(*options: str, compiled: bool = False) -> list[str]:
    """`uv pip install` with these options, without looking for what a package would like beside the pins.

    Bytecode is written now where it is asked for, and where Python writes none later.
    """
    compiling = ["--compile-bytecode"] if compiled or sys.dont_write_bytecode else []
    return [find_uv(), "pip", "install", "--no-deps", "--no-progress", *compiling, *options]


def variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of an installation: what is inherited, and pip's index unless uv has one of its own."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True, env=dict(inherited)
    )
    return index_settings(listed.stdout) | dict(inherited)


def index_settings(listed: str) -> dict[str, str]:
    """What `pip config list` prints, as uv's variables; a variable of the environment precedes a file.

    Examples
    --------
    >>> index_settings("global.index-url='https://pypi.example.com/packages'")
    {'UV_DEFAULT_INDEX': 'https://pypi.example.com/packages'}
    """
    found = [setting.groupdict() for setting in map(SETTING.match, listed.splitlines()) if setting]
    found.sort(key=lambda setting: setting["origin"] == ":env:")  # the last one counts
    return {FOR_UV[setting["name"]]: setting["value"] for setting in found if setting["name"] in FOR_UV}


def install(folder: Path, *, python: Path, requirements: Path) -> None:
    """Install what a file pins for another interpreter into a folder.

    Raises
    ------
    subprocess.CalledProcessError
        When something cannot be fetched; its `stderr` says what.
    """
    options = ("--quiet", "--target", str(folder), "--python", str(python), "-r", str(requirements))
    subprocess.run(install_command(*options), check=True, capture_output=True, text=True, env=variables(os.environ))


def install_here(options: Sequence[str]) -> int:
    """Install into the environment of this interpreter, and say what is downloaded; the exit code.

    Parameters
    ----------
    options : of `uv pip install`; files that they name have hashes of all that they pin.
    """
    command = [find_uv(), "pip", "install", "--no-deps", "--python", sys.executable, *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables(os.environ)) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if not CHANGE.match(line):
                sys.stderr.write(line)
                sys.stderr.flush()
    return running.returncode


if __name__ == "__main__":
    sys.exit(install_here(sys.argv[1:]))
