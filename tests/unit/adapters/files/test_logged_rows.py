"""Files of the prediction log as KeepPredictions writes them, read for judging."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contender.adapters.files.logged_rows import ANY_TIME, read_logged_rows, times_of
from contender.adapters.files.prediction_files import predictions_parquet
from contender.live.logged_rows import LoggedRows
from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.record import Record

FIRST, SECOND = "01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-000000000002"
FEATURES = [{"name": "age", "kind": "numeric"}, {"name": "shop", "kind": "categorical"}]
BINARY = {"task": "binary", "classes": ["no", "yes"], "positive": "no", "features": FEATURES}
THREE = {"task": "multiclass", "classes": ["a", 'b"', "ü"], "positive": None, "features": FEATURES}
NUMBER = {"task": "regression", "classes": None, "features": FEATURES}


def file(
    manifest: Mapping[str, Any], *predictions: list[float], request: str = FIRST, at: float = 1e9, **policy: Any
) -> bytes:
    rows: list[Any] = [{"age": 30 + number, "shop": "north" if number else None} for number in range(len(predictions))]
    record = Record("shop", request, at, "sync", "champion", "v1", 1.0, rows, predictions)
    return predictions_parquet([record], manifest, ServingPolicy(**policy))


def read(manifest: Mapping[str, Any], *bodies: bytes) -> LoggedRows:
    missed: list[int] = []
    (rows,) = read_logged_rows(bodies, manifest, missed.append)
    return rows


def test_rows_of_many_files_are_read_together_with_inputs_times_and_weights() -> None:
    bodies = [
        file(BINARY, [0.9, 0.1], [0.2, 0.8], log_fraction=0.5),
        file(BINARY, [0.4, 0.6], request=SECOND, at=1e9 + 5.25, log_fraction=0.5),
    ]
    found = read(BINARY, *bodies)
    assert found.at.tolist() == [1e9, 1e9, 1e9 + 5.25]
    assert found.features["age"].tolist() == [30.0, 31.0, 30.0]
    assert found.features["shop"].tolist() == [None, "north", None]
    assert found.predicted is not None
    assert found.predicted.to_objects().tolist() == ["no", "yes", "yes"]
    assert found.stands_for.tolist() == [2.0, 2.0, 2.0]
    assert times_of(bodies[1]) == (1e9 + 5.25, 1e9 + 5.25)


def test_a_probability_is_that_of_the_last_class_as_profiles_have_it() -> None:
    np.testing.assert_allclose(read(BINARY, file(BINARY, [0.9, 0.1], [0.2, 0.8])).prediction, [0.1, 0.8])
    last = {**BINARY, "positive": "yes"}
    np.testing.assert_allclose(read(last, file(last, [0.9, 0.1], [0.2, 0.8])).prediction, [0.1, 0.8])


def test_of_many_classes_each_probability_is_read_and_what_is_no_number_is_missing() -> None:
    found = read(THREE, file(THREE, [0.1, 0.2, 0.7], [0.5, float("nan"), 0.5]))
    np.testing.assert_equal(found.prediction, [[0.1, 0.2, 0.7], [0.5, np.nan, 0.5]])


def test_a_number_is_its_own_prediction() -> None:
    found = read(NUMBER, file(NUMBER, [3.5], [-1.0]))
    assert (found.prediction.tolist(), found.predicted) == ([3.5, -1.0], None)


def test_a_row_has_one_id_in_whichever_file_it_is() -> None:
    found = read(NUMBER, file(NUMBER, [1.0], [2.0]), file(NUMBER, [1.0]), file(NUMBER, [1.0], request=SECOND))
    first, second, again, other = found.ids.tolist()
    assert first == again
    assert len({first, second, other}) == 3


def test_files_with_other_columns_are_read_apart() -> None:
    bodies = [file(NUMBER, [1.0]), file(NUMBER, [2.0], log_drop=("shop",)), file(NUMBER, [3.0])]
    found = list(read_logged_rows(bodies, NUMBER, int))
    assert [sorted(rows.features.columns) for rows in found] == [["age", "shop"], ["age"], ["age", "shop"]]


def test_what_is_no_file_of_the_log_is_told_and_the_others_are_read() -> None:
    missed: list[int] = []
    empty, whole = io.BytesIO(), file(NUMBER, [1.0])
    pq.write_table(pa.table({"other": [1]}), empty)
    (rows,) = read_logged_rows([b"no file", whole, whole[:-9], empty.getvalue()], NUMBER, missed.append)
    assert (len(rows), missed) == (1, [0, 2, 3])
    assert times_of(b"no file") == times_of(empty.getvalue()) == ANY_TIME
