"""Live counts: they add up in any order, survive a table, and read back quantiles within their stated error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.predictions.ids import new_request_id
from contender.predictions.live_metrics import (
    NOTHING,
    RELATIVE_ERROR,
    LiveCounts,
    Outputs,
    Score,
    count_record,
    count_shadow,
    label_change,
    score,
    total,
)
from contender.predictions.record import Record, Shadow, log_record

BINARY = Outputs("binary", ("no", "yes"), "yes")
MANY = Outputs("multiclass", ("a", "b", "c"))
NUMBER = Outputs("regression")
REQUEST = new_request_id(1, bytes(10))


def record(predictions: Any = ((0.2, 0.8),), *, latency_ms: float = 3.0, **changes: Any) -> Record:
    settings: dict[str, Any] = {
        "pipeline": "shop",
        "request_id": REQUEST,
        "at": 60.0,
        "source": "sync",
        "variant": "champion",
        "version": "v1",
        "latency_ms": latency_ms,
        "rows": [{} for _ in predictions],
        "predictions": [list(prediction) for prediction in predictions],
    }
    return log_record(**settings | changes)


COUNTS = st.builds(
    LiveCounts,
    requests=st.integers(0, 1_000),
    errors=st.integers(0, 10),
    rows=st.integers(0, 9_999),
    labels=st.integers(-5, 99),
    correct=st.integers(-5, 99),
    loss_sum=st.integers(-99, 99).map(float),
    loss_square_sum=st.integers(-99, 99).map(float),
    latencies=st.dictionaries(st.integers(0, 500), st.integers(1, 99)),
    classes=st.dictionaries(st.text(), st.integers(1, 99)),
    probabilities=st.dictionaries(st.integers(0, 19), st.integers(1, 99)),
    values=st.dictionaries(st.integers(-500, 500), st.integers(1, 99)),
)


@given(COUNTS, COUNTS, COUNTS)
def test_counts_add_up_whatever_the_order(one: LiveCounts, other: LiveCounts, third: LiveCounts) -> None:
    assert (one + other) + third == one + (other + third) == total((third, other, one))
    assert one + NOTHING == one


@given(COUNTS)
def test_counts_survive_a_table_of_numbers(counts: LiveCounts) -> None:
    numbers = counts.to_numbers()
    assert 0 not in numbers.values()
    assert LiveCounts.from_numbers({**numbers, "pk": "live#x", "sk": "minute", "expires_at": 7}) == counts


@given(st.lists(st.floats(0.011, 9e6), min_size=1, max_size=60), st.floats(0, 1))
def test_a_latency_is_read_back_within_the_stated_error(times: list[float], quantile: float) -> None:
    counts = total(count_record(record(latency_ms=time), BINARY) for time in times)
    true = sorted(times)[max(1, math.ceil(quantile * len(times))) - 1]
    found = counts.latency_ms(quantile)
    assert found is not None
    assert abs(found - true) <= RELATIVE_ERROR * true * (1 + 1e-6)


@given(st.lists(st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-8), min_size=1, max_size=60))
def test_a_predicted_value_is_read_back_within_the_stated_error(values: list[float]) -> None:
    counts = count_record(record([[value] for value in values]), NUMBER)
    true = sorted(values)[math.ceil(0.5 * len(values)) - 1]
    found = counts.value(0.5)
    assert found is not None
    assert abs(found - true) <= RELATIVE_ERROR * abs(true) * (1 + 1e-6)


def test_the_slow_requests_are_counted() -> None:
    counts = total(count_record(record(latency_ms=time), BINARY) for time in (1, 90, 110, 5_000))
    assert counts.slower_than(100) == 2
    assert counts.latency_ms(1.0) == pytest.approx(5_000, rel=RELATIVE_ERROR)


@pytest.mark.parametrize("time", [0.0, 1e-9, 1e12])
def test_no_latency_falls_out_of_the_buckets(time: float) -> None:
    assert sum(count_record(record(latency_ms=time), BINARY).latencies.values()) == 1


def test_classes_and_probabilities_of_the_positive_class_are_counted() -> None:
    counts = count_record(record([(0.9, 0.1), (0.5, 0.5), (0.0, 1.0)]), BINARY)
    assert counts.classes == {"no": 2, "yes": 1}
    assert counts.probabilities == {2: 1, 10: 1, 19: 1}
    assert counts.class_shares == {"no": 2 / 3, "yes": 1 / 3}
    assert (counts.requests, counts.rows, counts.errors) == (1, 3, 0)


def test_of_many_classes_the_likeliest_ones_probability_is_counted() -> None:
    assert count_record(record([(0.1, 0.7, 0.2)]), MANY).probabilities == {14: 1}


def test_a_request_in_parts_is_one_request() -> None:
    from dataclasses import replace

    parts = [replace(record(), part=part) for part in range(3)]
    counts = total(count_record(part, BINARY) for part in parts)
    assert (counts.requests, counts.rows, sum(counts.latencies.values())) == (1, 3, 1)


def test_a_failed_request_is_an_error_and_its_time_counts() -> None:
    counts = count_record(record([], error="no model"), BINARY)
    assert (counts.requests, counts.errors, counts.rows, counts.error_rate) == (1, 1, 0, 1.0)
    assert counts.latency_ms(0.5) is not None


def test_a_challenger_in_the_shadow_has_counts_of_its_own() -> None:
    shadowed = record(shadow=Shadow("v2", [[1.0, 0.0]], 7.0))
    assert count_shadow(shadowed, BINARY).classes == {"no": 1}
    assert count_shadow(shadowed, BINARY).latency_ms(0.5) == pytest.approx(7, rel=RELATIVE_ERROR)
    failed = count_shadow(record(shadow=Shadow("v2", (), 7.0, "it broke")), BINARY)
    assert (failed.requests, failed.errors) == (1, 1)
    assert count_shadow(record(), BINARY) == NOTHING


def test_a_prediction_that_is_no_number_counts_as_a_row_and_in_no_share() -> None:
    counts = count_record(record([(math.nan, 0.5)]), BINARY)
    assert (counts.rows, counts.classes, counts.probabilities) == (1, {}, {})


def test_a_prediction_of_another_model_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="2 numbers, but got 3"):
        count_record(record([(0.1, 0.2, 0.7)]), BINARY)


def test_losses_are_log_loss_and_squared_error() -> None:
    assert score([0.2, 0.8], "yes", BINARY) == Score(-math.log(0.8), 1)
    assert score([0.2, 0.8], "no", BINARY) == Score(-math.log(0.2), 0, 1.0)
    assert score([1.0, 0.0], "yes", BINARY).loss == pytest.approx(-math.log(1e-15))
    assert score([3.0], 5.0, NUMBER) == Score(4.0, 0, 2.0)


@pytest.mark.parametrize(("prediction", "label"), [([1e200], 0.0), ([math.nan], 1.0), ([math.inf], 1.0)])
def test_no_loss_is_too_large_for_the_table(prediction: list[float], label: float) -> None:
    found = label_change(None, score(prediction, label, NUMBER))
    assert found.loss_square_sum < 1e125


def test_a_label_that_is_no_class_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="one of no, yes"):
        score([0.2, 0.8], "maybe", BINARY)


def test_a_corrected_label_counts_as_if_it_had_been_right_at_once() -> None:
    wrong, right = score([0.2, 0.8], "no", BINARY), score([0.2, 0.8], "yes", BINARY)
    corrected = label_change(None, wrong) + label_change(wrong, right)
    at_once = label_change(None, right)
    assert (corrected.labels, corrected.correct) == (at_once.labels, at_once.correct)
    assert np.allclose(
        (corrected.loss_sum, corrected.loss_square_sum), (at_once.loss_sum, at_once.loss_square_sum), atol=1e-12
    )


def test_nothing_was_counted() -> None:
    assert (NOTHING.error_rate, NOTHING.mean_loss, NOTHING.accuracy, NOTHING.latency_ms(0.5)) == (None,) * 4
    with pytest.raises(InvalidInputError, match="quantile"):
        NOTHING.latency_ms(1.5)
