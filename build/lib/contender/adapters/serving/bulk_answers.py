"""Writes responses of many rows in one pass, with the same text as `contender.serving.requests.answer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from contender.serving.answers import check_finite


class QuickWriter:
    """Writes answers of one model version.

    Raises
    ------
    ValueError
        When a class has a name that JSON would have to escape.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._encode = msgspec.json.Encoder().encode
        classes = manifest["classes"]
        first = [("prediction_id", str), ("prediction", str if classes else float)]
        if not classes:
            self._row = msgspec.defstruct("Row", first, gc=False)
            return
        self._shares = msgspec.defstruct(
            "Shares", [(f"c{place}", float, msgspec.field(name=name)) for place, name in enumerate(classes)], gc=False
        )
        chance = [("probability", float)] if manifest["task"] == "binary" else []
        self._row = msgspec.defstruct("Row", [*first, *chance, ("probabilities", self._shares)], gc=False)

    def write(self, predictions: NDArray[np.float64], *, request_id: str, variant: str) -> str:
        """The body of an answer without contributions.

        Raises
        ------
        NoAnswerError
            When a prediction is no finite number.
        """
        check_finite(predictions)
        ids = [f"{request_id}-{number}" for number in range(len(predictions))]
        body = {
            "prediction_id": request_id,
            "model_version": self._manifest["version"],
            "variant": variant,
            "predictions": list(map(self._row, ids, *self._columns(predictions))),
        }
        return self._encode(body).decode()

    def _columns(self, predictions: NDArray[np.float64]) -> list[Any]:
        columns: list[Any] = predictions.T.tolist()
        classes = self._manifest["classes"]
        if not classes:
            return columns
        chosen = map(classes.__getitem__, predictions.argmax(axis=1).tolist())
        chance = [columns[classes.index(self._manifest["positive"])]] if self._manifest["task"] == "binary" else []
        return [chosen, *chance, map(self._shares, *columns)]
