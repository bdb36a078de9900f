"""A version's manifest, evidence.json and explanation.json, each with what a test changes of it."""

from __future__ import annotations

from typing import Any

from contender.stats.curves import curves

SLICE = {"column": "origin", "metric": "auc", "declared": True}


CHOICE = {
    "estimator": "lightgbm", "class_weight": "balanced", "metric": "auc", "rows": 630,
    "candidates": [
        {"estimator": "linear", "class_weight": "none", "score": 0.861, "state": "complete", "seconds": 0.2,
         "reason": ""},
        {"estimator": "hist_gradient_boosting", "class_weight": "none", "score": None, "state": "left out",
         "seconds": 0.0, "reason": "the 60 s were used up"},
        {"estimator": "lightgbm", "class_weight": "balanced", "score": 0.865, "state": "complete", "seconds": 0.5,
         "reason": ""},
    ],
    "reason": "lightgbm is the best of 2 candidates.", "note": "A linear model would have done.",
}  # fmt: skip
"""Of a version whose pipeline names no estimator."""


def manifest_of(**changes: Any) -> dict[str, Any]:
    return {
        "pipeline": "flights",
        "version": "20260102T060506Z-0123abcd-4567ef01",
        "created_at": "2026-01-02T06:05:06Z",
        "description": "Flights that <arrive> late",
        "run_id": "run-1",
        "task": "binary",
        "target": "late",
        "classes": ["no", "yes"],
        "positive": "yes",
        "features": [
            {"name": "delay", "kind": "numeric", "levels": []},
            {"name": "carrier", "kind": "categorical", "levels": ["UA", "AA"]},
        ],
        "datasets": ["d1", "d2"],
        "trained_rows": 1200,
        "judged": {"trained_rows": 900, "trained_through": 9.0, "features": [], "agreement": {}},
        "holdout": {"rows": 300, "blocks": ["2026-01-10", "2026-01-11", "2026-01-12"]},
        "code": {"sha": "c0de", "image": None},
        "packages": {"numpy": "2.4.6"},
        "metrics": {"auc": 0.9},
        "metrics_training": {"auc": 0.95},
        "overfit": {"auc": {"training": [0.95, 0.94, 0.96], "validation": None, "holdout": [0.9, 0.87, 0.93]}},
        "estimator": {"name": "hist_gradient_boosting", "parameters": {"max_iter": 100}},
        "settings": {"training": {"parameters": {"max_iter": 100}, "class_weight": "none"}},
        "search": {
            "trials": 20, "pruned": 8, "failed": 0, "seconds": 9.0, "usd": 0.01, "stopped_by": "trials",
            "metric": "auc", "best": {"learning_rate": 0.05}, "default_score": 0.88, "best_score": 0.91,
        },
        "stopping": {"rounds": 60, "of": 100},
        "calibration": {"method": "sigmoid", "rows": 100, "log_loss_before": 0.4, "log_loss_after": 0.3},
        "resources": {"seconds": {"total": 12.5}, "peak_memory_mib": 400.0, "usd": 0.0012},
        "files": {"model.onnx": {"bytes": 1000, "sha256": "ab" * 32}},
    } | changes  # fmt: skip


def evidence_of(**changes: Any) -> dict[str, Any]:
    drawn = curves([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], labels=["no", "yes"])
    return {
        "format": 1,
        "task": "binary",
        "metric": "auc",
        "holdout": drawn,
        "training": drawn,
        "validation": None,
        "blocks": {
            "training": {"first": "2026-01-01", "last": "2026-01-09", "count": 9},
            "holdout": {"first": "2026-01-10", "last": "2026-01-12", "count": 3},
        },
        "inputs": [
            {
                "feature": "delay", "kind": "numeric", "missing": {"training": 0.0, "holdout": 0.0},
                "low": -30.0, "high": 300.0, "middle": [-10.0, 60.0], "outside": 0.0,
            },
            {"feature": "carrier", "kind": "categorical", "missing": {"training": 0.1, "holdout": 0.1}, "levels": 2},
        ],
        "slices": [
            SLICE | {"level": "EWR", "rows": 200, "value": 0.91, "low": 0.88, "high": 0.94},
            SLICE | {"level": "LGA", "rows": 100, "value": 0.88, "low": 0.80, "high": 0.93},
        ],
        "learning_curve": [
            {"rows": 225, "metric": "auc", "training": 0.99, "validation": 0.85},
            {"rows": 900, "metric": "auc", "training": 0.95, "validation": 0.9},
        ],
        "search": [
            {"number": 1, "parameters": {"learning_rate": 0.3}, "score": 0.88, "state": "complete", "seconds": 1.0},
            {"number": 2, "parameters": {"learning_rate": 0.05}, "score": 0.91, "state": "complete", "seconds": 1.0},
        ],
        "rounds": [{"round": i, "training": 0.5 / i, "validation": 0.6 / i} for i in (1, 2, 3)],
    } | changes  # fmt: skip


def importance(feature: str, value: float) -> dict[str, Any]:
    return {
        "feature": feature, "importance": value, "low": value - 0.02, "high": value + 0.02,
        "share": value, "share_low": value - 0.02, "share_high": value + 0.02,
    }  # fmt: skip


def explanation_of(**changes: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "metric": "auc",
        "permutation": [importance("delay", 0.5), importance("carrier", 0.1)],
        "shap": {
            "kind": "exact", "unit": "log-odds", "rows": 250,
            "mean_abs": [
                {"feature": "delay", "value": 2.0, "direction": 0.9},
                {"feature": "carrier", "value": 0.2, "direction": None},
            ],
        },
        "shap_reason": None,
        "against": {
            "version": "v0",
            "said": "the challenger relies much more on delay (31 % → 52 %)",
            "shifts": [{"feature": "delay", "share": 0.52, "share_before": 0.31, "change": 0.21, "clear": True}],
        },
    } | changes  # fmt: skip
