"""What is served equals what the trained pipeline says to the same rows in float64, whatever the numbers look like."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from contender.adapters.serving.json import parse_json
from contender.data.encoding import FeatureEncoding, centred, encode
from contender.data.fit_encoding import fit_encoding
from contender.pipeline.config import PipelineConfig
from contender.serving.requests import RowReader, read_request
from contender.table import Table
from tests.unit.training_image.export.test_export import ESTIMATORS, SMALL, config_of
from training_image.estimators.catalogue import build_estimator, fit_estimator, fit_pipeline
from training_image.export.export import pipeline_predictions, score_onnx, to_onnx
from training_image.rows.take import Rows

ROWS, LEARNED = 3000, 2000
HARD = ("milliseconds", "offset", "near_2_53", "tiny", "huge", "around_zero", "plain")


def hard_numbers(seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Columns whose distinct values float32 would merge, or an estimator take for one, and usual measurements."""
    random = np.random.default_rng(seed)
    around_zero = random.choice(np.array([-0.0, 0.0, 5e-324, -5e-324, 1.25, -3.1]), ROWS)
    return {
        "milliseconds": 1.7e12 + random.integers(0, 100_000, ROWS),
        "offset": 1e9 + random.normal(size=ROWS),
        "near_2_53": 2.0**53 - random.integers(0, 1000, ROWS),
        "tiny": 1e-310 * random.normal(size=ROWS),
        "huge": 1e300 * random.random(ROWS),
        "around_zero": around_zero,
        "plain": random.normal(size=ROWS),
    }


def target_of(numbers: dict[str, NDArray[np.float64]]) -> NDArray[np.int64]:
    """Depends on every column."""
    ranked = [np.argsort(np.argsort(values)) / ROWS - 0.5 for values in numbers.values()]
    noise = np.random.default_rng(1).normal(size=ROWS) / 4
    return (np.sum(ranked, axis=0) + noise > 0).astype(np.int64)


def in_float64(table: Table, encodings: tuple[FeatureEncoding, ...]) -> NDArray[np.float64]:
    """The model's input before it becomes float32."""
    return np.column_stack([centred(table[each.name], each.centre, each.scale) for each in encodings])


def served(table: Table, encodings: tuple[FeatureEncoding, ...], graph: bytes) -> NDArray[np.float64]:
    """Each row through JSON and the reader of requests."""
    names = [each.name for each in encodings]
    values = zip(*(table[name].tolist() for name in names), strict=True)
    body = json.dumps({"rows": [dict(zip(names, row, strict=True)) for row in values]})
    return score_onnx(graph, read_request(parse_json(body), RowReader(encodings)).matrix)


def trained(estimator: str, **numbers: Any) -> tuple[Table, NDArray[np.int64], PipelineConfig]:
    config = config_of(estimator, "binary", numeric=tuple(numbers), categorical=())
    return Table(numbers), target_of(numbers), config


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_served_answer_is_the_trained_pipelines_to_the_row_in_float64(estimator: str) -> None:
    table, target, config = trained(estimator, **hard_numbers())
    encodings = fit_encoding(table.select_rows(np.arange(LEARNED)), config)
    pipeline = fit_estimator(config, encode(table, encodings)[:LEARNED], target[:LEARNED])
    graph = to_onnx(pipeline, len(HARD))

    found = served(table, encodings, graph)

    assert np.abs(found - pipeline_predictions(pipeline, in_float64(table, encodings))).max() <= 1e-5
    assert np.array_equal(found, score_onnx(graph, encode(table, encodings)))
    assert roc_auc_score(target[LEARNED:], found[LEARNED:, 1]) > 0.9


@pytest.mark.parametrize("hard", [name for name in HARD if name not in ("plain", "around_zero")])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_column_alone_is_learned_as_well_as_its_ranks(estimator: str, hard: str) -> None:
    """Ranks are what is left of a column when nothing is lost, and small enough for float32."""
    values = hard_numbers()[hard]
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)
    scores = []
    for column in (values, ranks):
        table, _, config = trained(estimator, x=column)
        target = (ranks / ranks.max() + np.random.default_rng(2).normal(size=ROWS) / 3 > 0.5).astype(np.int64)
        encodings = fit_encoding(table.select_rows(np.arange(LEARNED)), config)
        pipeline = fit_estimator(config, encode(table, encodings)[:LEARNED], target[:LEARNED])
        scores.append(roc_auc_score(target[LEARNED:], served(table, encodings, to_onnx(pipeline, 1))[LEARNED:, 1]))

    assert scores[0] == pytest.approx(scores[1], abs=0.01)
    assert scores[1] > 0.75


@pytest.mark.parametrize("estimator", [*ESTIMATORS, "gradient boosting"])
def test_a_row_between_two_floats_takes_the_side_of_its_own(estimator: str) -> None:
    """A float64 just above a threshold rounds onto it. scikit-learn's diabetes data has more digits than float32."""
    numbers = dict(zip("abcdefghij", load_diabetes(scaled=True).data.T, strict=True))
    target = (load_diabetes().target > 140).astype(np.int64)
    known = estimator in SMALL
    settings = {"numeric": tuple(numbers), "categorical": (), "parameters": SMALL.get(estimator, {})}
    config = config_of(estimator if known else "linear", "binary", **settings)
    encodings = fit_encoding(Table(numbers), config)
    matrix = encode(Table(numbers), encodings)
    own = Pipeline([("fill", SimpleImputer()), ("model", GradientBoostingClassifier(random_state=0))])
    pipeline = fit_pipeline(config, build_estimator(config) if known else own, Rows(matrix, target, None))
    graph = to_onnx(pipeline, matrix.shape[1])

    rows = in_float64(Table(numbers), encodings)
    on_edge = matrix.astype(np.float64)
    for nudged in (rows, np.nextafter(on_edge, np.inf), np.nextafter(on_edge, -np.inf), on_edge * (1 + 2.0**-25)):
        found = score_onnx(graph, nudged.astype(np.float32))
        assert np.abs(found - pipeline_predictions(pipeline, nudged)).max() <= 1e-5
