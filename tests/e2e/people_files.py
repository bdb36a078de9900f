"""Files as people have them, each through `contender init`, `up`, `upload` and `batch`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from contender.pipeline.config import PipelineConfig, load_pipeline
from tests.e2e.loop import LocalLoop
from tests.files_as_people_have_them.cases import file_bytes

LANES = 2


@dataclass(frozen=True)
class Story:
    """What somebody does with files.

    Attributes
    ----------
    files : of which a pipeline is made by the first; then each is uploaded.
    options : of `contender init`.
    retrain : whether a training is asked for afterwards, drift or no drift.
    batches : files to predict afterwards.
    """

    files: tuple[str, ...]
    target: str = "churned"
    options: tuple[str, ...] = ()
    retrain: bool = False
    batches: tuple[str, ...] = ()


STORIES = {
    "shops": Story(("ids_above_2_53.parquet",), batches=("batch_ids.parquet", "batch_ids_one_null.parquet")),
    "corrections": Story(("corrections_1.csv", "corrections_2.csv"), options=("--id", "cid"), retrain=True),
}
"""What else people send is read and learned alike: `tests/cli/test_models_of_people_files.py`."""


@dataclass(frozen=True)
class Told:
    """What the commands answered.

    Attributes
    ----------
    made : by `init`.
    config : the pipeline file that it wrote.
    runs : what `contender show` says of each run: of the uploads, and of the training that was asked for.
    predicted : of each file for prediction the manifest of the job and its rows.
    """

    made: dict[str, Any]
    config: PipelineConfig
    runs: tuple[dict[str, Any], ...]
    predicted: dict[str, tuple[dict[str, Any], pd.DataFrame]]

    def auc(self, run: int = 0) -> float:
        """Of the challenger of a run, on its holdout."""
        return float(self.runs[run]["comparison"]["challenger"])

    def file(self, run: int = 0) -> dict[str, Any]:
        """What became of the file of a run."""
        (found,) = self.runs[run]["validation"]["files"]
        return dict(found)


def local_file(loop: LocalLoop, name: str) -> Path:
    """A file of the cases on this machine."""
    folder = loop.root / "files of people"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(file_bytes(name))
    return path


def make_pipeline(loop: LocalLoop, name: str) -> dict[str, Any]:
    """`contender init`; then an estimator that trains in a moment, since the signals are linear."""
    story = STORIES[name]
    file = local_file(loop, story.files[0])
    command = ("init", str(file), "--target", story.target, "--name", name, "--json", *story.options)
    made: dict[str, Any] = json.loads(loop.contender(*command))
    path = loop.root / "pipelines" / f"{name}.toml"
    path.write_text(path.read_text("utf-8").replace('estimator = "auto"', 'estimator = "linear"'), "utf-8")
    return made


def make_pipelines(loop: LocalLoop) -> dict[str, dict[str, Any]]:
    """All of them; they are to be deployed then."""
    with ThreadPoolExecutor(LANES) as pool:
        return dict(zip(STORIES, pool.map(lambda name: make_pipeline(loop, name), STORIES), strict=True))


def play(loop: LocalLoop, name: str, made: dict[str, Any]) -> Told:
    """Upload the files of a pipeline that is deployed, one after the other, and predict others."""
    story = STORIES[name]
    commands = [("upload", str(local_file(loop, file))) for file in story.files]
    commands += [("retrain",)] * story.retrain
    runs = []
    for command in commands:
        answer = json.loads(loop.contender(*command, "-p", name, "--json"))
        runs.append(json.loads(loop.contender("show", answer["run_id"], "-p", name, "--json")))
    predicted = {}
    for file in story.batches:
        result = loop.root / "predicted" / name / file
        command = ("batch", str(local_file(loop, file)), "-p", name, "--json", "--download", str(result))
        manifest = json.loads(loop.contender(*command))
        parts = [pq.read_table(result / part["name"]) for part in manifest["parts"]]
        predicted[file] = (manifest, pd.concat([part.to_pandas() for part in parts], ignore_index=True))
    return Told(made, load_pipeline(loop.root / "pipelines" / f"{name}.toml"), tuple(runs), predicted)
