"""A prediction request and its answer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.serving.json import parse_json, to_json
from contender.data.encoding import FeatureEncoding, encode
from contender.errors import InvalidInputError, NoAnswerError, TooLargeError
from contender.registry.pointer import Pointer, Trial
from contender.serving.answers import answer, check_answer_size, describe_model
from contender.serving.requests import (
    MAX_BODY_BYTES,
    MAX_CONTRIBUTION_ROWS,
    MAX_KEY,
    MAX_ROWS,
    MAX_TEXT,
    RowReader,
    read_request,
)
from contender.table import Table, as_categories

MANIFEST: dict[str, Any] = {
    "version": "v1",
    "pipeline": "shop",
    "task": "binary",
    "target": "late",
    "classes": ["false", "true"],
    "positive": "true",
    "features": [
        {"name": "amount", "kind": "numeric"},
        {"name": "carrier", "kind": "categorical", "levels": ["UA", "3", "true"]},
    ],
    "metrics": {"auc": 0.7},
    "trained_rows": 10,
    "datasets": ["d1"],
}
READER = RowReader.of(MANIFEST)
ROW = {"amount": 1.5, "carrier": "UA"}
NAN = math.nan


def test_rows_become_the_matrix_that_the_model_takes() -> None:
    rows = [ROW, {"carrier": 3.0, "amount": None}, {"amount": 2, "carrier": True}, {"amount": 1e39, "carrier": "ZZ"}]
    matrix = read_request({"rows": rows}, READER).matrix
    # A level is its position; 1e39 is beyond float32 and ZZ was never seen, as in training.
    np.testing.assert_array_equal(matrix, np.array([[1.5, 0], [NAN, 1], [2, 2], [NAN, NAN]], dtype=np.float32))


def test_one_feature_is_enough() -> None:
    reader = RowReader([FeatureEncoding("x", "numeric")])
    assert reader.read([{"x": 1}] * 9).tolist() == [[1.0]] * 9


FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.one_of(st.none(), FINITE, st.integers(-(2**60), 2**60))
TEXTS = st.one_of(st.none(), st.sampled_from(["UA", "3", "3.0", " UA ", "TRUE", "", "ZZ"]), st.text(max_size=5))
CATEGORIES = st.one_of(TEXTS, st.booleans(), st.integers(-5, 5), st.floats(-(2.0**62), 2.0**62))
ROWS = st.lists(
    st.fixed_dictionaries({"amount": NUMBERS, "carrier": st.one_of(TEXTS, CATEGORIES)}), min_size=1, max_size=9
)


@given(rows=ROWS, centre=st.sampled_from([0.0, 1.7e12, -3.25]), scale=st.sampled_from([1.0, 2.0**-40, 2.0**300]))
def test_requests_are_encoded_as_training_encodes_tables(
    rows: list[dict[str, Any]], centre: float, scale: float
) -> None:
    encodings = [
        FeatureEncoding("amount", "numeric", centre=centre, scale=scale),
        FeatureEncoding.from_dict(MANIFEST["features"][1]),
    ]
    amounts = np.array([NAN if row["amount"] is None else float(row["amount"]) for row in rows])
    table = Table({"amount": amounts, "carrier": as_categories(row["carrier"] for row in rows)})
    np.testing.assert_array_equal(RowReader(encodings).read(rows), encode(table, encodings))


@pytest.mark.parametrize("copies", [1, 9], ids=["by cell", "by column"])
def test_whole_numbers_beyond_2_53_are_read_digit_for_digit_as_categories(copies: int) -> None:
    """2**53 + 1 is the first one that no float holds; 2**64 - 1 the last one that a JSON reader holds."""
    ids = (2**53 + 1, 5550001112223334401, 5550001112223334402, 2**64 - 1, -(2**63))
    reader = RowReader([FeatureEncoding("shop", "categorical", tuple(map(str, ids)))])

    as_numbers = parse_json('{"rows": [' + ", ".join(f'{{"shop": {one}}}' for one in ids * copies) + "]}")
    as_texts = {"rows": [{"shop": str(one)} for one in ids * copies]}

    for body in (as_numbers, as_texts):
        assert read_request(body, reader).matrix[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0] * copies


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30])
def test_a_whole_number_that_json_readers_round_is_refused_as_a_category_and_taken_as_text(number: int) -> None:
    reader = RowReader([FeatureEncoding("shop", "categorical", (str(number),))])

    with pytest.raises(InvalidInputError, match=r"rows\[0\].shop must be text where it has 19 digits or more"):
        read_request(parse_json(f'{{"rows": [{{"shop": {number}}}]}}'), reader)
    assert reader.read([{"shop": str(number)}]).tolist() == [[0.0]]


@pytest.mark.parametrize(
    "sent",
    ["S\u00e3o", "Sa\u0303o", " S\u00e3o ", "2.5", "2.50", 2.5, "1e-05", 0.00001, "01067", "10000000000000000", 1e16],
)
def test_a_category_is_the_same_level_however_it_is_written(sent: Any) -> None:
    reader = RowReader(
        [FeatureEncoding("city", "categorical", ("S\u00e3o", "2.5", "0.00001", "01067", "10000000000000000"))]
    )

    assert not np.isnan(reader.read([{"city": sent}])).any()
    assert not np.isnan(reader.read([{"city": sent}] * 9)).any()


@pytest.mark.parametrize("sent", ["1067", 1067, "1e16", "Sao"])
def test_another_category_is_another_level(sent: Any) -> None:
    reader = RowReader([FeatureEncoding("city", "categorical", ("S\u00e3o", "01067", "10000000000000000"))])

    assert np.isnan(reader.read([{"city": sent}])).all()


def test_a_level_of_an_older_manifest_is_found_as_it_is_written_today() -> None:
    reader = RowReader([FeatureEncoding("size", "categorical", ("2.50", "Sa\u0303o"))])

    assert reader.read([{"size": each} for each in ("2.50", "2.5", 2.5, "S\u00e3o")]).tolist() == [[0], [0], [0], [1]]


def test_a_table_that_holds_the_accents_of_another_keyboard_is_encoded_alike() -> None:
    """Unicode's own examples of canonical equivalence: UAX 15, figure 3."""
    encoding = FeatureEncoding("city", "categorical", tuple(as_categories(["\u00c5", "\u00f4", "\u1e69"]).tolist()))
    decomposed = as_categories(["A\u030a", "o\u0302", "s\u0323\u0307"])

    assert encoding.encode(decomposed).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, 'the body must be {"rows": [{…}, …]}'),
        ([], "the body must be"),
        ({}, "the body must be"),
        ({"rows": ROW}, "the body must be"),
        ({"rows": [ROW], "row": 1}, "'row' is not a field of a request; fields: rows, key, contributions"),
        ({"rows": [ROW], "group": "g"}, "'group' is not a field of a request"),
        ({"rows": [ROW], "key": 3}, "key must be text, but got 3"),
        ({"rows": [ROW], "key": ""}, f"key must have 1 to {MAX_KEY} characters, but got 0"),
        ({"rows": [ROW], "key": "k" * 129}, f"key must have 1 to {MAX_KEY} characters, but got 129"),
        ({"rows": [ROW], "key": None}, "key must be text, but got None"),
        ({"rows": [ROW], "contributions": 1}, "contributions must be true or false, but got 1"),
        ({"rows": []}, f"rows must hold 1 to {MAX_ROWS} rows, but got 0"),
        ({"rows": [ROW] * (MAX_ROWS + 1)}, f"rows must hold 1 to {MAX_ROWS} rows, but got {MAX_ROWS + 1}"),
        (
            {"rows": [ROW] * 101, "contributions": True},
            f"rows must hold 1 to {MAX_CONTRIBUTION_ROWS} rows when contributions are requested, but got 101",
        ),
    ],
)
def test_a_bad_request_is_told_by_field_and_value(body: Any, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_request(body, READER)
    assert said in str(refused.value)


@pytest.mark.parametrize("others", [0, 6], ids=["alone", "among others"])
@pytest.mark.parametrize(
    ("row", "said"),
    [
        (3, " must be an object, but got 3"),
        ({"amount": 1}, ".carrier is missing; send null if the value is unknown"),
        ({"amount": 1, "colour": 2}, ".carrier is missing"),
        (ROW | {"color": 1}, ".'color' is not a feature; known: amount, carrier"),
        (ROW | {"c" * 10_000: 1}, " is not a feature"),
        (ROW | {"amount": "1"}, ".amount must be a number or null, but got '1'"),
        (ROW | {"amount": "NaN"}, ".amount must be a number or null, but got 'NaN'"),
        (ROW | {"amount": True}, ".amount must be a number or null, but got True"),
        (ROW | {"amount": math.inf}, ".amount must be a finite number, but got inf"),
        (ROW | {"amount": math.nan}, ".amount must be a finite number, but got nan"),
        (ROW | {"amount": 10**400}, ".amount must be a finite number, but got 1000"),
        (ROW | {"amount": 10**6_000}, ".amount must be a finite number, but got a very long number"),
        (ROW | {"amount": [1]}, ".amount must be a number or null, but got a list"),
        (ROW | {"carrier": ["UA"]}, ".carrier must be text, a number, a boolean or null, but got a list"),
        (ROW | {"carrier": {}}, ".carrier must be text, a number, a boolean or null, but got an object"),
        (ROW | {"carrier": math.inf}, ".carrier must be a finite number, but got inf"),
        (ROW | {"carrier": 10**6_000}, ".carrier must be a finite number, but got a very long number"),
        (ROW | {"carrier": "x" * 1001}, f".carrier must have at most {MAX_TEXT} characters, but got 1001"),
    ],
)
def test_a_bad_row_is_told_by_its_number_field_and_value(row: Any, said: str, others: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_request({"rows": [ROW] * others + [row]}, READER)
    assert f"rows[{others}]" in str(refused.value)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_nan_is_not_taken_for_a_null_beside_it() -> None:
    with pytest.raises(InvalidInputError, match=r"rows\[5\]\.amount must be a finite number"):
        READER.read([ROW] * 4 + [ROW | {"amount": None}, ROW | {"amount": NAN}])


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
NEAR = st.fixed_dictionaries({"rows": st.lists(st.fixed_dictionaries({"amount": JSON, "carrier": JSON}), max_size=9)})


@given(body=st.one_of(JSON, NEAR))
def test_no_body_ends_in_anything_but_a_request_or_a_reason(body: Any) -> None:
    try:
        asked = read_request(body, READER, takes=("key", "group", "contributions"))
    except InvalidInputError:
        return
    assert len(asked.matrix) == len(body["rows"])


@given(rows=st.lists(st.fixed_dictionaries({"amount": JSON, "carrier": JSON}), min_size=5, max_size=9))
def test_reading_by_column_refuses_and_gives_what_reading_by_cell_does(rows: list[dict[str, Any]]) -> None:
    def outcome(read: Any) -> Any:
        try:
            return np.nan_to_num(read(rows), nan=-1.0).tolist()
        except InvalidInputError as error:
            return str(error)

    assert outcome(READER.read) == outcome(READER._by_cell)


@pytest.mark.parametrize(
    "text",
    ["", "{", "nope", "NaN", "Infinity", "1e999", "9" * 5_000, '"\\ud800"', "\ufeff1", '{"a": 1} 2'],
)
def test_what_is_not_json_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"the body is not JSON: .*line 1"):
        parse_json(text)


def test_a_body_that_is_nested_without_end_is_refused_for_that() -> None:
    with pytest.raises(InvalidInputError, match="the body is nested too deeply"):
        parse_json("[" * 100_000)


def test_an_answer_is_compact_json() -> None:
    assert to_json({"a": [1, 0.5, None, True, "é"]}) == '{"a":[1,0.5,null,true,"é"]}'


def test_a_binary_answer_has_the_probability_of_the_positive_class() -> None:
    body = answer(np.array([[0.7, 0.3], [0.2, 0.8]]), MANIFEST, request_id="r", variant="challenger")
    assert body == {
        "prediction_id": "r",
        "model_version": "v1",
        "variant": "challenger",
        "predictions": [
            {
                "prediction_id": "r-0",
                "prediction": "false",
                "probability": 0.3,
                "probabilities": {"false": 0.7, "true": 0.3},
            },
            {
                "prediction_id": "r-1",
                "prediction": "true",
                "probability": 0.8,
                "probabilities": {"false": 0.2, "true": 0.8},
            },
        ],
    }


def answered(predictions: Any, manifest: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    body = answer(np.array(predictions), manifest, request_id="p", variant="champion", **more)
    return list(body["predictions"])


def test_the_positive_class_may_be_the_first() -> None:
    (row,) = answered([[0.7, 0.3]], MANIFEST | {"positive": "false"})
    assert row["probability"] == 0.7


def test_a_multiclass_answer_has_every_class() -> None:
    (row,) = answered([[0.1, 0.2, 0.7]], MANIFEST | {"task": "multiclass", "classes": ["a", "b", "c"]})
    assert row == {"prediction_id": "p-0", "prediction": "c", "probabilities": {"a": 0.1, "b": 0.2, "c": 0.7}}


def test_a_regression_answer_is_a_number() -> None:
    (row,) = answered([[12.5]], MANIFEST | {"task": "regression", "classes": None})
    assert row == {"prediction_id": "p-0", "prediction": 12.5}


def test_contributions_go_with_their_rows() -> None:
    rows = answered([[0.7, 0.3], [0.2, 0.8]], MANIFEST, contributions=[{"exact": True}, {"exact": False}])
    assert [row["contributions"] for row in rows] == [{"exact": True}, {"exact": False}]


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
def test_a_prediction_that_is_no_finite_number_is_no_answer(strange: float) -> None:
    with pytest.raises(NoAnswerError, match=r"rows\[1\]: the model has no finite prediction"):
        answered([[1.0], [strange], [2.0]], MANIFEST | {"task": "regression", "classes": None})


def test_the_largest_binary_answer_fits_into_what_a_function_may_return() -> None:
    text = to_json(answer(np.full((MAX_ROWS, 2), 1 / 7), MANIFEST, request_id="0" * 36, variant="champion"))
    check_answer_size(text, MAX_ROWS)


def test_an_answer_that_is_too_large_says_how_many_rows_fit() -> None:
    classes = [f"a class with a rather long name {number}" for number in range(40)]
    manifest = MANIFEST | {"task": "multiclass", "classes": classes}

    def text(rows: int) -> str:
        return to_json(answer(np.full((rows, 40), 1 / 7), manifest, request_id="0" * 36, variant="champion"))

    with pytest.raises(TooLargeError, match=r"ask for at most (\d+) rows at once") as refused:
        check_answer_size(text(MAX_ROWS), MAX_ROWS)
    fitting = int(str(refused.value).partition("at most ")[2].split()[0])
    check_answer_size(text(fitting), fitting)
    assert len(to_json({"body": text(fitting)})) < MAX_BODY_BYTES


POINTER = Pointer("shop", "v1", "0" * 64, "run", 1, "swap", "now", "better", None)


def test_a_model_tells_what_it_is_without_its_tables() -> None:
    told = describe_model(MANIFEST, POINTER)
    assert told["features"] == [{"name": "amount", "kind": "numeric"}, {"name": "carrier", "kind": "categorical"}]
    assert (told["model_version"], told["serving_since"], told["previous"]) == ("v1", "now", None)
    assert (told["challenger"], told["provisional"]) == (None, False)
    assert describe_model(MANIFEST, replace(POINTER, provisional=True))["provisional"] is True


def test_a_model_tells_of_the_challenger_beside_it() -> None:
    pointer = Pointer(**{**vars(POINTER), "challenger": Trial("v2", "1" * 64, 0.1, "canary", "run-2", "now", "later")})
    assert describe_model(MANIFEST, pointer)["challenger"] == {
        "model_version": "v2",
        "mode": "canary",
        "weight": 0.1,
        "until": "later",
    }
