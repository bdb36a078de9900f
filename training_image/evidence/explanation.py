"""Feature importance: explanation.json of a model version, and what changed against the champion's.

Permutation importance asks the exported graph, which is what serves; exact Shapley values ask the trained trees or
coefficients behind it, where they are of a kind that allows exactness, and say why not where they are not. Both look at
holdout rows, and are the same whenever the same model is explained on the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from contender.adapters.serving.onnx_model import score
from contender.data.encoding import FeatureEncoding
from contender.errors import ContenderError, NotFoundError
from contender.formatting import percent
from contender.pipeline.config import PipelineConfig
from contender.ports import Objects
from contender.registry.pointer import read_pointer
from contender.registry.versions import EXPLANATION, ModelRegistry
from contender.stats.metrics import Metric, is_own_metric, metric_for
from training_image.evidence.overfit import Scored
from training_image.evidence.permutation import importances
from training_image.evidence.shapley import linear_values, paths_of, tree_values
from training_image.evidence.trees import LOG_ODDS, LOGARITHM, PROBABILITY, VALUE, ensemble_of
from training_image.export.export import opened, pipeline_predictions
from training_image.rows.take import spread

FORMAT = 1
SCORINGS_PER_ROW, LEAST_SCORINGS, MOST_SCORINGS = 2, 40_000, 120_000
"""Number of predictions for permutation importance: two for each training row, within bounds."""

SHAP_ROWS, LEAST_SHAP_ROWS = 250, 20
SHAP_WORK = 50_000_000
"""Limit of leaves × features × points × rows for SHAP values: about a second."""

MEAN_ROWS = 10_000
"""Training rows whose mean is the reference of a linear model's contributions."""

ADDS_UP = 1e-4
"""Largest allowed error of the sum of contributions, relative to the predictions; float32 needs less."""

WORTH_SAYING, MUCH = 0.05, 0.10
"""Least change of a share of the importance that is reported, and that is called much."""

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]


def explain(
    config: PipelineConfig,
    *,
    pipeline: Pipeline,
    graph: bytes,
    encodings: Sequence[FeatureEncoding],
    training: Matrix,
    holdout_matrix: Matrix,
    holdout: Scored,
    classes: Sequence[str] | None,
    positive: str | None,
) -> dict[str, Any]:
    """The content of explanation.json; `against` is for `against_champion` to fill in.

    Parameters
    ----------
    pipeline : as it was trained, in front of any calibration.
    graph : as it is served.
    training, holdout_matrix : encoded rows (n, features).
    """
    names = [encoding.name for encoding in encodings]
    metric, session = metric_to_explain(config), opened(graph)
    known = holdout.truth >= 0 if classes else np.ones(len(holdout.truth), dtype=np.bool_)
    listed = importances(
        lambda rows: score(session, rows),
        names,
        holdout_matrix[known],
        holdout.truth[known].astype(np.float64),
        holdout.blocks[known],
        metric=metric,
        positive=classes.index(positive) if classes and positive else 1,
        scorings=min(MOST_SCORINGS, max(LEAST_SCORINGS, SCORINGS_PER_ROW * len(training))),
        seed=config.training.seed,
    )
    try:
        shap = exact_values(pipeline, encodings, training, holdout_matrix)
    except Exception as error:  # a challenger is not lost because an estimator of the user's own cannot be looked into
        shap = f"They could not be computed: {type(error).__name__}: {error}"
    return {
        "format": FORMAT,
        "metric": metric.name,
        "permutation": [each.to_dict() for each in listed],
        "shap": shap if not isinstance(shap, str) else None,
        "shap_reason": shap if isinstance(shap, str) else None,
        "against": None,
    }


def metric_to_explain(config: PipelineConfig) -> Metric:
    """The deciding metric; the default of the task where that is a user's function, which may be slow."""
    name = config.promotion.metric
    return metric_for(config.task, "" if is_own_metric(name) else name)


# --- exact values


