"""A table whose numbers lie elsewhere gives the same model, and everything that shows numbers shows the user's."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from contender.adapters.serving.onnx_model import OnnxModel, open_session
from contender.data.encoding import FeatureEncoding
from contender.errors import TrainingFailedError
from contender.rollout.golden_requests import Golden
from contender.serving.contributions import of_answer
from contender.table import Table
from tests.unit.training_image.fit.test_fit import config_of, history
from training_image.fit.fit import TrainedModel, train

SHIFT, SHRINK = 2.0**45, 2.0**-60
"""Float32 keeps a step of 2**22 at the first, and LightGBM and trees take the second for zero."""

ESTIMATORS = {"hist_gradient_boosting": {"max_iter": 10}, "linear": {}}


@cache
def both(estimator: str) -> tuple[TrainedModel, TrainedModel]:
    """A model of whole numbers around zero, and one of the same rows elsewhere."""
    table, order, blocks = history()
    near = {"a": np.rint(table["a"] * 10), "b": np.rint(table["b"] * 10)}
    far = {"a": near["a"] + SHIFT, "b": near["b"] * SHRINK}
    config = config_of(training={"estimator": estimator, "parameters": ESTIMATORS[estimator]})
    first, second = (train(config, Table({**table.columns, **numbers}), order, blocks) for numbers in (near, far))
    return first, second


def served(model: TrainedModel) -> OnnxModel:
    manifest = {
        "version": "v1",
        "task": "binary",
        "classes": list(model.classes or ()),
        "positive": model.positive,
        "typical": model.typical,
        "features": json.loads(json.dumps([each.to_dict() for each in model.encodings])),
    }
    encodings = tuple(FeatureEncoding.from_dict(each) for each in manifest["features"])
    return OnnxModel(manifest, encodings, open_session(model.onnx))


def moved(row: dict[str, Any]) -> dict[str, Any]:
    a, b = row["a"], row["b"]
    return {**row, "a": None if a is None else a + SHIFT, "b": None if b is None else b * SHRINK}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_metrics_importance_shapley_values_and_learning_curve_are_the_same(estimator: str) -> None:
    near, far = both(estimator)

    assert near.metrics == pytest.approx(far.metrics, abs=1e-6)
    for name in ("permutation", "shap"):
        assert near.explanation[name] is not None
    assert str(rounded(near.explanation)) == str(rounded(far.explanation))
    assert str(rounded(near.evidence["learning_curve"])) == str(rounded(far.evidence["learning_curve"]))


def rounded(content: Any) -> Any:
    if isinstance(content, float):
        return round(content, 4) + 0.0
    if isinstance(content, dict):
        return {name: rounded(value) for name, value in content.items()}
    return [rounded(value) for value in content] if isinstance(content, list) else content


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_ranges_of_the_card_and_the_typical_row_are_in_the_users_unit(estimator: str) -> None:
    near, far = both(estimator)

    assert moved(near.typical) == far.typical
    for before, after in zip(near.evidence["inputs"][:2], far.evidence["inputs"][:2], strict=True):
        for end in ("low", "high"):
            assert after[end] == moved({"a": before[end], "b": before[end]})[before["feature"]]
        assert before["outside"] == after["outside"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_golden_requests_are_the_users_rows_and_are_answered_as_training_did(estimator: str) -> None:
    near, far = (Golden.from_json(model.golden) for model in both(estimator))
    rows = [request["rows"][0] for request in far.requests]

    assert [moved(request["rows"][0]) for request in near.requests] == rows
    model = served(both(estimator)[1])
    answered = model.predict_encoded(model.reader.read(rows))
    assert np.abs(answered - np.array(far.predictions)).max() <= 1e-5
    assert np.abs(answered - np.array(near.predictions)).max() <= 1e-5


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_contributions_are_the_same(estimator: str) -> None:
    near, far = (served(model) for model in both(estimator))
    rows = [request["rows"][0] for request in Golden.from_json(both(estimator)[0].golden).requests][-5:]

    found = []
    for model, asked in ((near, rows), (far, list(map(moved, rows)))):
        (typical,) = model.reader.read([model.manifest["typical"]])
        found.append(list(of_answer(model.predict_encoded, model.reader.read(asked), typical, model.manifest)))

    assert str(rounded(found[0])) == str(rounded(found[1]))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_new_data_is_checked_against_is_in_the_users_unit(estimator: str) -> None:
    table = history()[0]
    far = {"a": np.rint(table["a"] * 10) + SHIFT, "b": np.rint(table["b"] * 10) * SHRINK}
    model = both(estimator)[1]
    grid = {column.name: column for column in model.reference.profile.grid.columns if column.role == "feature"}

    for name, values in far.items():
        assert len(set(grid[name].codes(values).tolist())) > 10


def test_a_column_that_mixes_two_kinds_of_number_ends_the_training_before_it_begins() -> None:
    table, order, blocks = history()
    mixed = np.where(np.arange(len(order)) % 2 == 0, np.rint(table["a"] * 10), SHIFT + np.rint(table["a"] * 10))
    told: list[str] = []

    with pytest.raises(TrainingFailedError, match=r"cannot tell apart values of a, even after .* Make a categorical"):
        train(config_of(), Table({**table.columns, "a": mixed}), order, blocks, report=told.append)

    assert told == []
