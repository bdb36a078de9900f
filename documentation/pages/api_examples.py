"""A call of each operation of the prediction API, and its answer; tests hold both to the schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUEST = "019aa9d0-30a5-7f6e-a0b6-2f2d8f0c5a11"
VERSION = "20261121T193000Z-69c52cca-42081a23"
ROW: Mapping[str, Any] = {
    "dep_minute": 1050,
    "dep_delay": 20,
    "distance": 2475,
    "scheduled_minutes": 375,
    "humid": 55.3,
    "wind_speed": 9.2,
    "precip": 0,
    "visib": 10,
    "carrier": "UA",
    "origin": "EWR",
    "dest": "LAX",
    "weekday": "Fri",
}
PREDICTED = {"prediction": "yes", "probability": 0.566, "probabilities": {"no": 0.434, "yes": 0.566}}


@dataclass(frozen=True)
class Example:
    """A call, and its answer.

    Attributes
    ----------
    path : with its parameters filled in.
    answer : None where it is the document that the page is made of.
    """

    path: str
    answer: Mapping[str, Any] | None
    body: Mapping[str, Any] | None = None


EXAMPLES: Mapping[str, Example] = {
    "predict": Example(
        "/v1/predict",
        {
            "prediction_id": REQUEST,
            "model_version": VERSION,
            "variant": "champion",
            "predictions": [{"prediction_id": f"{REQUEST}-0", **PREDICTED}],
        },
        {"rows": [ROW]},
    ),
    "predictLater": Example(
        "/v1/predict-async",
        {"prediction_id": "5f0c8a3e-9d1b-5c47-8e2a-7b6d4f3a2c10", "status": "queued"},
        {"key": "order-17", "rows": [ROW]},
    ),
    "lookUp": Example(
        f"/v1/predictions/{REQUEST}",
        {
            "prediction_id": REQUEST,
            "status": "done",
            "at": "2026-11-22T08:15:02.117Z",
            "model_version": VERSION,
            "variant": "champion",
            "error": None,
            "predictions": [
                {
                    "prediction_id": f"{REQUEST}-0",
                    **PREDICTED,
                    "row": ROW,
                    "label": {"label": "no", "observed_at": None, "received_at": "2026-11-22T14:40:11.502Z"},
                }
            ],
        },
    ),
    "giveFeedback": Example(
        "/v1/feedback",
        {"accepted": 1, "refused": []},
        {"items": [{"prediction_id": f"{REQUEST}-0", "label": "no"}]},
    ),
    "health": Example("/health", {"status": "ok", "model_version": VERSION}),
    "openapi": Example("/openapi.json", None),
}
"""By the operation's id. What `GET /v1/model` answers depends on the features, and is described member by member."""
