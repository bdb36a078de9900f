"""A prediction request and its answer."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.serving import MAX_ROWS, answer, describe_model, parse_rows

MANIFEST: dict[str, Any] = {
    "version": "v1",
    "pipeline": "shop",
    "task": "binary",
    "target": "late",
    "classes": ["false", "true"],
    "positive": "true",
    "features": [{"name": "amount", "kind": "numeric"}, {"name": "carrier", "kind": "categorical", "levels": ["UA"]}],
    "metrics": {"auc": 0.7},
    "trained_rows": 10,
    "datasets": ["d1"],
}
ROW = {"amount": 1.5, "carrier": "UA"}


def test_rows_become_the_table_that_the_model_takes() -> None:
    table = parse_rows({"rows": [ROW, {"carrier": 3.0, "amount": None}, {"amount": 2, "carrier": True}]}, MANIFEST)
    np.testing.assert_array_equal(table["amount"], [1.5, np.nan, 2.0])
    assert table["carrier"].tolist() == ["UA", "3", "true"]
    assert list(table.columns) == ["amount", "carrier"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, 'the body must be {"rows": [{…}, …]}'),
        ([], "the body must be"),
        ({}, "the body must be"),
        ({"rows": ROW}, "the body must be"),
        ({"rows": [ROW], "row": 1}, "unknown field 'row'; the body takes rows only"),
        ({"rows": []}, f"rows must hold 1 to {MAX_ROWS} rows, but got 0"),
        ({"rows": [ROW] * (MAX_ROWS + 1)}, f"rows must hold 1 to {MAX_ROWS} rows, but got {MAX_ROWS + 1}"),
        ({"rows": [ROW, 3]}, "rows[1] must be an object, but got 3"),
        ({"rows": [{"amount": 1}]}, "rows[0].carrier is missing; send null when it is not known"),
        ({"rows": [ROW | {"color": 1}]}, "rows[0].'color' is not a feature; known: amount, carrier"),
        ({"rows": [ROW | {"amount": "1"}]}, "rows[0].amount must be a number or null, but got '1'"),
        ({"rows": [ROW | {"amount": True}]}, "rows[0].amount must be a number or null, but got True"),
        ({"rows": [ROW | {"amount": math.inf}]}, "rows[0].amount must be a finite number, but got inf"),
        ({"rows": [ROW | {"amount": 10**400}]}, "rows[0].amount must be a finite number, but got 1000"),
        (
            {"rows": [ROW | {"carrier": ["UA"]}]},
            "rows[0].carrier must be text, a number, a boolean or null, but got ['UA']",
        ),
    ],
)
def test_a_bad_request_is_told_by_row_field_and_value(body: Any, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_rows(body, MANIFEST)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 200


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
NEAR = st.fixed_dictionaries({"rows": st.lists(st.fixed_dictionaries({"amount": JSON, "carrier": JSON}), max_size=3)})


@given(body=st.one_of(JSON, NEAR))
def test_no_body_ends_in_anything_but_a_table_or_a_reason(body: Any) -> None:
    try:
        table = parse_rows(body, MANIFEST)
    except InvalidInputError:
        return
    assert len(table) == len(body["rows"])


def test_a_binary_answer_has_the_probability_of_the_positive_class() -> None:
    body = answer(np.array([[0.7, 0.3], [0.2, 0.8]]), MANIFEST, "p")
    assert body == {
        "prediction_id": "p",
        "model_version": "v1",
        "predictions": [
            {
                "prediction_id": "p-0",
                "prediction": "false",
                "probability": 0.3,
                "probabilities": {"false": 0.7, "true": 0.3},
            },
            {
                "prediction_id": "p-1",
                "prediction": "true",
                "probability": 0.8,
                "probabilities": {"false": 0.2, "true": 0.8},
            },
        ],
    }


def test_a_multiclass_answer_has_every_class() -> None:
    manifest = MANIFEST | {"task": "multiclass", "classes": ["a", "b", "c"]}
    (row,) = answer(np.array([[0.1, 0.2, 0.7]]), manifest, "p")["predictions"]
    assert row == {"prediction_id": "p-0", "prediction": "c", "probabilities": {"a": 0.1, "b": 0.2, "c": 0.7}}


def test_a_regression_answer_is_a_number() -> None:
    (row,) = answer(np.array([[12.5]]), MANIFEST | {"task": "regression", "classes": None}, "p")["predictions"]
    assert row == {"prediction_id": "p-0", "prediction": 12.5}


def test_the_largest_answer_fits_into_what_a_function_may_return() -> None:
    classes = [f"a class with a rather long name {number}" for number in range(8)]
    manifest = MANIFEST | {"task": "multiclass", "classes": classes}
    body = answer(np.full((MAX_ROWS, 8), 1 / 7), manifest, "0" * 36)
    assert len(json.dumps(body)) < 6_000_000


def test_a_model_tells_what_it_is_without_its_tables() -> None:
    told = describe_model(MANIFEST, since="now", previous=None)
    assert told["features"] == [{"name": "amount", "kind": "numeric"}, {"name": "carrier", "kind": "categorical"}]
    assert (told["model_version"], told["serving_since"], told["previous"]) == ("v1", "now", None)
