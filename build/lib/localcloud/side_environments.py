"""Separate Python environments for tools with conflicting requirements: pinned, created at first use.

`tools/<name>.txt` pins a tool with all that it pulls in, each file by its hash (`make lock` writes it of `<name>.in`;
`<name>.without` is what the tool asks for and does well without). A tool's environment is
never imported from: its programs are run, as any other program of the machine is.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from localcloud.errors import SideEnvironmentError
from localcloud.package_installer import install_command, variables

PINS = Path(__file__).parent / "tools"
TOOLS = (".contender", "tools")
"""Where the tools' environments are, below the project's root."""

PIN = re.compile(r"[A-Za-z0-9._-]+(\[[^]]*\])?==")

Report = Callable[[str], None]
FRAME = {ord(mark): None for mark in "×╰─▶│"}
"""What uv draws around its errors."""


def say_nothing(_line: str) -> None:
    """For those who need no progress."""


@dataclass(frozen=True)
class SideEnvironment:
    """A virtual environment of its own.

    Attributes
    ----------
    name : as people know the tool.
    requirements : the file with its pins.
    folder : where the environment is made.
    compiled : whether all of it is compiled when it is made, so that the first start is as quick as the next.
    """

    name: str
    requirements: Path
    folder: Path
    compiled: bool = False

    @property
    def pins(self) -> dict[str, str]:
        """Version by package, as pinned for this platform.

        Examples
        --------
        >>> tool("mlflow", Path("/project")).pins["mlflow"].split(".")[0]
        '3'
        """
        lines = (line.rstrip("\\ ") for line in self._text().splitlines() if PIN.match(line))
        pinned = [found for found in map(Requirement, lines) if found.marker is None or found.marker.evaluate()]
        return {found.name: str(found.specifier).removeprefix("==") for found in pinned}

    def python(self, report: Report = say_nothing) -> Path:
        """The environment's interpreter; makes the environment where there is none with these pins.

        `report` is told when one is made. Two who ask at the same time make it once.

        Raises
        ------
        SideEnvironmentError
            When it cannot be made, for example without a network.
        """
        if not self.is_made():
            with self._alone():
                if not self.is_made():  # somebody else may have made it meanwhile
                    self._make(report)
        return self._python

    def program(self, name: str, report: Report = say_nothing) -> Path:
        """One of the environment's programs by its name. Raises as `python` does."""
        return self.python(report).parent / name

    def is_made(self) -> bool:
        """Whether it can be used at once: made to the end, with these very pins, and its interpreter still there."""
        made = self._made.is_file() and self._made.read_text(encoding="utf-8") == self._text()
        return made and self._python.exists()

    @property
    def _python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def _made(self) -> Path:
        """Written last, so that an environment half made does not count."""
        return self.folder / "installed.txt"

    def _text(self) -> str:
        return self.requirements.read_text(encoding="utf-8")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{self.folder.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed, or its holder dies
            yield

    def _make(self, report: Report) -> None:
        report(f"creating the environment of {self.name}: {len(self.pins)} packages, once")
        self._run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(self.folder)], os.environ)
        into = ("--python", str(self._python), "-r", str(self.requirements))
        self._run(install_command(*into, compiled=self.compiled), variables(os.environ))
        self._made.write_text(self._text(), encoding="utf-8")

    def _run(self, command: list[str], environment: Mapping[str, str]) -> None:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False
        )
        if done.returncode:
            said = " ".join(done.stdout.translate(FRAME).split()) or f"exit code {done.returncode}"
            raise SideEnvironmentError(
                f"the environment of {self.name} in {self.folder} could not be created from {self.requirements.name}: "
                f"{said}; its packages come from pip's package index, "
                "once: see that the network, or the mirror that PIP_INDEX_URL names, answers, and try again"
            )


def tool(name: str, root: Path) -> SideEnvironment:
    """The environment of a tool that `tools/<name>.txt` pins, for the project in `root`.

    Examples
    --------
    >>> tool("mlflow", Path("/project")).folder.as_posix()
    '/project/.contender/tools/mlflow'
    """
    return SideEnvironment(name, PINS / f"{name}.txt", root.joinpath(*TOOLS, name))
