"""What is no record of a prediction is refused by the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contender.errors import InvalidInputError
from contender.predictions.log_messages import messages_of
from contender.predictions.record import Record
from tests.unit.predictions.records import POLICY, REQUEST, record


def message(**changes: Any) -> str:
    (text,) = messages_of(record(), POLICY)
    return json.dumps({**json.loads(text), **changes})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "format 1"),
        ('{"format": 2}', "format 1"),
        ('{"format": 1}', "no pipeline"),
        (message(extra=1), "unknown field 'extra'"),
        (message(at="now"), "at must be int"),
        (message(at=float("nan")), "at must be epoch seconds"),
        (message(part=True), "part must be int"),
        (message(part=-1), "0 or more"),
        (message(source="batch"), "source must be"),
        (message(variant="v1"), "variant must be"),
        (message(request_id="p1"), "prediction_id must be"),
        (message(request_id=REQUEST + "-1"), "request_id must be"),
        (message(latency_ms=-1), "latency_ms"),
        (message(rows=[{}]), "1 rows, but 2 predictions"),
        (message(rows=[1, 2]), "rows must be objects"),
        (message(predictions=[1, 2]), "lists of numbers"),
        (message(predictions=[["1"], [2]]), "lists of numbers"),
        (message(predictions=[[], []]), "lists of numbers"),
        (message(shadow=[]), "shadow must be dict"),
        (message(shadow={"version": "v2", "variant": "bystander"}), "shadow.variant must be champion or challenger"),
        (message(shadow={"predictions": []}), "shadow has no version"),
        (message(shadow={"version": "v2", "predictions": [[1.0]]}), "1 of the shadow"),
    ],
)
def test_a_message_that_is_no_record_is_refused_by_the_field(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        Record.from_json(text)


def test_a_record_from_before_both_models_predicted_is_read_as_the_challengers_shadow() -> None:
    found = Record.from_json(message(shadow={"version": "v2", "predictions": [[1.0], [2.0]]}, predictions=[[1], [2]]))
    assert found.shadow is not None
    assert (found.shadow.variant, found.shadow.live_variant) == ("challenger", "challenger-shadow")
    assert Record.from_json(message(shadow=None)).shadow is None
