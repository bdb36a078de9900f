"""River's drift detectors as retraining policies: on which batches they retrain."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import FOLDER, PEERS
from benchmarks.streams.models import Models, through
from localcloud.side_environments import SideEnvironment

PEER = PEERS / "river_detectors"


def detector_times(models: Models) -> Mapping[str, tuple[int, ...]]:
    """By detector the batches of the loss matrix after which it retrains; each retrain serves without comparison.

    Raises
    ------
    SideEnvironmentError
        When river cannot be installed.
    """
    python = SideEnvironment("river", PEER / "requirements.txt", FOLDER / "river_detectors").python()
    with tempfile.TemporaryDirectory() as folder:
        watched, answer = Path(folder) / "watched.npz", Path(folder) / "times.json"
        np.savez(watched, **_watched(models))  # type: ignore[arg-type]
        subprocess.run([str(python), str(PEER / "retrain_times.py"), str(watched), str(answer)], check=True)
        found = json.loads(answer.read_text(encoding="utf-8"))
    return {name: tuple(times) for name, times in found.items()}


def _watched(models: Models) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    """(models, rows) of the matrix' models about all of its batches: losses, of classes also whether the likeliest was
    wrong; and (batches,) the place after each batch's last row. What a model cannot be asked about is 0."""
    stream = models.stream
    places = range(stream.start - 1, len(stream.batches))
    ends = np.cumsum([len(stream.batches[place]) for place in places])
    losses, wrong = (np.zeros((len(places), int(ends[-1])), dtype=np.float32) for _ in range(2))
    for row, made in enumerate(places[:-1]):
        for column in range(row + 1, len(places)):
            rows, batch = slice(ends[column - 1], ends[column]), str(places[column])
            losses[row, rows] = models.losses(through(made), batch)
            if stream.classes is not None:
                wrong[row, rows] = models.predictions(through(made), batch).argmax(axis=1) != models.truth(batch)
    found: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {"losses": losses, "ends": ends}
    return found if stream.classes is None else {**found, "wrong": wrong}
