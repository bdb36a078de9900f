"""Golden requests, as training leaves them with a version."""

from __future__ import annotations

import json

import pytest

from contender.errors import IntegrityError
from contender.rollout.golden_requests import Golden


def test_golden_requests_are_read_as_training_writes_them() -> None:
    body = json.dumps({"format": 1, "requests": [{"rows": [{"x": None}]}], "predictions": [[0.25, 0.75]]})
    assert Golden.from_json(body.encode()) == Golden(({"rows": [{"x": None}]},), ((0.25, 0.75),))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"requests": [], "predictions": []}',
        b'{"requests": [{"rows": [{}]}], "predictions": []}',
        b'{"requests": [{"rows": [{}]}], "predictions": [["high"]]}',
        b'{"requests": [3], "predictions": [[1]]}',
    ],
)
def test_golden_requests_that_cannot_be_read_say_so(body: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"golden\.json"):
        Golden.from_json(body)
