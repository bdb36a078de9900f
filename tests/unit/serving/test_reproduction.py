"""A logged answer is computed again: the same to the last bit, or what differs, or why it cannot be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.log_messages import messages_of
from contender.predictions.logged_request import LoggedRequest
from contender.predictions.record import Record, log_record
from contender.serving.reproduction import reproduce
from tests.fakes import AmountModel

EVERYTHING = ServingPolicy()
ID = "018bcfe5-6800-7000-8000-000000000000"


class TogetherModel(AmountModel):
    """Its predictions depend on how many rows are predicted at once, as those of a matrix product may."""

    def predict_encoded(self, matrix: Any) -> Any:
        return super().predict_encoded(matrix) * (1.0 + 2.0**-52 * (len(matrix) - 1))


def logged(model: AmountModel, *amounts: float, policy: ServingPolicy = EVERYTHING, **more: Any) -> LoggedRequest:
    """A request of these amounts, answered by the model, as the log has it."""
    rows = [{"amount": amount} | more for amount in amounts]
    found = model.predict_encoded(model.reader.read([{"amount": amount} for amount in amounts]))
    record = log_record(
        pipeline="shop",
        request_id=ID,
        at=1_700_000_000.0,
        source="sync",
        variant="champion",
        version=model.version,
        latency_ms=1.0,
        rows=rows,
        predictions=found.tolist(),
    )
    return LoggedRequest([Record.from_json(text) for text in messages_of(record, policy)])


def changed(request: LoggedRequest, predictions: Sequence[Sequence[float]]) -> LoggedRequest:
    return LoggedRequest([replace(request.first, predictions=predictions)])


def test_the_version_gives_the_logged_answer_again_with_the_contributions() -> None:
    model = AmountModel()
    found = reproduce(logged(model, 0.1, 0.7), 1, model)
    assert (found.same, found.logged, found.now) == (True, (), ())
    assert found.said == "Same answer, bit for bit: v1 predicts it again."


def test_the_rows_of_a_request_are_predicted_together_as_they_were() -> None:
    model = TogetherModel()
    assert reproduce(logged(model, 0.1, 0.7, 0.3), 2, model).same


def test_one_bit_is_a_difference_and_is_said() -> None:
    model = AmountModel()
    request = logged(model, 0.7)
    ((first, second),) = request.first.predictions
    found = reproduce(changed(request, [[first, float(np.nextafter(second, 1.0))]]), 0, model)
    assert found.same is False
    assert found.now == (first, second)
    assert found.said == f"Different: {model.manifest['classes'][1]} was {found.logged[1]!r} and is {second!r} now."


def test_without_the_other_rows_of_its_request_a_row_is_predicted_alone_and_a_difference_says_so() -> None:
    model = TogetherModel()
    request = logged(model, 0.1, 0.7)
    rows = [None, request.first.rows[1]]
    found = reproduce(LoggedRequest([replace(request.first, rows=rows)]), 1, model)
    assert found.same is False
    assert found.said.endswith("It was computed without the other rows of its request, which the log does not have.")


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (ServingPolicy(log_drop=("amount",)), "amount is not stored (serving.log_drop)"),
        (ServingPolicy(log_hash=("amount",)), "amount is stored as a hash (serving.log_hash)"),
    ],
)
def test_a_row_that_the_log_does_not_have_as_it_was_sent_cannot_be_computed_again(
    policy: ServingPolicy, why: str
) -> None:
    model = AmountModel()
    found = reproduce(logged(model, 0.7, policy=policy), 0, model)
    assert (found.same, found.said) == (None, f"Cannot be computed again: {why}.")


def test_a_row_too_big_for_the_log_cannot_be_computed_again() -> None:
    model = AmountModel()
    request = logged(model, 0.7)
    found = reproduce(LoggedRequest([replace(request.first, rows=[None])]), 0, model)
    assert found.same is None
    assert "too big for the log" in found.said


def test_a_row_of_other_features_than_the_version_has_cannot_be_computed_again() -> None:
    model = AmountModel()
    found = reproduce(logged(model, 0.7, colour="red"), 0, model)
    assert found.same is None
    assert "v1 does not take the row (rows[0].'colour' is not a feature" in found.said


def test_outputs_of_another_number_are_a_difference() -> None:
    model = AmountModel()
    found = reproduce(changed(logged(model, 0.7), [[0.1, 0.2, 0.7]]), 0, model)
    assert (found.same, found.said) == (False, "Different: the log has 3 numbers and v1 gives 2.")
