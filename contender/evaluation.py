"""Champion and challenger on the same rows: which rows, and both models' answers brought to one list of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.comparison import Comparison, compare, first_champion
from contender.config import PipelineConfig
from contender.datasets import BLOCK, ORDER
from contender.table import Table

Predict = Callable[[Table], NDArray[np.float64]]


@dataclass(frozen=True)
class Candidate:
    """A model version as it is served: its manifest, and predictions (rows, k) of the served artifact."""

    manifest: Mapping[str, Any]
    predict: Predict

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.manifest["classes"] or ())


def holdout_rows(table: Table, challenger: Mapping[str, Any], champion: Mapping[str, Any] | None) -> NDArray[np.bool_]:
    """The rows that the challenger held out and that are newer than everything the champion was trained on."""
    held = np.isin(table[BLOCK].astype(str), challenger["holdout"]["blocks"])
    held &= table[ORDER] >= challenger["holdout"]["from_order"]
    if champion is not None:
        held &= table[ORDER] > champion["trained_through"]
    return held


def judge(
    config: PipelineConfig, table: Table, challenger: Candidate, champion: Candidate | None, *, seed: int
) -> Comparison:
    """Compare the models on holdout rows as `holdout_rows` finds them.

    A class that a model has never seen has probability 0 in its answers: a champion from before the class existed is
    compared as it would answer today.
    """
    models = [challenger] if champion is None else [challenger, champion]
    classes = _all_classes(config, table, models)
    truth = _indices(table[config.target], classes)
    challenger_answers = _aligned(challenger.predict(table), challenger.classes, classes)
    constant = np.tile(challenger.manifest["baseline"]["prediction"], (len(table), 1))
    baseline = _aligned(constant, challenger.classes, classes)
    positive = classes.index(challenger.manifest["positive"]) if challenger.manifest["positive"] else 1
    blocks = table[BLOCK]
    if champion is None:
        return first_champion(
            truth,
            challenger_answers,
            baseline,
            blocks=blocks,
            policy=config.promotion,
            positive=positive,
            seed=seed,
        )
    return compare(
        truth,
        _aligned(champion.predict(table), champion.classes, classes),
        challenger_answers,
        blocks=blocks,
        slices={name: table[name] for name in config.slices},
        baseline_predictions=baseline,
        policy=config.promotion,
        positive=positive,
        seed=seed,
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
