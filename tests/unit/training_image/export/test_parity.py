"""What is served equals what scikit-learn answers, on every row of a test set of real flights.

scikit-learn reads the text with its own encoder here, so that Contender's encoding is held to it as well: missing
values in every feature, levels that training never saw and levels too rare for it are among the rows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.served_model import CATEGORICAL, UNSEEN, Trained, as_frame, as_json, as_table, split, train, with_gaps
from benchmarks.serving import _target
from contender.data.encoding import encode
from contender.serving.requests import RowReader
from tests.unit.training_image.export.test_export import ESTIMATORS
from training_image.export.export import score_onnx

SMALL = {
    "hist_gradient_boosting": {"max_iter": 30},
    "lightgbm": {"n_estimators": 30},
    "random_forest": {"n_estimators": 9},
}


@cache
def training_rows() -> Any:
    return with_gaps(split()[0].tail(6000), seed=2)


@cache
def flights_to_test() -> Any:
    return with_gaps(split()[1], seed=1)


@cache
def trained_on(task: str, estimator: str) -> Trained:
    rows = training_rows()
    return train(rows, _target(rows, task), task=task, estimator=estimator, parameters=SMALL.get(estimator))


def by_sklearn(trained: Trained) -> NDArray[np.float64]:
    frame = as_frame(flights_to_test())
    if trained.config.task == "regression":
        return np.asarray(trained.whole.predict(frame)).reshape(-1, 1)
    return np.asarray(trained.whole.predict_proba(frame))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_row_of_the_test_set_is_answered_as_scikit_learn_does(estimator: str, task: str) -> None:
    trained = trained_on(task, estimator)

    found = score_onnx(trained.onnx(), encode(as_table(flights_to_test()), trained.encodings))

    expected = by_sklearn(trained)
    scale = np.sqrt(np.mean(expected**2)) if task == "regression" else 1.0
    assert (
        found.shape == expected.shape == (len(flights_to_test()), {"binary": 2, "multiclass": 3, "regression": 1}[task])
    )
    assert np.abs(found - expected).max() <= 1e-5 * scale


def test_the_test_set_holds_what_goes_wrong_elsewhere() -> None:
    rows = flights_to_test()
    trained = trained_on("binary", "linear")

    assert len(rows) > 25_000
    assert rows.isna().any().all() or rows[list(CATEGORICAL)].isna().any().all()
    for encoding in trained.encodings:
        if encoding.kind == "categorical":
            assert (rows[encoding.name] == UNSEEN).sum() > 100
            assert encoding.levels
    rare = set(rows["dest"].dropna()) - set(next(e for e in trained.encodings if e.name == "dest").levels) - {UNSEEN}
    assert rare


def test_rows_of_a_request_are_read_as_the_table_is_encoded() -> None:
    trained = trained_on("binary", "linear")
    rows = flights_to_test().head(3000)
    by_table = encode(as_table(rows), trained.encodings)
    reader = RowReader(trained.encodings)

    assert np.array_equal(reader.read(as_json(rows)), by_table, equal_nan=True)
    assert np.array_equal(reader.read(as_json(rows)[:1]), by_table[:1], equal_nan=True)
