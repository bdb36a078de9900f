"""What the serving function does when it is asked to rehearse a version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest

from contender.errors import IntegrityError, InvalidInputError
from contender.registry.versions import MODEL
from lambdas.serve.rehearsal import is_rehearsal, peak_mib, rehearse


@dataclass
class Model:
    """As much of a model as a rehearsal looks at."""

    version: str
    manifest: dict[str, Any] = field(default_factory=lambda: {"files": {MODEL: {"bytes": 4096}}})


def load(version: str, manifest_sha256: str) -> Any:
    if manifest_sha256 != "right":
        raise IntegrityError("it was changed since and is not used")
    return Model(version)


def answer(model: Any, body: Any) -> str:
    if "amount" not in body["rows"][0]:
        raise InvalidInputError("rows[0].amount is missing")
    return json.dumps({"model_version": model.version, "predictions": [{"prediction": body["rows"][0]["amount"]}]})


def event(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    asked = {"version": "v2", "manifest_sha256": "right", "requests": [{"rows": [row]} for row in rows]}
    return {"rehearse": asked | changes}


def test_every_request_is_answered_by_the_version_that_was_asked_for() -> None:
    said = rehearse(event({"amount": 1}, {"amount": 2}), answer, load)
    assert [each["predictions"][0]["prediction"] for each in said["answers"]] == [1, 2]
    assert {each["model_version"] for each in said["answers"]} == {"v2"} == {said["version"]}
    assert said["model_bytes"] == 4096


def test_times_are_those_of_loading_and_of_each_answer() -> None:
    ticks: Iterator[int] = count()
    said = rehearse(event({"amount": 1}, {"amount": 2}), answer, load, timer=lambda: next(ticks) / 10)
    assert said["load_ms"] == pytest.approx(100)
    assert said["request_ms"] == [pytest.approx(100)] * 2


def test_a_request_that_is_refused_has_its_error_as_answer() -> None:
    said = rehearse(event({"amount": 1}, {}), answer, load)
    assert said["answers"][1] == {"error": "rows[0].amount is missing"}
    assert len(said["request_ms"]) == 2


def test_a_version_that_cannot_be_used_is_an_error() -> None:
    with pytest.raises(IntegrityError):
        rehearse(event({"amount": 1}, manifest_sha256="wrong"), answer, load)


def test_a_slow_model_is_not_asked_beyond_the_functions_time() -> None:
    left = iter([3000.0, 1500.0, 900.0])
    said = rehearse(event(*[{"amount": 1}] * 5), answer, load, remaining_ms=lambda: next(left))
    assert len(said["answers"]) == len(said["request_ms"]) == 2


def test_the_memory_is_the_most_that_was_held_since_the_rehearsal_began() -> None:
    def heavy(version: str, manifest_sha256: str) -> Any:
        np.ones(100 * 1024 * 1024 // 8)
        return load(version, manifest_sha256)

    before, during, after = (rehearse(event({"amount": 1}), answer, by)["memory_mb"] for by in (load, heavy, load))
    assert during - before > 50
    assert during - after > 50
    assert peak_mib() > 10


@pytest.mark.parametrize(
    "asked", [None, [], {}, {"version": "v"}, {"version": 1, "manifest_sha256": "right", "requests": []}]
)
def test_a_rehearsal_of_nothing_is_refused(asked: Any) -> None:
    with pytest.raises(InvalidInputError, match="rehearse must be"):
        rehearse({"rehearse": asked}, answer, load)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rehearse": {}}, True),
        ({"rehearse": {}, "requestContext": {}}, False),
        ({"requestContext": {}, "body": '{"rehearse": {}}'}, False),
        ({}, False),
    ],
)
def test_a_caller_of_the_api_cannot_ask_for_a_rehearsal(given: dict[str, Any], expected: bool) -> None:
    assert is_rehearsal(given) is expected
