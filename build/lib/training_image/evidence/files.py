"""`evidence.json`: the data behind model card, reports and tracking.

Curves of the holdout, of the training rows and of the validation rows where there were some; the metric in each slice
with its interval; how the metric grew with the number of rows; what a search and the rounds of an estimator went
through. The same model and rows give the same file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.comparison.guards.slices import levels_of
from contender.data.encoding import FeatureEncoding
from contender.errors import TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.registry.versions import CARD, EVIDENCE, EXPLANATION
from contender.reports.card.page import card
from contender.stats.curves import curves
from contender.stats.intervals import RESAMPLES, estimate
from contender.stats.metrics import Metric, prepared
from contender.stats.resampling import resample
from contender.table import Table
from training_image.evidence.explanation import metric_to_explain
from training_image.evidence.overfit import Scored

FORMAT = 1
FEW_LEVELS = 12
"""A categorical feature with at most this many levels is sliced by level, even if it is no declared slice."""

MOST_LEVELS = 30
"""Of a declared slice: the ones with the most rows."""

SHARES, FEW_SHARES = (1 / 16, 1 / 4), (1 / 4,)
"""Of the training rows, the newest, that a learning curve trains on: many rows, and fewer than `MANY_ROWS`. They cost
about half of one more training: what does not depend on the number of rows weighs more where there are few."""

MANY_ROWS = 100_000
LEAST_ROWS = 500
"""Fewest rows of a point of the learning curve."""

Predictions = NDArray[np.float64]
FitOn = Callable[[NDArray[np.intp]], tuple[Predictions, Predictions]]
"""Positions of training rows → predictions on these rows and on the holdout, of an estimator trained on them."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """The features as the model takes them: encoded training and holdout rows (n, features)."""

    encodings: Sequence[FeatureEncoding]
    training: NDArray[np.float32]
    holdout: NDArray[np.float32]

    def described(self) -> Iterator[dict[str, Any]]:
        """The range or levels of each feature in training, and the shares of the holdout outside of them.

        `missing`: shares of rows without a value, or with a level that is not known. Of a number `low` and `high`, the
        least and the greatest, `middle` (nine in ten are within), and `outside`: the share of the holdout's values
        beyond low or high, in the user's unit. Of a category `levels`, how many are known.
        """
        for position, encoding in enumerate(self.encodings):
            seen, new = self.training[:, position], self.holdout[:, position]
            missing = {name: _share(np.isnan(rows)) for name, rows in (("training", seen), ("holdout", new))}
            said = {"feature": encoding.name, "kind": encoding.kind, "missing": missing}
            if encoding.kind == "categorical":
                yield said | {"levels": len(encoding.levels)}
                continue
            known, later = encoding.decode(seen[~np.isnan(seen)]), encoding.decode(new)
            if not len(known):
                yield said | {"low": None, "high": None, "middle": None, "outside": None}
                continue
            low, high = float(known.min()), float(known.max())
            middle = [float(end) for end in np.quantile(known, [0.05, 0.95])]
            outside = _share((later < low) | (later > high))
            yield said | {"low": low, "high": high, "middle": middle, "outside": outside}


def build(
    config: PipelineConfig,
    *,
    classes: Sequence[str] | None,
    positive: str | None,
    holdout: Scored,
    holdout_table: Table,
    training: Scored,
    inputs: Inputs,
    validation: Scored | None = None,
    fit_on: FitOn | None = None,
    search: Sequence[Mapping[str, Any]] = (),
    rounds: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The content of evidence.json.

    Parameters
    ----------
    holdout_table : the holdout's rows in the same order, with the columns of features and slices.
    training : in the order of time, the oldest first.
    inputs : what the model takes, of the same rows.
    fit_on : for the learning curve; None leaves it out. What fails to train is left out too.
    search, rounds : as training saw them.
    """
    index = classes.index(positive) if classes and positive else 1

    def drawn(rows: Scored) -> dict[str, Any]:
        known = rows.known
        return curves(known.truth, known.predictions, labels=classes, positive=index)

    metric = metric_to_explain(config)
    return {
        "format": FORMAT,
        "task": config.task,
        "metric": metric.name,
        "holdout": drawn(holdout),
        "validation": drawn(validation) if validation is not None else None,
        "training": drawn(training),
        "blocks": {name: _blocks(rows.blocks) for name, rows in (("training", training), ("holdout", holdout))},
        "inputs": list(inputs.described()),
        "slices": list(slices(config, metric, holdout, holdout_table, positive=index)),
        "learning_curve": learning_curve(metric, training, holdout, fit_on, positive=index) if fit_on else [],
        "search": [dict(trial) for trial in search],
        "rounds": [dict(each) for each in rounds],
    }


