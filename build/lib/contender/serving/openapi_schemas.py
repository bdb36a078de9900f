"""The schemas of the OpenAPI document: rows, predictions and labels of one model."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.feedback import MAX_ITEMS
from contender.serving.requests import LONGEST_EXACT, MAX_ASYNC_ROWS, MAX_CONTRIBUTION_ROWS, MAX_KEY, MAX_TEXT

Schema = dict[str, Any]

_LARGEST = sys.float_info.max
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
REQUEST_ID = f"^{_UUID}$"
PREDICTION_ID = f"^{_UUID}-(0|[1-9][0-9]{{0,5}})$"
EITHER_ID = f"^{_UUID}(-(0|[1-9][0-9]{{0,5}}))?$"
# As a key gives it: an id that holds a time would be too old for feedback one day.
EXAMPLE_REQUEST = "5f0c8a3e-9d1b-5c47-8e2a-7b6d4f3a2c10"


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas(manifest: Mapping[str, Any], policy: ServingPolicy) -> Schema:
    """All schemas that the document refers to."""
    row = _row(manifest)
    return {
        "Row": row,
        **_requests(row["examples"][0], policy),
        "Value": _value(manifest),
        "Prediction": _object(
            {
                "prediction_id": _text(REQUEST_ID),
                "model_version": {"type": "string"},
                "variant": {"enum": ["champion", "challenger", "control"]},
                "predictions": {"type": "array", "items": _one(manifest, contributions=True)},
            }
        ),
        "Contributions": _contributions(manifest),
        "Queued": _object({"prediction_id": _text(REQUEST_ID), "status": {"enum": ["queued", "done", "failed"]}}),
        "Kept": _object(
            {
                "prediction_id": _text(REQUEST_ID),
                "status": {"enum": ["queued", "done", "failed"]},
                "at": _or_null({"type": "string", "description": "Time of the prediction, ISO 8601 in UTC."}),
                "model_version": _or_null({"type": "string"}),
                "variant": _or_null({"type": "string"}),
                "error": _or_null({"type": "string"}),
                "predictions": {
                    "type": "array",
                    "items": _one(manifest, contributions=False, kept=True),
                },
            }
        ),
        "FeedbackRequest": _feedback_request(manifest),
        "FeedbackTaken": _object({"accepted": {"type": "integer", "minimum": 1}, "refused": _refused()}),
        "Model": _model(manifest),
        "Health": _object({"status": {"const": "ok"}, "model_version": {"type": "string"}}),
        "Problem": _object(
            {
                "error": {"type": "string", "description": "What is wrong and how to correct it."},
                "refused": {**_refused(), "description": "For feedback: each refused item with its reason."},
            },
            required=["error"],
        ),
        "GatewayProblem": {"type": "object", "properties": {"message": {"type": "string"}}},
    }


def _requests(example: Schema, policy: ServingPolicy) -> Schema:
    rows = {"type": "array", "minItems": 1, "items": ref("Row")}
    key = {"type": "string", "minLength": 1, "maxLength": MAX_KEY}
    return {
        "PredictRequest": {
            **_object(
                {
                    "rows": {**rows, "maxItems": policy.max_rows},
                    "key": {**key, "description": "Any text of the caller, such as a customer id."},
                    "contributions": {"type": "boolean", "default": False},
                },
                required=["rows"],
            ),
            # Contributions are for fewer rows.
            "if": {"properties": {"contributions": {"const": True}}, "required": ["contributions"]},
            "then": {"properties": {"rows": {"maxItems": min(MAX_CONTRIBUTION_ROWS, policy.max_rows)}}},
            "examples": [{"rows": [example]}],
        },
        "AsyncRequest": {
            **_object(
                {
                    "rows": {**rows, "maxItems": min(MAX_ASYNC_ROWS, policy.max_rows)},
                    "key": {**key, "description": "Idempotency key: each key is predicted once."},
                    "group": {**key, "description": "Requests of one group are predicted in order. Default: the key."},
                },
                required=["rows", "key"],
            ),
            "examples": [{"rows": [example], "key": "order-17"}],
        },
    }


def _feedback_request(manifest: Mapping[str, Any]) -> Schema:
    return {
        **_object(
            {
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_ITEMS,
                    "items": _object(
                        {
                            "prediction_id": {"type": "string", "description": "The `prediction_id` of a prediction."},
                            "label": _label(manifest),
                            "observed_at": {
                                "type": "string",
                                "description": "When the label was observed, ISO 8601; UTC if it has no time zone.",
                            },
                        },
                        required=["prediction_id", "label"],
                    ),
                }
            }
        ),
        "examples": [{"items": [{"prediction_id": f"{EXAMPLE_REQUEST}-0", "label": _example_label(manifest)}]}],
    }


def _object(properties: Schema, *, required: Sequence[str] | None = None) -> Schema:
    """An object of exactly these members, all of them required unless said otherwise."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else list(required),
        "additionalProperties": False,
    }


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _row(manifest: Mapping[str, Any]) -> Schema:
    """A row: every feature, by its own name."""
    number = {"type": ["number", "null"], "minimum": -_LARGEST, "maximum": _LARGEST}
    category = {
        "anyOf": [
            {"type": ["string", "boolean", "null"], "maxLength": MAX_TEXT},
            {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1},
            {"type": "number", "exclusiveMinimum": -LONGEST_EXACT, "exclusiveMaximum": LONGEST_EXACT},
        ]
    }
    properties = {}
    for feature in manifest["features"]:
        if feature["kind"] == "numeric":
            properties[feature["name"]] = {**number, "description": "A number; null if unknown."}
        else:
            shown = ", ".join(feature.get("levels", ())[:8])
            properties[feature["name"]] = {
                **category,
                "description": "A category; null if unknown. Levels that training has not seen count as unknown."
                + (f" Known levels include: {shown}." if shown else ""),
            }
    return {**_object(properties), "examples": [example_row(manifest)]}


