"""Live performance: the metric on predictions whose labels have come, by day, variant and slice, beside the holdout."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from contender.data.feedback_rows import (
    FEATURE,
    LABEL,
    MADE_AT,
    PREDICTION,
    PROBABILITIES,
    PROBABILITY,
    RECEIVED_AT,
    VARIANT,
    VERSION,
)
from contender.data.periods import period_categories
from contender.data.row_identities import Mask
from contender.drift.batch_check import Reference
from contender.drift.performance.estimate import EstimatedMetric
from contender.drift.performance.estimate import estimate as estimated_metrics
from contender.formatting import with_interval
from contender.live.label_coverage import Coverage
from contender.live.performance_fall import FallEvidence, HoldoutFigure, Look, fall_in_words, performance_fall
from contender.pipeline.config import PipelineConfig
from contender.predictions.live_metrics import Outputs
from contender.stats.intervals import RESAMPLES, Estimate, estimate
from contender.stats.metrics import Metric, is_own_metric, metric_for
from contender.stats.resampling import resample
from contender.table import Table

Floats: TypeAlias = NDArray[np.float64]

FEWEST_ROWS = 10
"""With fewer labels a day has no figure of its own."""
FEWEST_LOOK_ROWS = 30
"""With fewer labels a look waits for the next day's."""
MOST_LEVELS = 50
"""Levels of a slice that are shown, those with the most rows."""
MOST_ESTIMATED = 5_000
"""Rows of which a metric is estimated; its interval is that of periods, which more rows do not make shorter."""
SEED = 16
BY_PREDICTION, BY_LABEL = "prediction", "label"
ALL_ROWS = "all"


def live_metric(config: PipelineConfig) -> Metric:
    """The metric that promotes; in place of a user's own one the default of the task."""
    name = config.promotion.metric
    return metric_for(config.task, "" if is_own_metric(name) else name)


def live_slices(config: PipelineConfig) -> tuple[str, ...]:
    """The slices that requests have."""
    return tuple(name for name in config.slices if name in config.categorical)


@dataclass(frozen=True)
class LiveFigure:
    """The metric on some labelled rows, with its 95 % interval.

    Attributes
    ----------
    by : the day is that of the `prediction` or that of the `label`'s arrival; empty for all days together.
    part : `all`, or a slice as `carrier=UA`.
    """

    version: str
    variant: str
    by: str
    day: str
    part: str
    rows: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class VersionPerformance:
    """What is known of one version's live performance.

    Attributes
    ----------
    holdout : None where its manifest has no interval of the metric.
    fall : None where there is no holdout, or no labels.
    said : in a sentence.
    expected : what the metric on these rows was estimated to be without their labels; None for a regression, or where
        the version's reference is gone.
    """

    version: str
    holdout: HoldoutFigure | None
    fall: FallEvidence | None
    said: str
    expected: EstimatedMetric | None = None


@dataclass(frozen=True)
class Performance:
    """Live performance of all versions that answered.

    Attributes
    ----------
    weighted : of each version, the metric with rows weighted by how rarely predictions like theirs have labels.
    """

    metric: str
    figures: tuple[LiveFigure, ...]
    versions: tuple[VersionPerformance, ...]
    coverage: Coverage | None
    weighted: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "metric": self.metric,
            "figures": [asdict(found) for found in self.figures],
            "versions": [
                {
                    "version": found.version,
                    "holdout": asdict(found.holdout) if found.holdout else None,
                    "evidence": max(found.fall.levels, default=0.0) if found.fall else None,
                    "threshold": found.fall.threshold if found.fall else None,
                    "fall": [found.fall.fall, found.fall.low, found.fall.high] if found.fall else None,
                    "expected": [found.expected.value, found.expected.low, found.expected.high]
                    if found.expected
                    else None,
                    "has_fallen": found.fall.has_fallen if found.fall else False,
                    "weighted": self.weighted.get(found.version),
                    "said": found.said,
                }
                for found in self.versions
            ],
            "coverage": self.coverage.to_dict() if self.coverage else None,
        }

    def fallen(self, version: str) -> VersionPerformance | None:
        """The version, where its performance has fallen: evidence for the trigger `performance-alarm`."""
        return next(
            (each for each in self.versions if each.version == version and each.fall and each.fall.has_fallen), None
        )


def live_performance(
    labelled: Table,
    manifests: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    *,
    false_alarms_per_year: float,
    slices: Sequence[str] = (),
    coverage: Coverage | None = None,
    reference_of: Callable[[str], Reference | None] = lambda _version: None,
) -> Performance:
    """Judge the predictions whose labels have come, each by the version that answered it.

    Parameters
    ----------
    labelled : one row for each prediction, its newest label (`newest_labels`), with the columns of
        `contender.data.feedback_rows`.
    manifests : of the versions, by name; rows of others are left out.
    slices : features whose levels have figures of their own.
    coverage : of all predictions, for the weights; see `label_coverage`.
    reference_of : a version's reference, to estimate the metric without labels.
    """
    figures: list[LiveFigure] = []
    versions: list[VersionPerformance] = []
    weighted: dict[str, float | None] = {}
    for version in sorted(set(labelled[VERSION].tolist()) & set(manifests)):
        mine = labelled.select_rows(np.flatnonzero(labelled[VERSION] == version))
        outputs = Outputs.of(manifests[version])
        y, predictions, known = scored_rows(mine, outputs)
        mine = mine.select_rows(np.flatnonzero(known))
        if not len(mine):
            continue
        figures += _figures(version, mine, y, predictions, metric, slices)
        holdout = HoldoutFigure.of(manifests[version], metric.name)
        looks = looks_of(mine[RECEIVED_AT], y, predictions, metric)
        fall = (
            performance_fall(metric, holdout, looks, false_alarms_per_year=false_alarms_per_year) if holdout else None
        )
        said = (
            fall_in_words(fall, metric, looks, holdout) if fall and holdout else "No holdout interval to compare with."
        )
        expected = _expected(reference_of(version), predictions, outputs, metric)
        if expected is not None and expected.value is not None:
            said = f"{said} Estimated without labels: {with_interval(expected.value, expected.low, expected.high)}."
        versions.append(VersionPerformance(version, holdout, fall, said, expected))
        if coverage is not None:
            weighted[version] = metric.rows(y, predictions, coverage.weights(mine))
    return Performance(metric.name, tuple(figures), tuple(versions), coverage, weighted)


