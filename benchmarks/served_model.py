"""The model that every contestant serves: one gradient boosting on real flights, as ONNX in a bucket's layout for
Contender, and as the pickled scikit-learn pipeline on a pandas frame for the others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from contender.data.encoding import FeatureEncoding, encode
from contender.data.fit_encoding import fit_encoding
from contender.pipeline.config import PipelineConfig, TrainingPolicy
from contender.registry.pointer import Pointer, pointer_key
from contender.registry.versions import MANIFEST, MODEL
from contender.storage import sha256
from contender.table import Table
from demo_data.flights import flights
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import to_onnx

NUMERIC = ("dep_minute", "dep_delay", "distance", "scheduled_minutes", "humid", "wind_speed", "visib")
CATEGORICAL = ("carrier", "origin", "dest")
PIPELINE, VERSION = "bench", "20131201T000000Z-flights0-bench000"
UNSEEN = "a level that training never saw"

Frame = pd.DataFrame
Predictions = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """A model as Contender trains it, and the same one as scikit-learn takes raw rows.

    Attributes
    ----------
    pipeline : on the encoded matrix.
    whole : on a frame of numbers and text: scikit-learn's own encoder before it, written without Contender's.
    """

    config: PipelineConfig
    encodings: tuple[FeatureEncoding, ...]
    pipeline: Pipeline
    whole: Pipeline

    def onnx(self) -> bytes:
        return to_onnx(self.pipeline, len(self.encodings))


@cache
def split(days: int = 31) -> tuple[Frame, Frame]:
    """The flights of the year before its last days, and of those."""
    rows = flights()
    day = pd.to_datetime(rows["scheduled_at"]).dt.day_of_year
    return rows[day <= 365 - days].reset_index(drop=True), rows[day > 365 - days].reset_index(drop=True)


def with_gaps(rows: Frame, *, seed: int = 1, share: float = 0.02) -> Frame:
    """The rows, with values missing in every feature and unseen levels in every category, some rows of each."""
    random, damaged = np.random.default_rng(seed), rows.copy()
    for name in NUMERIC:
        damaged[name] = damaged[name].astype(np.float64).mask(random.random(len(rows)) < share)
    for name in CATEGORICAL:
        column = damaged[name].astype(object)
        column[random.random(len(rows)) < share] = None
        column[random.random(len(rows)) < share] = UNSEEN
        damaged[name] = column
    return damaged


def as_table(rows: Frame) -> Table:
    """What Contender encodes."""
    numbers = {name: rows[name].to_numpy(np.float64) for name in NUMERIC}
    return Table(numbers | {name: rows[name].to_numpy(object) for name in CATEGORICAL})


def as_frame(rows: Frame) -> Frame:
    """What scikit-learn's own encoder takes: the same precision, and text."""
    return rows[[*NUMERIC, *CATEGORICAL]].astype(dict.fromkeys(NUMERIC, np.float32))


def as_json(rows: Frame) -> list[dict[str, Any]]:
    """The rows of a request."""
    told = rows[[*NUMERIC, *CATEGORICAL]].astype(object)
    return [dict(row) for row in told.where(told.notna(), None).to_dict("records")]


def train(
    rows: Frame,
    target: NDArray[Any],
    *,
    task: str = "binary",
    estimator: str = "hist_gradient_boosting",
    parameters: Mapping[str, Any] | None = None,
) -> Trained:
    """Train as Contender does, and put scikit-learn's encoder before what came of it."""
    config = PipelineConfig(
        name=PIPELINE,
        task=task,
        target="target",
        numeric=NUMERIC,
        categorical=CATEGORICAL,
        training=TrainingPolicy(estimator=estimator, parameters=dict(parameters or {})),
    )
    table = as_table(rows)
    encodings = fit_encoding(table, config)
    pipeline = fit_estimator(config, encode(table, encodings), target)
    levels = [np.array(each.levels, dtype=object) for each in encodings if each.kind == "categorical"]
    ordinal = OrdinalEncoder(
        categories=levels,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        dtype=np.float32,
    )
    columns = ColumnTransformer(
        [("numeric", "passthrough", list(NUMERIC)), ("categorical", ordinal, list(CATEGORICAL))]
    )
    known = rows[rows[list(CATEGORICAL)].isin(dict(zip(CATEGORICAL, map(list, levels), strict=True))).all(axis=1)]
    columns.fit(as_frame(known))
    return Trained(config, encodings, pipeline, Pipeline([("columns", columns), *pipeline.steps]))


@dataclass(frozen=True)
class ServedModel:
    """What is served, as files.

    Attributes
    ----------
    bucket : the objects of the model bucket, by key.
    joblib_file, features_file : the pickled pipeline, and the names of its features.
    """

    trained: Trained
    bucket: Mapping[str, bytes]
    joblib_file: Path
    features_file: Path

    @property
    def digests(self) -> Sequence[str]:
        """What a warm instance would find on its disk."""
        return [sha256(body) for body in self.bucket.values()]


def serve_files(folder: Path, *, rows: int) -> ServedModel:
    """Train on the newest of the training flights, and write what the contestants load."""
    past = split()[0].tail(rows)
    trained = train(past, (past["late"] == "yes").to_numpy(np.int64))
    joblib_file, features_file = folder / "model.joblib", folder / "features.json"
    joblib.dump(trained.whole, joblib_file)
    features_file.write_text(json.dumps({"numeric": NUMERIC, "categorical": CATEGORICAL}))
    return ServedModel(trained, dict(_bucket(trained, rows)), joblib_file, features_file)


def _bucket(trained: Trained, rows: int) -> Iterator[tuple[str, bytes]]:
    graph = trained.onnx()
    content = {
        "format": 1,
        "pipeline": PIPELINE,
        "version": VERSION,
        "run_id": "bench",
        "task": "binary",
        "target": "late",
        "classes": ["no", "yes"],
        "positive": "yes",
        "features": [encoding.to_dict() for encoding in trained.encodings],
        "datasets": ["flights"],
        "trained_rows": rows,
        "metrics": {},
        "files": {MODEL: {"sha256": sha256(graph), "bytes": len(graph)}},
    }
    manifest = json.dumps(content, indent=2, sort_keys=True).encode()
    pointer = Pointer(
        pipeline=PIPELINE,
        champion=VERSION,
        manifest_sha256=sha256(manifest),
        run_id="bench",
        fencing_token=1,
        swap_id="bench",
        swapped_at="2013-12-01T00:00:00+00:00",
        reason="it is the one",
    )
    folder = f"models/{PIPELINE}/{VERSION}"
    yield f"{folder}/{MODEL}", graph
    yield f"{folder}/{MANIFEST}", manifest
    yield pointer_key(PIPELINE), pointer.to_json()
