"""Event files of a version, read back by TensorBoard itself."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from contender.adapters.trackers.plots import draw
from contender.adapters.trackers.tensorboard import write_events
from contender.tracking.mirror import version_files
from localcloud.side_environments import tool
from tests.tracked import Shop

ROOT = Path(__file__).resolve().parents[2]


def read(folder: Path) -> Any:
    """What TensorBoard finds, by its own reader."""
    command = [str(tool("tensorboard", ROOT).python()), str(Path(__file__).with_name("read_events.py")), str(folder)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@cache
def picture() -> bytes:
    """Drawn once for all tests: it takes longest."""
    shop = Shop()
    told, explanation = version_files(shop.data, shop.registry, shop.train(1))
    assert told.evidence is not None
    return draw({"holdout": told.evidence["holdout"]}, explanation)["roc.png"]


def write(folder: Path) -> None:
    shop = Shop()
    told, _explanation = version_files(shop.data, shop.registry, shop.train(1))
    write_events(folder, told, {"roc.png": picture()})


def test_tensorboard_reads_figures_at_their_steps_and_plots(tmp_path: Path) -> None:
    write(tmp_path)
    found = read(tmp_path)
    trained = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # as the manifest says
    assert [step for step, _value, _time in found["scalars"]["rounds/training"]] == [1, 2, 3, 4, 5]
    assert {when for series in found["scalars"].values() for _step, _value, when in series} == {trained}
    curve = [(step, pytest.approx(value)) for step, value, _time in found["scalars"]["learning_curve/validation"]]
    assert curve == [(500, 0.80), (1000, 0.85)]
    ((step, score, _time), _pruned) = found["scalars"]["search/score"]
    assert (step, score) == (0, pytest.approx(0.81))
    ((_step, value, _time),) = found["scalars"]["holdout/auc"]
    assert value == pytest.approx(0.9)
    assert found["images"] == {"plots/roc": [[704, 528]]}


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path)
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1