def exact_values(
    pipeline: Pipeline, encodings: Sequence[FeatureEncoding], training: Matrix, holdout: Matrix
) -> dict[str, Any] | str:
    """Mean absolute SHAP values, the largest first; or why there are none.

    Returns
    -------
    `kind` ("exact"), `unit`, `rows`, and for each feature `value` and, of numbers that lead to one output, `direction`:
    the correlation of the feature with its contribution, 1 where more of it always raises the output.
    """
    if not len(holdout):
        return "The holdout has no rows."
    rows = holdout[spread(len(holdout), SHAP_ROWS)]
    traced = Traced.of(pipeline, len(encodings))
    if isinstance(traced, str):
        return traced
    found = _of_linear(traced, training, rows) if _is_linear(pipeline[-1]) else _of_trees(traced, rows)
    if isinstance(found, str):
        return found
    values, unit, used = found
    sizes = np.abs(values).mean(axis=(0, 2))
    names = [encoding.name for encoding in encodings]
    directed = [encoding.kind == "numeric" and values.shape[2] == 1 for encoding in encodings]
    order = sorted(range(len(names)), key=lambda feature: (-sizes[feature], names[feature]))
    return {
        "kind": "exact",
        "unit": unit,
        "rows": len(used),
        "mean_abs": [
            {
                "feature": names[feature],
                "value": float(sizes[feature]),
                "direction": _direction(used[:, feature], values[:, feature, 0]) if directed[feature] else None,
            }
            for feature in order
        ],
    }


@dataclass(frozen=True, eq=False)
class Traced:
    """A trained pipeline, and for each column of its model (columns,) the feature that it was made from."""

    pipeline: Pipeline
    features: int
    feature: NDArray[np.int64]

    @staticmethod
    def of(pipeline: Pipeline, features: int) -> Traced | str:
        """The tracing, or the reason why a column's feature is unknown."""
        if len(pipeline) == 1:
            return Traced(pipeline, features, np.arange(features))
        given = [f"<{position}>" for position in range(features)]
        try:
            made = pipeline[:-1].get_feature_names_out(given)
            return Traced(pipeline, features, np.array([_only_number(str(name)) for name in made], dtype=np.int64))
        except (AttributeError, ValueError):
            return "The steps before the model do not tell which feature their columns were made from."

    @property
    def one_to_one(self) -> bool:
        return len(set(self.feature.tolist())) == len(self.feature)

    def columns(self, rows: Matrix) -> NDArray[Any]:
        """The columns that the model itself gets."""
        return np.asarray(self.pipeline[:-1].transform(rows)) if len(self.pipeline) > 1 else rows


def _only_number(name: str) -> int:
    """Of "<3>_level": 3. Raises ValueError unless there is exactly one."""
    (inside,) = [part.split(">")[0] for part in name.split("<")[1:]]
    return int(inside)


def _is_linear(model: Any) -> bool:
    return isinstance(model, LogisticRegression | Ridge)


def _of_linear(traced: Traced, training: Matrix, rows: Matrix) -> tuple[Floats, str, Matrix] | str:
    model = traced.pipeline[-1]
    means = traced.columns(training[spread(len(training), MEAN_ROWS)]).astype(np.float64).mean(axis=0)
    columns = traced.columns(rows).astype(np.float64)
    found = linear_values(np.atleast_2d(model.coef_), columns, means, traced.feature)
    values = np.zeros((len(found), traced.features, found.shape[2]))
    values[:, : found.shape[1]] = found
    return values, LOG_ODDS if hasattr(model, "classes_") else VALUE, rows


def _of_trees(traced: Traced, rows: Matrix) -> tuple[Floats, str, Matrix] | str:
    model = traced.pipeline[-1]
    name = type(model).__name__
    ensemble = ensemble_of(model)
    if ensemble is None:
        return f"They are computed for trees and for linear models, not for {name}."
    if not traced.one_to_one:
        return (
            f"The steps before {name} make several columns of one feature, so SHAP values of columns are not its own."
        )
    paths = [paths_of(tree) for tree in ensemble.trees]
    work = max(1, sum(each.work for each in paths))
    if SHAP_WORK // work < LEAST_SHAP_ROWS:
        return f"They would take too long for {len(ensemble.trees)} trees with this many leaves."
    rows = rows[spread(len(rows), SHAP_WORK // work)]
    found, expected = tree_values(ensemble, traced.columns(rows).astype(np.float32), paths)
    miss = _miss(found.sum(axis=1) + expected, ensemble.unit, pipeline_predictions(traced.pipeline, rows))
    if not miss <= ADDS_UP:
        return f"They are not exact for {name}: their sum differs from its predictions by up to {miss:.2g}."
    values = np.zeros((len(found), traced.features, found.shape[2]))
    values[:, traced.feature] = found
    if ensemble.unit == PROBABILITY and values.shape[2] == 2:
        values = values[:, :, 1:]  # of two classes one says it all
    return values, ensemble.unit, rows


def _miss(output: Floats, unit: str, predictions: Floats) -> float:
    """The largest distance between the sum of contributions and the predictions."""
    if unit == LOG_ODDS:
        both = np.column_stack([np.zeros(len(output)), output]) if output.shape[1] == 1 else output
        powers = np.exp(both - both.max(axis=1, keepdims=True))
        output = powers / powers.sum(axis=1, keepdims=True)
    elif unit == LOGARITHM:
        output = np.exp(output)
    return float(np.abs(output - predictions).max() / (np.abs(predictions).max() or 1.0))


def _direction(column: Floats | Matrix, values: Floats) -> float | None:
    known = np.isfinite(column)
    x, y = column[known].astype(np.float64), values[known]
    if len(x) < 2 or not (np.ptp(x) > 0.0 and np.ptp(y) > 0.0):
        return None
    return _correlation(x, y.astype(np.float64))


def _correlation(x: Floats, y: Floats) -> float:
    """Pearson's, of two columns that vary; numpy's own adds up with BLAS, in an order that depends on the processor.

    Examples
    --------
    >>> _correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    1.0
    """
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()), -1.0, 1.0))