def _expected(
    reference: Reference | None, predictions: Floats, outputs: Outputs, metric: Metric
) -> EstimatedMetric | None:
    """What the metric on these rows would be if outcomes still followed from the probabilities as on the holdout."""
    if reference is None or reference.calibration is None or outputs.is_regression:
        return None
    own = predictions[:MOST_ESTIMATED]
    if len(outputs.classes) == 2 and outputs.positive == outputs.classes[0]:
        own = own[:, ::-1]  # as the model gives them
    found = estimated_metrics(reference.calibration, own, past=reference.past, metrics=(metric,), seed=SEED)
    return found.metrics.get(metric.name)


def scored_rows(rows: Table, outputs: Outputs) -> tuple[Floats, Floats, Mask]:
    """Truth (k,) and predictions (k, c) as metrics take them, and which (n,) rows they are of: those whose label and
    prediction the version knows."""
    if outputs.is_regression:
        truth, predicted = rows[LABEL].astype(np.float64), rows[PREDICTION].astype(np.float64)
        known = np.isfinite(truth) & np.isfinite(predicted)
        return truth[known], predicted[known, None], known
    labels = rows[LABEL]
    if len(outputs.classes) == 2:
        positive = outputs.positive or outputs.classes[1]
        probability = rows[PROBABILITY].astype(np.float64)
        known = np.isin(labels.astype(str), outputs.classes) & np.isfinite(probability)
        share = np.clip(probability[known], 0.0, 1.0)
        return (labels[known] == positive).astype(np.float64), np.stack([1.0 - share, share], axis=1), known
    place = {name: number for number, name in enumerate(outputs.classes)}
    texts = rows[PROBABILITIES]
    known = np.array([label in place and bool(text) for label, text in zip(labels, texts, strict=True)], dtype=np.bool_)
    matrix = [[json.loads(text).get(name) for name in outputs.classes] for text in texts[known]]
    predicted = np.array(matrix, dtype=np.float64).reshape(-1, len(place))
    finite = np.isfinite(predicted).all(axis=1)
    known[np.flatnonzero(known)[~finite]] = False
    return np.array([place[label] for label in labels[known]], dtype=np.float64), predicted[finite], known


def looks_of(received_at: Floats, y: Floats, predictions: Floats, metric: Metric) -> list[Look]:
    """The metric on the labels of each day of arrival; days with too few, or with one class only, wait for the next."""
    looks: list[Look] = []
    day = np.floor(received_at / 86_400.0).astype(np.int64)
    start = last = None
    for number in sorted(set(day.tolist())):
        start = number if start is None else start
        rows = np.flatnonzero((day >= start) & (day <= number))
        value = metric.rows(y[rows], predictions[rows], np.ones(len(rows))) if len(rows) >= FEWEST_LOOK_ROWS else None
        if value is not None and np.isfinite(value):
            looks.append(Look(float(value), len(rows), float(number - (start - 1 if last is None else last))))
            start, last = None, number
    return looks


def _figures(
    version: str, rows: Table, y: Floats, predictions: Floats, metric: Metric, slices: Sequence[str]
) -> Iterator[LiveFigure]:
    def scored(mask: Mask, variant: str, by: str, day: str, part: str) -> Iterator[LiveFigure]:
        count = int(mask.sum())
        if count >= FEWEST_ROWS:
            found = _estimate(metric, y[mask], predictions[mask])
            yield LiveFigure(version, variant, by, day, part, count, *found.to_list())

    for variant in sorted(set(rows[VARIANT].tolist()), key=str):
        mine = rows[VARIANT] == variant
        yield from scored(mine, str(variant), "", "", ALL_ROWS)
        for by, column in ((BY_PREDICTION, MADE_AT), (BY_LABEL, RECEIVED_AT)):
            days = period_categories(rows[column], "day")
            for code, day in enumerate(days.levels):
                yield from scored(mine & (days.codes == code), str(variant), by, day, ALL_ROWS)
        for name in slices:
            levels = rows.categories(FEATURE + name)
            often = np.argsort(
                -np.bincount(levels.codes[levels.codes >= 0], minlength=len(levels.levels)), kind="stable"
            )
            for code in often[:MOST_LEVELS].tolist():
                yield from scored(mine & (levels.codes == code), str(variant), "", "", f"{name}={levels.levels[code]}")


def _estimate(metric: Metric, y: Floats, predictions: Floats) -> Estimate:
    return estimate(metric, y, predictions, resample(None, len(y), n_resamples=RESAMPLES, seed=SEED))
