"""Golden requests: what a backend may send, and scikit-learn's own answer to each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.data.encoding import FeatureEncoding, encode
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.rollout.golden_requests import Golden
from contender.table import Table
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import pipeline_predictions, score_onnx, to_onnx
from training_image.export.golden_requests import (
    MOST_ROWS,
    MOST_UNSEEN,
    golden_file,
    golden_rows,
    rows_of,
    table_of,
    typical_row,
)

AREA = FeatureEncoding("area", "numeric")
KIND = FeatureEncoding("kind", "categorical", ("u", "unseen", "v"))
BOTH = (AREA, KIND)


def objects(*values: str | None) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def houses(rows: int = 200, *, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    area = random.normal(100, 20, rows)
    area[random.random(rows) < 0.1] = np.nan
    kind = random.choice(np.array(["u", "v", "rare", None], dtype=object), rows)
    return Table({"area": area, "kind": kind})


TYPICAL = {"area": 100.0, "kind": "u"}


def test_a_typical_row_is_medians_and_the_most_frequent_levels() -> None:
    table = Table({"area": np.array([1.0, np.nan, 9.0, 2.0, np.inf]), "kind": objects("v", "u", None, None, None)})
    assert typical_row(table, BOTH) == {"area": 2.0, "kind": "u"}


def test_a_feature_that_is_missing_throughout_has_no_typical_value() -> None:
    table = Table({"area": np.array([np.nan, np.inf]), "kind": objects(None, None)})
    assert typical_row(table, BOTH) == {"area": None, "kind": None}


def test_every_way_in_which_a_row_can_be_odd_is_among_the_golden_ones() -> None:
    rows = golden_rows(houses(), BOTH, TYPICAL)
    assert TYPICAL in rows
    assert {"area": None, "kind": None} in rows
    assert {"area": None, "kind": "u"} in rows
    assert {"area": 100.0, "kind": None} in rows
    assert [row["kind"] for row in rows if row["kind"] not in (*KIND.levels, "rare", None)] == ["unseen-"]


def test_the_holdout_is_covered_from_its_first_row_to_its_last() -> None:
    holdout = houses()
    everything, rows = rows_of(holdout, BOTH), golden_rows(holdout, BOTH, TYPICAL)
    assert len(rows) == MOST_ROWS + 2
    assert everything[0] in rows
    assert rows[-1] == everything[-1]


@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_small_holdout_is_taken_whole_and_no_row_twice(size: int) -> None:
    holdout = houses(size)
    assert golden_rows(holdout, BOTH, TYPICAL)[-size:] == rows_of(holdout, BOTH)


@given(st.integers(0, 60), st.integers(0, 60))
def test_there_are_at_most_fifty_and_one_for_each_feature(numbers: int, categories: int) -> None:
    encodings = [FeatureEncoding(f"n{n}", "numeric") for n in range(numbers)]
    encodings += [FeatureEncoding(f"c{n}", "categorical", ("a",)) for n in range(categories)]
    if not encodings:
        return
    columns: dict[str, Any] = {f"n{n}": np.zeros(300) for n in range(numbers)}
    columns |= {f"c{n}": objects(*["a"] * 300) for n in range(categories)}
    rows = golden_rows(Table(columns), encodings, typical_row(Table(columns), encodings))
    assert MOST_ROWS - MOST_UNSEEN <= len(rows) <= MOST_ROWS + len(encodings)
    unseen = {name for row in rows for name, value in row.items() if value == "unseen"}
    assert unseen == {f"c{n}" for n in range(categories)}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_predictions_are_the_pipelines_own_for_the_rows_as_they_are_sent(task: Any) -> None:
    training = houses(400, seed=1)
    config = PipelineConfig(
        name="trial",
        task=task,
        target="y",
        numeric=("area",),
        categorical=("kind",),
        training=TrainingPolicy(estimator="hist_gradient_boosting", parameters={"max_iter": 10}),
    )
    matrix = encode(training, BOTH)
    target = np.nan_to_num(matrix[:, 0]) + 10 * (matrix[:, 1] == 0)
    pipeline = fit_estimator(config, matrix, (target > 100).astype(int) if task == "binary" else target * 1000)

    body = golden_file(houses(), BOTH, TYPICAL, pipeline)
    golden = Golden.from_json(body)

    assert all(len(request["rows"]) == 1 for request in golden.requests)
    sent = table_of([request["rows"][0] for request in json.loads(body)["requests"]], BOTH)
    expected = pipeline_predictions(pipeline, encode(sent, BOTH))
    np.testing.assert_array_equal(np.array(golden.predictions), expected)
    served = score_onnx(to_onnx(pipeline, 2), encode(sent, BOTH))
    np.testing.assert_allclose(served, expected, rtol=1e-5)
    assert np.ptp(expected[:, 0]) > 0


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.none() | st.text(max_size=5)),
        min_size=1,
        max_size=5,
    )
)
def test_a_row_survives_json_as_the_model_sees_it(values: list[tuple[float, str | None]]) -> None:
    table = Table({"area": np.array([area for area, _ in values]), "kind": objects(*(kind for _, kind in values))})
    sent = json.loads(json.dumps(rows_of(table, BOTH), allow_nan=False))
    np.testing.assert_array_equal(encode(table_of(sent, BOTH), BOTH), encode(table, BOTH))
