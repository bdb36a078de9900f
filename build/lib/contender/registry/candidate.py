"""A model version with its manifest and predictions, as comparison and guards use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig
from contender.registry.versions import MODEL
from contender.table import Table


@dataclass(frozen=True)
class ModelFacts:
    """What guards know of a model besides its predictions; None where it was not measured.

    Attributes
    ----------
    model_bytes : size of the artifact that serves.
    milliseconds_per_row : a prediction of one row by it.
    training_metrics : by name, on the rows that it was trained on.
    refit : how far the model that serves agrees with the one that was judged, as the manifest has it; None where what
        serves was judged itself.
    """

    model_bytes: int | None = None
    milliseconds_per_row: float | None = None
    training_metrics: Mapping[str, float | None] = field(default_factory=dict)
    refit: Mapping[str, float] | None = None


Predict = Callable[[Table], NDArray[np.float64]]


@dataclass(frozen=True)
class Candidate:
    """One of a version's models: the manifest as it describes it, and its predictions (rows, k).

    That is the model that serves, or the one that was judged in its place (`contender.registry.versions.as_judged`).
    `milliseconds_per_row` is what `time_per_row` found of the one that serves, None where nobody measured. `groups` are
    those of the rows that it learned, None where they are not known.
    """

    manifest: Mapping[str, Any]
    predict: Predict
    milliseconds_per_row: float | None = None
    groups: NDArray[np.uint64] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The class of each column of its predictions; empty for a regression."""
        return tuple(self.manifest["classes"] or ())

    def repeating(self, predictions: NDArray[np.float64]) -> Candidate:
        """The same model where it was asked about some rows already: it repeats what it said of them, in their order.

        Raises
        ------
        InvalidInputError
            When it is asked about other rows.
        """

        def predict(table: Table) -> NDArray[np.float64]:
            if len(table) != len(predictions):
                raise InvalidInputError(f"{len(predictions)} rows were predicted, but {len(table)} are asked for")
            return predictions

        return replace(self, predict=predict)

    @property
    def facts(self) -> ModelFacts:
        """What guards ask: training metrics, size, duration and agreement of what serves."""
        return ModelFacts(
            self.manifest.get("files", {}).get(MODEL, {}).get("bytes"),
            self.milliseconds_per_row,
            self.manifest.get("metrics_training", {}),
            (self.manifest.get("judged") or {}).get("agreement"),
        )


@dataclass(frozen=True)
class Answers:
    """What models say of the same rows, in one list of classes (none for a regression).

    Attributes
    ----------
    truth : (n,) class indices, or the target itself for a regression.
    predictions : for each model (n, k), zero for a class that it does not know.
    positive : the index of the positive class.
    """

    truth: NDArray[np.float64]
    classes: tuple[str, ...]
    positive: int
    predictions: tuple[NDArray[np.float64], ...]


def answers(config: PipelineConfig, table: Table, models: Sequence[Candidate]) -> Answers:
    """Ask every model about every row. The first model's positive class is the one that counts."""
    classes = _all_classes(config, table, models)
    positive = models[0].manifest["positive"]
    return Answers(
        truth=_indices(table[config.target], classes),
        classes=tuple(classes),
        positive=classes.index(positive) if positive else 1,
        predictions=tuple(_aligned(model.predict(table), model.classes, classes) for model in models),
    )


def _all_classes(config: PipelineConfig, table: Table, models: Sequence[Candidate]) -> list[str]:
    """Every class that a model or a row knows; none for a regression."""
    if config.task == "regression":
        return []
    known = set(table[config.target].astype(str))
    return sorted(known.union(*(model.classes for model in models)))


def _indices(target: NDArray[Any], classes: Sequence[str]) -> NDArray[np.float64]:
    if not classes:
        return np.asarray(target, dtype=np.float64)
    return np.searchsorted(np.array(classes), target.astype(str)).astype(np.float64)


def _aligned(predictions: NDArray[np.float64], own: Sequence[str], classes: Sequence[str]) -> NDArray[np.float64]:
    """A model's columns in the order of `classes`, zero for those it does not know."""
    if list(own) == list(classes):
        return predictions
    aligned = np.zeros((len(predictions), len(classes)))
    aligned[:, [classes.index(label) for label in own]] = predictions
    return aligned
