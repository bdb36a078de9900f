"""The same handler with scikit-learn instead of ONNX Runtime: replaces contender/adapters/serving/onnx_model.py.

Validation is the handler's own; then rows become a pandas frame, as the trained pipeline takes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import joblib
import numpy as np
import pandas as pd

from contender.adapters.serving.bulk_answers import QuickWriter
from contender.adapters.serving.bulk_requests import QuickReader
from contender.data.encoding import FeatureEncoding
from contender.serving.requests import PredictRequest, RowReader


class FrameReader:
    """Reads rows as the handler's reader does, and hands on the frame."""

    def __init__(self, encodings: tuple[FeatureEncoding, ...]) -> None:
        self._reader = RowReader(encodings)
        self._numeric = {each.name: np.float32 for each in encodings if each.kind == "numeric"}
        self._names = [each.name for each in encodings]

    def read(self, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        self._reader.read(rows)
        return self.frame(rows)

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        return pd.DataFrame(list(rows), columns=self._names).astype(self._numeric)


class QuickFrameReader:
    """Reads usual requests as the handler's quick reader does, and hands on the frame."""

    def __init__(self, encodings: tuple[FeatureEncoding, ...], frames: FrameReader) -> None:
        self._quick, self._frames = QuickReader(encodings, RowReader(encodings)), frames

    def read(self, text: str, *, max_rows: int) -> PredictRequest | None:
        asked = self._quick.read(text, max_rows=max_rows)
        return None if asked is None else replace(asked, matrix=self._frames.frame(asked.rows))  # type: ignore[arg-type]


@dataclass(frozen=True)
class OnnxModel:
    manifest: Mapping[str, Any]
    encodings: tuple[FeatureEncoding, ...]
    pipeline: Any

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    @cached_property
    def reader(self) -> FrameReader:
        return FrameReader(self.encodings)

    @cached_property
    def quick_reader(self) -> QuickFrameReader:
        return QuickFrameReader(self.encodings, self.reader)

    @cached_property
    def quick_writer(self) -> QuickWriter:
        return QuickWriter(self.manifest)

    def predict_encoded(self, frame: pd.DataFrame) -> Any:
        return self.pipeline.predict_proba(frame)


def load_model(_registry: Any, model: Any) -> OnnxModel:
    encodings = tuple(FeatureEncoding.from_dict(feature) for feature in model.manifest["features"])
    return OnnxModel(model.manifest, encodings, joblib.load(os.environ["MODEL_FILE"]))
