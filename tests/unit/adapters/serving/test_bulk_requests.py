"""The quick way through a request says what the careful way says, or leaves it alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.serving.bulk_answers import QuickWriter
from contender.adapters.serving.bulk_requests import FEW_ROWS, QuickReader
from contender.adapters.serving.json import parse_json
from contender.data.encoding import FeatureEncoding
from contender.errors import InvalidInputError, NoAnswerError
from contender.serving.answers import answer
from contender.serving.requests import MAX_KEY, MAX_TEXT, RowReader, read_request

ENCODINGS = (
    FeatureEncoding("amount", "numeric", centre=1.7e12, scale=0.5),
    FeatureEncoding("for", "numeric"),
    FeatureEncoding("Träger 1", "categorical", ("UA", "3", "true", "1.0")),
)
READER = RowReader(ENCODINGS)
QUICK = QuickReader(ENCODINGS, READER)
MANIFESTS: dict[str, dict[str, Any]] = {
    "binary": {"version": "v", "task": "binary", "classes": ["no", "yes é"], "positive": "yes é"},
    "multiclass": {"version": "v", "task": "multiclass", "classes": ["a", "b", "c d"]},
    "regression": {"version": "v", "task": "regression", "classes": None},
}

NUMBERS = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.none() | st.sampled_from(["UA", "3", "true", "never seen"]) | st.text(max_size=5)
ODD = NUMBERS | TEXTS | st.booleans() | st.just([]) | st.just({"a": 1})


def rows_of(numbers: st.SearchStrategy[Any], texts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({"amount": numbers, "for": numbers, "Träger 1": texts})
    return st.lists(row, min_size=FEW_ROWS + 1, max_size=FEW_ROWS + 4)


def check(text: str) -> bool:
    """Whether the quick way took it; if so, the careful way has to say the same."""
    found = QUICK.read(text, max_rows=100)
    if found is None:
        return False
    careful = read_request(parse_json(text), READER, max_rows=100)
    np.testing.assert_array_equal(found.matrix, careful.matrix)
    assert list(found.rows) == list(careful.rows)
    assert (found.key, found.group, found.contributions) == (careful.key, careful.group, careful.contributions)
    return True


def test_a_whole_number_that_no_float_holds_is_kept_as_it_was_sent() -> None:
    """2**53 + 1 is the first one."""
    rows = [{"amount": 2**53 + 1, "for": 1, "Träger 1": "UA"}] * (FEW_ROWS + 1)
    assert not check(json.dumps({"rows": rows}))
    assert not check(json.dumps({"rows": [row | {"amount": -(2**53) - 1} for row in rows]}))
    assert check(json.dumps({"rows": [row | {"amount": 2**52 + 1} for row in rows]}))


@given(rows_of(NUMBERS, TEXTS))
def test_usual_rows_are_read_as_the_careful_way_reads_them(rows: list[dict[str, Any]]) -> None:
    check(json.dumps({"rows": rows}))


@given(rows_of(ODD, ODD), st.booleans())
def test_odd_rows_are_left_to_the_careful_way(rows: list[dict[str, Any]], unknown: bool) -> None:
    if unknown:
        rows[-1]["unknown"] = 1
    check(json.dumps({"rows": rows}))


def many(**more: Any) -> str:
    return json.dumps({"rows": [{"amount": 1.5, "for": None, "Träger 1": "UA"}] * (FEW_ROWS + 1), **more})


def test_a_usual_request_is_taken_with_its_key() -> None:
    assert check(many())
    assert check(many(key="customer é"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"rows": []}',
        '{"rows": null}',
        many(key=""),
        many(key="k" * (MAX_KEY + 1)),
        many(key=None),
        many(contributions=True),
        many(unknown=1),
        many().replace("1.5", "1e999"),
        many().replace("1.5", "NaN"),
        many().replace("1.5", "true"),
        many().replace('"UA"', "3"),
        many().replace("UA", "x" * (MAX_TEXT + 1)),
        many().replace('"amount"', '"Amount"'),
        json.dumps({"rows": [{"amount": 1.5, "for": None, "Träger 1": "UA"}]}),
        json.dumps({"rows": [{"amount": 1.5, "for": None, "Träger 1": "UA"}] * 101}),
    ],
)
def test_what_is_not_usual_is_left_alone(text: str) -> None:
    assert QUICK.read(text, max_rows=100) is None


def test_rows_may_be_taken_apart_as_a_list() -> None:
    found = QUICK.read(many(), max_rows=100)
    assert found is not None
    assert (len(found.rows), found.rows[-1]) == (FEW_ROWS + 1, {"amount": 1.5, "for": None, "Träger 1": "UA"})
    assert list(found.rows[1:3]) == [found.rows[1], found.rows[2]]


def test_a_name_that_json_would_escape_has_no_quick_way() -> None:
    for name in ('a"b', "a\\b", "a\nb"):
        encodings = (FeatureEncoding(name, "numeric"),)
        with pytest.raises(ValueError):
            QuickReader(encodings, RowReader(encodings))
        with pytest.raises(ValueError):
            QuickWriter(MANIFESTS["multiclass"] | {"classes": ["a", name]})


@given(st.sampled_from(sorted(MANIFESTS)), st.data())
def test_an_answer_written_quickly_has_the_same_content(task: str, data: st.DataObject) -> None:
    manifest = MANIFESTS[task]
    width = len(manifest["classes"] or [None])
    values = st.floats(allow_nan=False, allow_infinity=False)
    rows = data.draw(st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=5))
    predictions = np.array(rows, dtype=np.float64)
    text = QuickWriter(manifest).write(predictions, request_id="r", variant="champion")
    assert json.loads(text) == answer(predictions, manifest, request_id="r", variant="champion")


def test_a_prediction_that_is_no_number_is_refused() -> None:
    with pytest.raises(NoAnswerError, match=r"rows\[1\]: the model has no finite prediction"):
        QuickWriter(MANIFESTS["regression"]).write(np.array([[1.0], [np.nan]]), request_id="r", variant="champion")


def test_the_careful_way_says_what_is_wrong() -> None:
    with pytest.raises(InvalidInputError, match=r"rows\[0\].amount must be a number or null, but got True"):
        read_request(parse_json(many().replace("1.5", "true")), READER)
