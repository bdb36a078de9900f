"""Champion and challenger on the same rows: which rows, and both models' answers brought to one list of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.comparison import Comparison, compare, first_champion
from contender.config import PipelineConfig
from contender.curves import curves
from contender.datasets import BLOCK, ORDER
from contender.guards import ModelFacts
from contender.metrics import Metric
from contender.registry import MODEL
from contender.spending import NOTHING_EARLIER, Earlier
from contender.table import Table

Predict = Callable[[Table], NDArray[np.float64]]

TIMED_ROWS = 50
CURVES_FORMAT = 1


@dataclass(frozen=True)
class Candidate:
    """A model version as it is served: its manifest, and predictions (rows, k) of the served artifact.

    `milliseconds_per_row` is what `time_per_row` found, None where nobody measured.
    """

    manifest: Mapping[str, Any]
    predict: Predict
    milliseconds_per_row: float | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.manifest["classes"] or ())

    @property
    def facts(self) -> ModelFacts:
        """What guards ask of it: size and training metrics by its manifest, and how long it takes."""
        return ModelFacts(
            self.manifest.get("files", {}).get(MODEL, {}).get("bytes"),
            self.milliseconds_per_row,
            self.manifest.get("metrics_training", {}),
        )


def time_per_row(predict: Predict, table: Table, *, clock: Callable[[], float]) -> float | None:
    """Milliseconds of a prediction of one row: the median of up to 50 rows, after one that warms up.

    Parameters
    ----------
    clock : in seconds, like `time.perf_counter`; what the core cannot have of its own.

    Examples
    --------
    >>> ticks = iter(range(10))
    >>> table = Table({"x": np.arange(3.0)})
    >>> time_per_row(lambda rows: rows["x"][:, None], table, clock=lambda: next(ticks) / 1000)
    1.0
    """
    if not len(table):
        return None
    rows = np.linspace(0, len(table) - 1, min(len(table), TIMED_ROWS)).astype(np.int64)
    predict(table.take(rows[:1]))
    seconds = []
    for row in rows:
        one = table.take(np.array([row]))
        started = clock()
        predict(one)
        seconds.append(clock() - started)
    return 1000.0 * median(seconds)


def unseen_rows(table: Table, challenger: Mapping[str, Any], champion: Mapping[str, Any] | None) -> NDArray[np.bool_]:
    """The rows that neither was trained on: those that the challenger held out and those that came after them, as far
    as they are newer than everything the champion was trained on.

    Parameters
    ----------
    table : rows of the challenger's dataset versions and of newer ones.
    """
    held = np.isin(table[BLOCK].astype(str), challenger["holdout"]["blocks"])
    held &= table[ORDER] >= challenger["holdout"]["from_order"]
    held |= table[ORDER] > challenger["holdout"].get("through_order", np.inf)  # a version from before it was kept
    if champion is not None:
        held &= table[ORDER] > champion["trained_through"]
    return held


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


def answers_of_both(config: PipelineConfig, table: Table, challenger: Candidate, champion: Candidate | None) -> Answers:
    """The challenger's answers first, then the champion's if there is one."""
    return answers(config, table, [challenger] if champion is None else [challenger, champion])


def side_by_side(answered: Answers) -> dict[str, Any]:
    """The content of a run's curves.json: `contender.curves` of challenger and champion (or None) on the same rows.

    Parameters
    ----------
    answered : by `answers_of_both`.
    """
    drawn = [
        curves(answered.truth, predictions, labels=answered.classes or None, positive=answered.positive)
        for predictions in answered.predictions
    ]
    return {
        "format": CURVES_FORMAT,
        "rows": len(answered.truth),
        "challenger": drawn[0],
        "champion": drawn[1] if len(drawn) > 1 else None,
    }


def judge(
    config: PipelineConfig,
    table: Table,
    challenger: Candidate,
    champion: Candidate | None,
    *,
    answered: Answers | None = None,
    earlier: Earlier = NOTHING_EARLIER,
    metric: Metric | None = None,
    seed: int,
) -> Comparison:
    """Compare the models on rows as `unseen_rows` finds them.

    A class that a model has never seen has probability 0 in its answers: a champion from before the class existed is
    compared as it would answer today.

    Parameters
    ----------
    answered : the models' answers, by `answers_of_both`, where they are at hand already.
    earlier : what was compared before and has to be paid for, by `contender.spending.earlier_comparisons`.
    metric : the user's own that the policy names by its import path, from `contender.adapters.own_metric`.
    """
    answered = answered or answers_of_both(config, table, challenger, champion)
    truth, positive, challenger_answers = answered.truth, answered.positive, answered.predictions[0]
    constant = np.tile(challenger.manifest["baseline"]["prediction"], (len(table), 1))
    baseline = _aligned(constant, challenger.classes, answered.classes)
    blocks = table[BLOCK]
    if champion is None:
        return first_champion(
            truth,
            challenger_answers,
            baseline,
            blocks=blocks,
            policy=config.promotion,
            metric=metric,
            positive=positive,
            earlier=earlier,
            challenger_facts=challenger.facts,
            seed=seed,
        )
    return compare(
        truth,
        answered.predictions[1],
        challenger_answers,
        blocks=blocks,
        slices={name: table[name] for name in config.slices},
        baseline_predictions=baseline,
        policy=config.promotion,
        metric=metric,
        positive=positive,
        earlier=earlier,
        champion_facts=champion.facts,
        challenger_facts=challenger.facts,
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