# --- compared with the champion's


@dataclass(frozen=True)
class ChampionExplanation:
    """The champion's explanation.json."""

    version: str
    content: Mapping[str, Any]


def champion_explanation(models: Objects, pipeline: str) -> ChampionExplanation | None:
    """The champion's explanation; None without a champion, or for one without explanation.json.

    What cannot be read is none either: a challenger is not lost over a comparison that only explains it.
    """
    try:
        current = read_pointer(models, pipeline)
        if current is None:
            return None
        registry = ModelRegistry(models, pipeline)
        version = registry.read(current.pointer.champion, manifest_sha256=current.pointer.manifest_sha256)
        return ChampionExplanation(version.version, json.loads(registry.file(version, EXPLANATION)))
    except (NotFoundError, ContenderError, ValueError):
        return None


def against_champion(explanation: Mapping[str, Any], champion: ChampionExplanation | None) -> dict[str, Any]:
    """The explanation with the change of each share of the importance against the champion's, each on its own holdout.

    A change is clear when it is larger than both intervals allow, corrected for the number of features, and
    is `WORTH_SAYING`.
    """
    if champion is None or champion.content.get("metric") != explanation["metric"]:
        return {**explanation, "against": None}
    now, before = _shares(explanation), _shares(champion.content)
    names = sorted({*now, *before})
    shifts: list[dict[str, Any]] = []
    for name in names:
        (share, half), (share_before, half_before) = now.get(name, (0.0, 0.0)), before.get(name, (0.0, 0.0))
        change = share - share_before
        bound = None if half is None or half_before is None else _wider(len(names)) * sqrt(half**2 + half_before**2)
        shifts.append(
            {
                "feature": name,
                "share": share,
                "share_before": share_before,
                "change": change,
                "clear": bound is not None and abs(change) > max(bound, WORTH_SAYING),
            }
        )
    shifts.sort(key=lambda each: (-abs(each["change"]), each["feature"]))
    return {**explanation, "against": {"version": champion.version, "shifts": shifts, "said": _said(shifts)}}


def _shares(explanation: Mapping[str, Any]) -> dict[str, tuple[float, float | None]]:
    """Share and half the width of its interval, by feature."""
    found = {}
    for each in explanation["permutation"]:
        low, high = each["share_low"], each["share_high"]
        # An end that was cut off at 0 or 1 is nearer than the other, which was not.
        half = None if low is None or high is None else max(each["share"] - low, high - each["share"])
        found[each["feature"]] = (each["share"], half)
    return found


def _wider(features: int) -> float:
    """The factor that widens an interval to hold for all features at once (Bonferroni)."""
    normal = NormalDist()
    return normal.inv_cdf(1.0 - 0.025 / max(1, features)) / normal.inv_cdf(0.975)


def _said(shifts: Sequence[Mapping[str, Any]]) -> str:
    """The clearest change, and the clearest in the other direction, as one sentence."""
    clear = [each for each in shifts if each["clear"]]
    more = next((each for each in clear if each["change"] > 0), None)
    less = next((each for each in clear if each["change"] < 0), None)
    phrases = [_phrase(each) for each in (more, less) if each is not None]
    if not phrases:
        return "the challenger's feature importance is similar to the champion's"
    return f"the challenger relies {' and '.join(phrases)}"


def _phrase(shift: Mapping[str, Any]) -> str:
    much = "much " if abs(shift["change"]) >= MUCH else ""
    from_to = f"{percent(round(shift['share_before'], 2))} → {percent(round(shift['share'], 2))}"
    return f"{much}{'more' if shift['change'] > 0 else 'less'} on {shift['feature']} ({from_to})"
