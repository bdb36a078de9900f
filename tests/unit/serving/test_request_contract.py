"""The contract of requests: which rules rows break, told in a header or as a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contender.adapters.serving.bulk_requests import QuickReader
from contender.data.encoding import FeatureEncoding
from contender.errors import InvalidInputError
from contender.pipeline.column_contract import ColumnContract
from contender.serving.request_contract import HasColumns, RequestContract, header_of, request_rules
from contender.serving.requests import RowReader

CONTRACT = {
    "amount": ColumnContract(min=0.0, max=100.0, max_missing=0.1),
    "carrier": ColumnContract(allowed=("UA", "7"), required=True),
    "origin": ColumnContract(pattern="[A-Z]{3}"),
    "free": ColumnContract(max_unseen=0.5),
    "late": ColumnContract(required=True),
}
GOOD = {"amount": 50, "carrier": "UA", "origin": "EWR", "free": "x"}
RULES = request_rules(CONTRACT, ("amount", "carrier", "origin", "free"))


def test_only_rules_that_a_row_can_break_are_taken_and_only_those_of_features() -> None:
    assert RULES == {
        "amount": {"min": 0.0, "max": 100.0},
        "carrier": {"allowed": ("UA", "7"), "required": True},
        "origin": {"pattern": "[A-Z]{3}"},
    }


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({}, ""),
        ({"amount": 100, "carrier": 7.0}, ""),  # 7.0 is the category 7, as in an upload
        ({"amount": None, "origin": None}, ""),
        ({"amount": 100.5}, "amount.max=1"),
        ({"amount": -1}, "amount.min=1"),
        ({"carrier": "XX"}, "carrier.allowed=1"),
        ({"carrier": None}, "carrier.required=1"),
        ({"origin": "ewr"}, "origin.pattern=1"),
        ({"amount": -1, "carrier": True}, "amount.min=1, carrier.allowed=1"),
    ],
)
def test_each_rule_names_its_feature(changes: dict[str, Any], header: str) -> None:
    assert header_of(RequestContract(RULES).broken([GOOD | changes])) == header


def test_rows_are_counted_and_the_first_is_named() -> None:
    rows = [GOOD, GOOD | {"amount": 101}, GOOD | {"amount": None}, GOOD | {"amount": 250}]
    (only,) = RequestContract(RULES).broken(rows)
    assert (only.rows, only.first) == (2, 1)


def test_a_request_of_many_rows_is_checked_by_its_columns() -> None:
    encodings = [
        FeatureEncoding.from_dict({"name": "amount", "kind": "numeric", "levels": []}),
        FeatureEncoding.from_dict({"name": "carrier", "kind": "categorical", "levels": ["UA"]}),
    ]
    rows = [{"amount": number, "carrier": "UA" if number % 2 else "XX"} for number in range(90, 110)]
    quick = QuickReader(encodings, RowReader(encodings)).read(json.dumps({"rows": rows}), max_rows=100)
    assert quick is not None
    assert isinstance(quick.rows, HasColumns)
    contract = RequestContract({"amount": {"max": 100.0}, "carrier": {"allowed": ["UA"]}})
    assert [(each.rows, each.first) for each in contract.broken(quick.rows)] == [(9, 11), (10, 0)]
    assert header_of(contract.broken(rows)) == "amount.max=9, carrier.allowed=10"


def test_a_refusal_names_row_value_bound_and_key() -> None:
    with pytest.raises(InvalidInputError) as refused:
        RequestContract(RULES, refuses=True).broken([GOOD, GOOD | {"amount": 101, "carrier": "XX"}])
    assert str(refused.value) == (
        "rows[1].amount is 101, more than 100 (contract.amount.max); "
        "rows[1].carrier is 'XX', which the contract does not allow (contract.carrier.allowed)"
    )


def test_a_name_that_a_header_does_not_take_is_encoded() -> None:
    assert header_of(RequestContract({"größe, m²": {"max": 1.0}}).broken([{"größe, m²": 2}])) == (
        "gr%C3%B6%C3%9Fe%2C%20m%C2%B2.max=1"
    )


@pytest.mark.parametrize("count", [2, 500])
def test_the_rules_come_through_an_environment_variable(count: int) -> None:
    rules = {"carrier": {"allowed": [f"carrier {number}" for number in range(count)]}}
    text = RequestContract(rules, refuses=True).to_text()
    read = RequestContract.from_text(text)
    assert read is not None
    assert (read.rules, read.refuses, text.isascii()) == (rules, True, True)
    assert len(text) < 2_500
    assert RequestContract.from_text("") is None
