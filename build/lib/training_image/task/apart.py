"""Runs a training in a process of its own, which reads a folder and writes a folder.

It has the numeric kernels of a training task, whatever the caller has loaded and whatever its environment says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contender import errors
from contender.errors import ContenderError, NotFoundError, TrainingFailedError
from contender.ports import ReadObjects, StoredObject
from contender.training.pinned_kernels import with_pinned_kernels

COMMAND = (sys.executable, "-P", "-m", "training_image.reproduce")
LAST_WORDS = 300
Made = tuple[dict[str, Any], dict[str, bytes]]
"""A manifest and a version's files."""


@dataclass(frozen=True)
class Handover:
    """The folder, seen from both sides. To the training it is also the data bucket."""

    folder: Path

    def give(self, manifest: Mapping[str, Any], data: ReadObjects, keys: Sequence[str], *, code: str) -> None:
        """What a training has to know, and the objects that it reads."""
        for key in keys:
            path = self.folder / "data" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.get(key).body)
        (self.folder / "given.json").write_text(json.dumps({"manifest": manifest, "code": code}))

    def given(self) -> tuple[dict[str, Any], str]:
        """The manifest, and the digest of the code."""
        content = json.loads((self.folder / "given.json").read_text())
        return content["manifest"], content["code"]

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:  # noqa: ARG002 - there is one
        """An object that was given. Raises NotFoundError."""
        try:
            return StoredObject((self.folder / "data" / key).read_bytes(), "")
        except FileNotFoundError:
            raise NotFoundError(f"{key} does not exist") from None

    def leave(self, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """What came of the training."""
        made = self.folder / "made"
        made.mkdir()
        for name, body in files.items():
            (made / name).write_bytes(body)
        (self.folder / "manifest.json").write_text(json.dumps(manifest))

    def leave_error(self, error: ContenderError) -> None:
        (self.folder / "error.json").write_text(json.dumps({"kind": type(error).__name__, "said": str(error)}))

    def made(self) -> Made | None:
        """What the training left; None where it left nothing. Raises the error that it ended with."""
        error = self.folder / "error.json"
        if error.exists():
            content = json.loads(error.read_text())
            raise getattr(errors, content["kind"])(content["said"])
        manifest = self.folder / "manifest.json"
        if not manifest.exists():
            return None
        files = {path.name: path.read_bytes() for path in (self.folder / "made").iterdir()}
        return json.loads(manifest.read_text()), files


def train_apart(
    manifest: Mapping[str, Any],
    data: ReadObjects,
    keys: Sequence[str],
    *,
    code: str,
    report: Callable[[str], None],
    variables: Mapping[str, str] = os.environ,
) -> Made:
    """`training_image.reproduce.train_again` in a process of its own, with the kernels of a training task.

    Parameters
    ----------
    keys : the objects of the data bucket that it reads.

    Raises
    ------
    ContenderError
        As the training does, or when its process ends without a word.
    """
    with TemporaryDirectory(prefix="contender-") as name:
        handover = Handover(Path(name))
        handover.give(manifest, data, keys, code=code)
        path = os.pathsep.join(place for place in sys.path if place)  # whatever is imported here is imported there
        log = handover.folder / "log"
        with (
            log.open("w") as errors_to,
            subprocess.Popen(
                [*COMMAND, name],
                env=with_pinned_kernels({**variables, "PYTHONPATH": path}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors_to,
                text=True,
            ) as process,
        ):
            for line in process.stdout or ():
                report(line.rstrip("\n"))
        made = handover.made()
        if made is None:
            said = " ".join(log.read_text().split())[-LAST_WORDS:]
            raise TrainingFailedError(f"the training's process ended with exit code {process.returncode}: {said}")
        return made