def example_row(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's typical row, or one of zeros and frequent levels where there is none."""
    typical = manifest.get("typical") or {}
    return {
        feature["name"]: typical[feature["name"]] if feature["name"] in typical else _some_value(feature)
        for feature in manifest["features"]
    }


def _some_value(feature: Mapping[str, Any]) -> Any:
    return 0.0 if feature["kind"] == "numeric" else next(iter(feature.get("levels", ())), None)


def _value(manifest: Mapping[str, Any]) -> Schema:
    """What is predicted."""
    if manifest["task"] == "regression":
        return {"type": "number", "description": f"The predicted {manifest['target']}."}
    return {"enum": list(manifest["classes"]), "description": "The most likely class."}


def _one(manifest: Mapping[str, Any], *, contributions: bool, kept: bool = False) -> Schema:
    """One row's prediction. One that was `kept` may be another version's, with other classes."""
    properties: Schema = {"prediction_id": _text(PREDICTION_ID), "prediction": ref("Value")}
    if kept:
        properties["prediction"] = {"type": ["string", "number"]}
    required = ["prediction_id", "prediction"]
    probability = {"type": "number", "minimum": -1e-6, "maximum": 1.000001}
    if manifest["task"] == "binary":
        properties["probability"] = {**probability, "description": f"Of {manifest['positive']!r}."}
        required.append("probability")
    if manifest["task"] != "regression":
        each = dict.fromkeys(manifest["classes"], probability)
        properties["probabilities"] = {"type": "object", "additionalProperties": probability} if kept else _object(each)
        required.append("probabilities")
    if contributions:
        properties["contributions"] = ref("Contributions")
    if kept:
        properties["row"] = {
            "type": ["object", "null"],
            "description": "The row as sent, without columns that the policy drops or hashes.",
        }
        properties["label"] = {
            "oneOf": [
                {"type": "null"},
                _object(
                    {
                        "label": {"type": ["string", "number"]},
                        "observed_at": {"type": ["string", "null"]},
                        "received_at": {"type": "string"},
                    }
                ),
            ],
            "description": "The label, when it was observed and when it was received (ISO 8601).",
        }
        required += ["row", "label"]
    return _object(properties, required=required)


def _contributions(manifest: Mapping[str, Any]) -> Schema:
    features = _object({feature["name"]: {"type": "number"} for feature in manifest["features"]})
    properties: Schema = {
        "typical": {
            "type": "number",
            "description": "The prediction for the typical row, the baseline of the contributions.",
        },
        "exact": {"type": "boolean", "description": "False: estimated by sampling, with `standard_errors`."},
        "values": {**features, "description": "Their sum is the prediction minus `typical`."},
        "standard_errors": features,
    }
    required = ["typical", "exact", "values"]
    if manifest["task"] != "regression":
        properties["to_probability_of"] = {"enum": list(manifest["classes"])}
        required.append("to_probability_of")
    return {
        **_object(properties, required=required),
        "description": "Baseline Shapley values: the effect of each feature's value compared with the typical row's.",
    }


def _label(manifest: Mapping[str, Any]) -> Schema:
    if manifest["task"] == "regression":
        return {
            "type": "number",
            "description": f"The value of {manifest['target']}.",
            "minimum": -_LARGEST,
            "maximum": _LARGEST,
        }
    return {
        "type": ["string", "number", "boolean"],
        "maxLength": MAX_TEXT,
        "description": f"One of {', '.join(manifest['classes'])}; booleans and numbers are read as in training.",
    }


def _example_label(manifest: Mapping[str, Any]) -> Any:
    return 1.5 if manifest["task"] == "regression" else manifest["classes"][0]


def _refused() -> Schema:
    item = _object({"index": {"type": "integer"}, "prediction_id": {"type": "string"}, "reason": {"type": "string"}})
    return {"type": "array", "items": item}


def _stale() -> Schema:
    return _object(
        {
            "since": {"type": "string", "format": "date-time"},
            "reason": {"type": "string"},
            "names": {"type": ["string", "null"], "description": "The version that the pointer names."},
        }
    )


def _model(manifest: Mapping[str, Any]) -> Schema:
    text: Schema = {"type": "string"}
    trial = _object(
        {
            "model_version": text,
            "mode": {"enum": ["canary", "shadow"]},
            "weight": {"type": "number", "minimum": 0, "maximum": 1},
            "until": {"type": ["string", "null"]},
        }
    )
    return _object(
        {
            "model_version": text,
            "pipeline": text,
            "task": {"const": manifest["task"]},
            "target": text,
            "classes": {"type": ["array", "null"], "items": text},
            "features": {
                "type": "array",
                "items": _object({"name": text, "kind": {"enum": ["numeric", "categorical"]}}),
            },
            "metrics": {"type": "object"},
            "trained_rows": {"type": "integer"},
            "datasets": {"type": "array", "items": text},
            "serving_since": text,
            "provisional": {
                "type": "boolean",
                "description": "The first champion, not shown to be better than the same answer for every row.",
            },
            "previous": {"type": ["string", "null"]},
            "challenger": {"oneOf": [{"type": "null"}, trial]},
            "stale": {
                "oneOf": [{"type": "null"}, _stale()],
                "description": "Why this is the last good model and not the one that the champion pointer names now.",
            },
        }
    )
