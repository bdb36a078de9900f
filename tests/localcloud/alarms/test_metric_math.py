"""Metric math gives what CloudWatch's guide says of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from localcloud.alarms.metric_math import evaluate

GAP = math.nan
GUIDE = "docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # A data point is only there where all operands have one (the guide, "Metric math syntax").
        ("a + b", [11.0, GAP, GAP]),
        ("FILL(b, 0) + a", [11.0, 2.0, GAP]),
        ("a / 2", [0.5, 1.0, GAP]),
        ("a > 1", [0.0, 1.0, GAP]),
        ("a > 1 AND b > 1", [0.0, GAP, GAP]),
        ("a > 1 || b > 1", [1.0, GAP, GAP]),
        ("IF(a > 1, a, 0)", [0.0, 2.0, GAP]),
        ("IF(a > 1, a)", [GAP, 2.0, GAP]),
        ("IF(a, b, 7)", [10.0, GAP, GAP]),
        ("MAX([a, b])", [10.0, 2.0, 30.0]),
        ("a ^ 2 - 2 * 3", [-5.0, -2.0, GAP]),
        ("(a + 1) * 2 - 1", [3.0, 5.0, GAP]),
        ("a / (a - 1)", [GAP, 2.0, GAP]),
        ("CEIL(a / 4) + FLOOR(b / 4) + ABS(0 - a)", [4.0, GAP, GAP]),
    ],
)
def test_an_expression_has_the_value_that_the_guide_gives(expression: str, expected: list[float]) -> None:
    series = {"a": np.array([1.0, 2.0, GAP]), "b": np.array([10.0, GAP, 30.0])}
    np.testing.assert_array_equal(evaluate(expression, series), expected)


def test_an_id_may_be_a_word_of_other_languages() -> None:
    assert evaluate("FILL(async, 0) + FILL(lambda, 1)", {"async": np.array([GAP]), "lambda": np.array([2.0])}) == [2.0]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("a +", "ends too early"),
        ("a b", "'b' is one too many"),
        ("SEARCH(a)", "the function SEARCH is not known here"),
        ("FILL(a)", "FILL takes 2 to 2 arguments, but got 1"),
        ("a + missing", "no metric has the id 'missing'"),
        ("IF(a, 1", "is missing"),
        ("a % 2", "'%' is not known"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(expression: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match="metric math") as refused:
        evaluate(expression, {"a": np.zeros(2), "b": np.zeros(2)})
    assert reason in str(refused.value)


numbers = st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6)


@given(numbers, numbers, numbers)
def test_arithmetic_is_that_of_python(a: float, b: float, c: float) -> None:
    series = {name: np.array([value]) for name, value in zip("abc", (a, b, c), strict=True)}
    assert evaluate("a + b * c - a / b", series)[0] == pytest.approx(a + b * c - a / b)
    assert evaluate("a - b - c", series)[0] == pytest.approx(a - b - c)