def slices(
    config: PipelineConfig, metric: Metric, holdout: Scored, table: Table, *, positive: int
) -> Iterator[dict[str, Any]]:
    """The metric in each level of the declared slices, then in those of features with few levels, most rows first."""
    known = holdout.truth >= 0 if holdout.predictions.shape[1] > 1 else np.ones(len(holdout.truth), dtype=np.bool_)
    truth, predictions = prepared(holdout.truth[known], holdout.predictions[known], positive=positive)
    sample = resample(holdout.blocks[known], len(truth), n_resamples=RESAMPLES, seed=config.training.seed)
    for column in dict.fromkeys((*config.slices, *config.categorical)):
        if column not in table:
            continue
        declared = column in config.slices
        levels = levels_of(column, table[column][known], len(truth))
        if len(levels) < 2 or (len(levels) > FEW_LEVELS and not declared):
            continue
        by_rows = sorted(levels, key=lambda each: (-int(each[1].sum()), each[0]))
        for level, rows in by_rows[:MOST_LEVELS]:
            found = estimate(metric, truth[rows], predictions[rows], sample.of(rows))
            yield {
                "column": column,
                "level": level,
                "rows": int(rows.sum()),
                "metric": metric.name,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "declared": declared,
            }


def learning_curve(
    metric: Metric, training: Scored, holdout: Scored, fit_on: FitOn, *, positive: int
) -> list[dict[str, Any]]:
    """The metric of models trained on the newest parts of the training rows, and of the model itself.

    `validation` is the metric on the holdout: nothing is decided by it, so it is no less a fair judge.
    """
    rows = len(training.truth)
    points = []
    for share in SHARES if rows >= MANY_ROWS else FEW_SHARES:
        newest = np.arange(rows - int(rows * share), rows)
        if len(newest) < LEAST_ROWS or not _has_all_classes(training, newest):
            continue
        try:
            on_these, on_holdout = fit_on(newest)
        except TrainingFailedError:
            continue
        these = Scored(training.truth[newest], on_these, training.blocks[newest])
        points.append((these, Scored(holdout.truth, on_holdout, holdout.blocks)))
    if not points:
        return []
    return [
        {
            "rows": len(these.truth),
            "metric": metric.name,
            "training": _value(metric, these, positive),
            "validation": _value(metric, judged, positive),
        }
        for these, judged in [*points, (training, holdout)]
    ]


def evidence_files(
    manifest: Mapping[str, Any], evidence: Mapping[str, Any], explanation: Mapping[str, Any]
) -> dict[str, bytes]:
    """A version's evidence.json and explanation.json, and the model card made of both and of the manifest."""
    return {
        EVIDENCE: _as_json(evidence),
        EXPLANATION: _as_json(explanation),
        CARD: card(manifest, evidence, explanation).encode(),
    }


def _share(rows: NDArray[np.bool_]) -> float:
    return float(rows.mean()) if len(rows) else 0.0


def _blocks(labels: NDArray[Any]) -> dict[str, Any]:
    """The first and the last block in time, and how many there are."""
    listed = list(dict.fromkeys(labels.tolist()))
    return {"first": str(listed[0]), "last": str(listed[-1]), "count": len(listed)} if listed else {"count": 0}


def _has_all_classes(training: Scored, rows: NDArray[np.intp]) -> bool:
    """Whether all classes occur, because estimators number the classes that they have seen."""
    if training.predictions.shape[1] == 1:
        return True
    seen = set(training.truth[rows].tolist())
    return len(seen) == int(training.predictions.shape[1])


def _value(metric: Metric, rows: Scored, positive: int) -> float | None:
    known = rows.known
    return metric.score(known.truth, known.predictions, positive=positive)


def _as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False).encode()
