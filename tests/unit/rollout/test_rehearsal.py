"""Rehearsal: what the serving function answered, against what training expects."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from contender.pipeline.rollout_policy import RolloutPolicy
from contender.rollout.golden_requests import Golden
from contender.rollout.rehearsal import RehearsalReport, not_answered, rehearse
from contender.rollout.served_answers import TOLERANCE

BINARY = {"version": "v2", "task": "binary", "classes": ["no", "yes"], "positive": "yes"}
MANY = {"version": "v2", "task": "multiclass", "classes": ["a", "b", "c"], "positive": None}
AMOUNT = {"version": "v2", "task": "regression", "classes": None, "positive": None}
CHANCES = (0.1, 0.3, 0.5, 0.7, 0.9)
CLASSED = ((0.6, 0.3, 0.1), (0.1, 0.1, 0.8), (0.2, 0.7, 0.1))
AMOUNTS = (-2000.0, 500.0, 0.0, 1500.0)

Served = dict[str, Any]


def golden(manifest: Any) -> Golden:
    rows: Any = {"binary": [(1 - p, p) for p in CHANCES], "multiclass": CLASSED, "regression": [(v,) for v in AMOUNTS]}
    predictions = tuple(rows[manifest["task"]])
    return Golden(tuple({"rows": [{"x": float(n)}]} for n in range(len(predictions))), predictions)


def answered(manifest: Any, predictions: Any = None) -> Served:
    """What the serving function answers: exactly what training says, unless told otherwise."""
    answers = []
    for row in golden(manifest).predictions if predictions is None else predictions:
        said: dict[str, Any] = {"prediction": row[0]}
        if manifest["classes"]:
            said = {"prediction": manifest["classes"][row.index(max(row))]}
            said["probabilities"] = dict(zip(manifest["classes"], row, strict=True))
            said |= {"probability": said["probabilities"]["yes"]} if manifest["positive"] else {}
        answers.append({"prediction_id": "p", "model_version": "v2", "predictions": [said]})
    figures = {"load_ms": 120.0, "request_ms": [0.5] * len(answers), "memory_mb": 210.0, "model_bytes": 40_000}
    return {"answers": answers} | figures


def report(manifest: Any, served: Any, **policy: Any) -> RehearsalReport:
    return rehearse(golden(manifest), manifest, served, policy=RolloutPolicy(**policy), max_model_mib=200.0)


def check(found: RehearsalReport, name: str) -> Any:
    return next(check for check in found.checks if check.name == name)


@pytest.mark.parametrize("manifest", [BINARY, MANY, AMOUNT], ids=lambda manifest: manifest["task"])
def test_a_challenger_that_answers_as_in_training_passes_every_check(manifest: Any) -> None:
    found = report(manifest, answered(manifest))
    assert found.status == "passed"
    assert found.failed_checks == ()
    assert [each.name for each in found.checks] == [
        "answered",
        "version",
        "order",
        "parity",
        "latency",
        "load",
        "memory",
        "size",
    ]
    assert (found.load_ms, found.p50_ms, found.memory_mib) == (120.0, 0.5, 210.0)
    assert f"reproduces all {len(golden(manifest).predictions)} golden requests" in found.reason
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["status"] == "passed"


def moved(manifest: Any, by: float) -> Served:
    """One number of the second row moved."""
    rows = [list(row) for row in golden(manifest).predictions]
    rows[1][-1] += by
    return answered(manifest, rows)


@pytest.mark.parametrize(
    ("manifest", "unit"), [(BINARY, 1.0), (MANY, 1.0), (AMOUNT, math.sqrt(sum(v * v for v in AMOUNTS) / 4))]
)
def test_a_difference_is_allowed_up_to_the_tolerance_and_no_further(manifest: Any, unit: float) -> None:
    assert report(manifest, moved(manifest, 0.9 * TOLERANCE * unit)).status == "passed"
    found = report(manifest, moved(manifest, 1.1 * TOLERANCE * unit))
    assert found.failed_checks == ("parity",)
    assert check(found, "parity").value == pytest.approx(1.1 * TOLERANCE, rel=1e-3)
    assert check(found, "parity").bound == TOLERANCE


def test_culprits_are_named_with_their_request_and_both_predictions_and_the_mail_has_no_row() -> None:
    scaled = [(1 - p * p, p * p) for p in CHANCES]  # as if the numbers arrived on another scale
    found = report(BINARY, answered(BINARY, scaled))
    assert found.failed_checks == ("parity",)
    first, *others = found.culprits
    assert (first.request, first.row) == (0, {"x": 0.0})
    assert first.served[1] == pytest.approx(0.01)
    assert len(others) == 4
    assert "5 of 5 rows differ from training" in found.reason
    assert "request 0 0.01 instead of 0.1; request 1 0.09 instead of 0.3" in found.reason
    assert "'x'" not in found.reason


@pytest.mark.parametrize("manifest", [BINARY, AMOUNT], ids=lambda manifest: manifest["task"])
def test_answers_in_another_order_are_recognised_as_such(manifest: Any) -> None:
    found = report(manifest, answered(manifest, golden(manifest).predictions[::-1]))
    assert found.failed_checks[0] == "order"
    assert "right, but in another order" in found.reason


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_no_parity_and_the_report_is_still_json(value: float) -> None:
    found = report(AMOUNT, answered(AMOUNT, [(value,) for _ in AMOUNTS]))
    assert found.failed_checks == ("parity",)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.culprits[0].difference is None


def test_a_label_that_its_probabilities_do_not_support_is_no_parity() -> None:
    served = answered(BINARY)
    served["answers"][0]["predictions"][0]["prediction"] = "yes"
    assert report(BINARY, served).failed_checks == ("parity",)


def test_of_two_labels_that_are_as_likely_either_will_do() -> None:
    served = answered(BINARY)
    served["answers"][2]["predictions"][0]["prediction"] = "yes"
    assert report(BINARY, served).status == "passed"


Change = Callable[[Served], Any]

BROKEN: dict[str, tuple[Change, str, str]] = {
    "an answer too few": (lambda s: s["answers"].pop(), "answered", "5 requests got 4 answers"),
    "an answer too many": (lambda s: s["answers"].append({}), "answered", "5 requests got 6 answers"),
    "no list": (lambda s: s.update(answers={"error": "x"}), "answered", "no list of answers to 5 requests"),
    "no answers": (lambda s: s.pop("answers"), "answered", "no list of answers"),
    "a refusal": (
        lambda s: s["answers"].__setitem__(3, {"error": "rows[0].x is missing"}),
        "answered",
        "request 3: the answer is {'error': 'rows[0].x is missing'}",
    ),
    "a number for an answer": (lambda s: s["answers"].__setitem__(0, 3), "answered", "request 0: the answer is 3"),
    "two rows for one": (
        lambda s: s["answers"][1]["predictions"].append({}),
        "answered",
        "request 1: 2 predictions for 1 row",
    ),
    "an empty prediction": (
        lambda s: s["answers"][1].update(predictions=[None]),
        "answered",
        "request 1: a prediction is None",
    ),
    "another class": (
        lambda s: s["answers"][1]["predictions"][0]["probabilities"].update(maybe=0.0),
        "answered",
        "must name the classes no, yes",
    ),
    "a class that is none": (
        lambda s: s["answers"][1]["predictions"][0].update(prediction="maybe"),
        "answered",
        "'maybe' is not a class",
    ),
    "text for a probability": (
        lambda s: s["answers"][1]["predictions"][0]["probabilities"].update(yes="0.3"),
        "answered",
        "'0.3' is not a number",
    ),
    "the probability of the other class": (
        lambda s: s["answers"][1]["predictions"][0].update(probability=0.7),
        "answered",
        "probability is 0.7, but that of 'yes' is 0.3",
    ),
    "another version": (
        lambda s: s["answers"][4].update(model_version="v1"),
        "version",
        "come from 'v1', not from v2",
    ),
    "no version": (
        lambda s: [each.pop("model_version") for each in s["answers"]],
        "version",
        "come from None, not from v2",
    ),
    "slow answers": (
        lambda s: s.update(request_ms=[0.1, 0.1, 250.0, 250.0, 250.0]),
        "latency",
        "took 250 ms; the limit is 200 ms",
    ),
    "no times": (lambda s: s.update(request_ms=[]), "latency", "did not report its latency"),
    "slow to load": (lambda s: s.update(load_ms=10_001), "load", "the limit is 10,000 ms"),
    "much memory": (lambda s: s.update(memory_mb=901.0), "memory", "needed 901 MiB; the limit is 900 MiB"),
    "memory unknown": (lambda s: s.update(memory_mb=None), "memory", "did not report its memory"),
    "a large model": (lambda s: s.update(model_bytes=201 * 1024**2), "size", "is 201 MiB; the limit is 200 MiB"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_trouble_fails_its_own_check_and_is_named(case: str) -> None:
    change, name, trouble = BROKEN[case]
    served = answered(BINARY)
    change(served)
    found = report(BINARY, served)
    assert found.status == "failed"
    assert found.failed_checks[0] == name
    assert trouble in found.reason
    assert found.reason.startswith(f"v2 fails the rehearsal ({name}): ")
    assert found.reason.endswith(".")


def test_one_slow_answer_is_not_the_median() -> None:
    assert report(BINARY, answered(BINARY) | {"request_ms": [5000.0, 1.0, 1.0, 1.0, 1.0]}).status == "passed"


def test_what_else_failed_is_said_by_name() -> None:
    found = report(BINARY, moved(BINARY, 0.1), rehearse_max_ms=0.1, rehearse_max_load_ms=1.0)
    assert found.failed_checks == ("parity", "latency", "load")
    assert "(also failed: latency, load)" in found.reason


def test_a_rehearsal_without_answers_failed_for_its_reason() -> None:
    found = not_answered("v2", "it has no golden.json")
    assert (found.status, found.failed_checks) == ("failed", ("answered",))
    assert found.reason == "v2 could not be rehearsed: it has no golden.json"


def test_of_a_request_with_several_rows_each_has_a_prediction() -> None:
    several = Golden(({"rows": [{"x": 1.0}, {"x": 2.0}]},), ((1.0,), (2.0,)))
    answer = {"model_version": "v2", "predictions": [{"prediction": 1.0}, {"prediction": 3.0}]}
    served = answered(AMOUNT) | {"answers": [answer], "request_ms": [1.0]}
    found = rehearse(several, AMOUNT, served, policy=RolloutPolicy(), max_model_mib=1.0)
    assert found.failed_checks == ("parity",)
    assert [culprit.row for culprit in found.culprits] == [{"x": 2.0}]
