"""Limitations follow from a version's figures; what its figures show to be a problem is a warning and comes first."""

from __future__ import annotations

from typing import Any

import pytest

from contender.reports.card.limits import limits
from contender.stats.metrics import METRICS
from tests.unit.reports.card.samples import SLICE, evidence_of, manifest_of

AUC = METRICS["auc"].title


def warnings_of(manifest: dict[str, Any] | None = None, **evidence: Any) -> list[str]:
    return [limit.said for limit in limits(manifest or manifest_of(), evidence_of(**evidence)) if limit.warns]


def test_overfitting_is_a_warning() -> None:
    assert warnings_of() == [
        f"Overfitted: {AUC} 0.95 on training rows vs. 0.9 (95 % CI 0.87 to 0.93) on the holdout. Expect the holdout's."
    ]


def fitted() -> dict[str, Any]:
    """A manifest without that warning."""
    return manifest_of(
        overfit={"auc": {"training": [0.9, 0.8, 0.95], "validation": None, "holdout": [0.9, 0.87, 0.93]}}
    )


def test_a_slice_whose_whole_interval_is_worse_is_a_warning() -> None:
    weak = SLICE | {"level": "JFK", "rows": 150, "value": 0.7, "low": 0.6, "high": 0.8}
    found = warnings_of(fitted(), slices=[*evidence_of()["slices"], weak])

    assert found == [f"Worse than overall ({AUC} 0.9), whole 95 % CI included: origin = JFK (0.7)."]


def test_an_error_is_worse_the_larger_it_is() -> None:
    slices = [
        SLICE | {"level": level, "rows": 500, "metric": "mae", "value": value, "low": value - 0.1, "high": value + 0.1}
        for level, value in (("small", 0.5), ("large", 2.0))
    ]
    manifest = manifest_of(metrics={"mae": 1.0}, overfit=None)

    assert warnings_of(manifest, metric="mae", slices=slices) == [
        "Worse than overall (mean absolute error 1), whole 95 % CI included: origin = large (2)."
    ]


def test_a_holdout_beyond_what_training_has_seen_is_a_warning() -> None:
    delay, carrier = evidence_of()["inputs"]
    inputs = [delay | {"outside": 0.2}, carrier | {"missing": {"training": 0.1, "holdout": 0.4}}]

    assert warnings_of(fitted(), inputs=inputs) == [
        "Outside the training range in the holdout: delay (20 %).",
        "More missing or unknown values in the holdout than in training: carrier (10 % → 40 %).",
    ]


def test_probabilities_that_are_not_the_datas_are_a_warning() -> None:
    balanced = fitted() | {"settings": {"training": {"class_weight": "balanced"}}, "calibration": None}
    assert "Not calibrated: classes were weighted as if equally frequent" in warnings_of(balanced)[0]
    assert warnings_of(balanced | {"calibration": manifest_of()["calibration"]}) == []

    off = [{"low": 0.4, "high": 0.6, "predicted": 0.5, "observed": 0.3, "rows": 544}]
    assert warnings_of(fitted(), holdout=evidence_of()["holdout"] | {"calibration": off}) == [
        "Poorly calibrated: predicted 50 %, observed 30 % in 544 rows."
    ]


@pytest.mark.parametrize(
    ("estimator", "beyond"),
    [
        ("hist_gradient_boosting", "predictions stay constant"),
        ("linear", "the model extrapolates linearly"),
        ("shop.models:mine", "the behaviour is unknown"),
    ],
)
def test_what_happens_beyond_the_training_rows_depends_on_the_estimator(estimator: str, beyond: str) -> None:
    found = limits(manifest_of(estimator={"name": estimator, "parameters": {}}), evidence_of())

    assert f"Training ranges: delay −30 to 300. Outside of them {beyond}; no metric covers that." in [
        limit.said for limit in found
    ]


def test_few_rows_of_a_slice_are_named() -> None:
    few = SLICE | {"level": "JFK", "rows": 12, "value": None, "low": None, "high": None}
    found = [limit.said for limit in limits(fitted(), evidence_of(slices=[few]))]

    assert "Fewer than 100 holdout rows, so metrics are unreliable: origin = JFK (12)." in found


def test_warnings_come_first() -> None:
    warns = [limit.warns for limit in limits(manifest_of(), evidence_of())]

    assert warns == sorted(warns, reverse=True)
    assert any(warns)
