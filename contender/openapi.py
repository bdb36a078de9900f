"""The prediction API as an OpenAPI 3.1 document: exact names and types of the model that answers now.

A pure function of a version's manifest and the pipeline's `[serving]` policy: whoever has both has the document,
whether the API runs or not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from contender.ground_truth import MAX_ITEMS
from contender.serving import MAX_ASYNC_ROWS, MAX_CONTRIBUTION_ROWS, MAX_KEY, MAX_TEXT
from contender.serving_policy import ServingPolicy

Schema = dict[str, Any]

_LARGEST = sys.float_info.max
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
REQUEST_ID = f"^{_UUID}$"
PREDICTION_ID = f"^{_UUID}-(0|[1-9][0-9]{{0,5}})$"
EITHER_ID = f"^{_UUID}(-(0|[1-9][0-9]{{0,5}}))?$"
# As a key gives it: an id that holds a time would be too old for feedback one day.
_EXAMPLE_REQUEST = "5f0c8a3e-9d1b-5c47-8e2a-7b6d4f3a2c10"
_JSON = "application/json"

_GATEWAY_REFUSES = {
    "iam": "The request is not signed, or whoever signed it may not call this API (`execute-api:Invoke`).",
    "api_key": "The header `x-api-key` is missing or has another key than the stack's secret.",
}


def document(manifest: Mapping[str, Any], policy: ServingPolicy, *, url: str = "/") -> dict[str, Any]:
    """The document.

    Parameters
    ----------
    manifest : of the model version that answers.
    url : where the API is; `/` is where the document came from.

    Examples
    --------
    >>> manifest = {"version": "v1", "pipeline": "shop", "task": "regression", "target": "price", "classes": None,
    ...             "features": [{"name": "amount", "kind": "numeric"}], "typical": {"amount": 2.5}}
    >>> row = document(manifest, ServingPolicy())["components"]["schemas"]["Row"]
    >>> row["required"], row["examples"]
    (['amount'], [{'amount': 2.5}])
    """
    scheme = "sigv4" if policy.auth == "iam" else "apiKey"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Predictions of {manifest['pipeline']}",
            "version": manifest["version"],
            "description": (
                f"Predicts `{manifest['target']}` ({manifest['task']}). The document describes model version "
                f"{manifest['version']}; another version may take other features, and `GET /openapi.json` always "
                'describes the one that answers. Errors of the API have the body `{"error": text}`; those that API '
                'Gateway answers by itself (403, 429, some 413) have `{"message": text}`.'
            ),
        },
        "servers": [{"url": url}],
        "security": [{scheme: []}],
        "paths": _paths(policy),
        "components": {"schemas": _schemas(manifest, policy), "securitySchemes": {scheme: _security(policy)}},
    }


def _security(policy: ServingPolicy) -> Schema:
    if policy.auth == "iam":
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "x-amazon-apigateway-authtype": "awsSigv4",
            "description": "AWS Signature Version 4 for `execute-api`, as SDKs and `curl --aws-sigv4` sign.",
        }
    return {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The key in the stack's secret."}


def _paths(policy: ServingPolicy) -> Schema:
    def operation(
        operation_id: str,
        summary: str,
        description: str,
        answers: Mapping[int, Schema],
        *,
        body: str | None = None,
        parameters: Sequence[Schema] = (),
        problems: Mapping[int, str],
    ) -> Schema:
        said: Schema = {"operationId": operation_id, "summary": summary, "description": description}
        if parameters:
            said["parameters"] = list(parameters)
        if body is not None:
            said["requestBody"] = {"required": True, "content": {_JSON: {"schema": _ref(body)}}}
            problems = {**_OF_ANY_BODY, **problems}
        refusals = {status: _problem(text) for status, text in sorted(problems.items())}
        gateway = {
            403: _refusal(_GATEWAY_REFUSES[policy.auth]),
            429: _refusal(
                f"More than {policy.requests_per_second} requests a second, or {policy.burst} at once; try again."
            ),
            500: _problem("The request failed inside the service, which is a defect of it; try again."),
        }
        if policy.auth == "api_key":
            gateway[401] = _refusal("The header `x-api-key` is missing.")
        responses = {**answers, **refusals, **gateway}
        said["responses"] = {str(status): responses[status] for status in sorted(responses)}
        return said

    no_model = {503: "The pipeline has no champion yet, or the first one could not be loaded; try again."}
    return {
        "/v1/predict": {
            "post": operation(
                "predict",
                "Predict one row or many",
                f"1 to {policy.max_rows} rows, answered at once and in their order. With a `key`, a caller is answered "
                "by one and the same model version while a challenger is on trial. With `contributions`, of at most "
                f"{MAX_CONTRIBUTION_ROWS} rows, each prediction says what each feature contributed to it.",
                {200: _answer("The predictions.", "Prediction")},
                body="PredictRequest",
                problems={
                    409: "Contributions were asked for, and this model version has no typical row to measure them by.",
                    422: "The model has no finite prediction for a row that is far from all it was trained on.",
                    **no_model,
                },
            )
        },
        "/v1/predict-async": {
            "post": operation(
                "predictLater",
                "Have rows predicted later, once per key",
                f"1 to {min(MAX_ASYNC_ROWS, policy.max_rows)} rows and at most 200 kB. The same key with the same rows "
                "gives the same id again and is predicted once; with other rows it is refused. Requests of one `group` "
                "are predicted in their order. The answer is found under the id.",
                {
                    202: _answer("Taken, or taken before.", "Queued")
                    | {
                        "headers": {
                            "location": {"description": "Where the answer will be.", "schema": {"type": "string"}}
                        }
                    }
                },
                body="AsyncRequest",
                problems={
                    409: "The key was used for other rows.",
                    503: no_model[503] + " Or the queue cannot be reached; send it again with the same key.",
                },
            )
        },
        "/v1/predictions/{id}": {
            "get": operation(
                "lookUp",
                "A prediction by its id, or all of a request by the request's",
                f"Kept for {policy.keep_days} days, and found within about a minute after the answer. With the ground "
                "truth that came by feedback.",
                {200: _answer("What is kept.", "Kept")},
                parameters=[
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "description": "The id of a request (all of its rows) or of one prediction.",
                        "schema": {"type": "string", "pattern": EITHER_ID},
                        "example": f"{_EXAMPLE_REQUEST}-0",
                    }
                ],
                problems={
                    400: "It is no such id.",
                    404: "Nothing is kept under this id: unknown, expired, or left out by sampling.",
                    413: "All predictions of the request together are too large; ask for them one by one.",
                    503: "The table cannot be reached; try again.",
                },
            )
        },
        "/v1/feedback": {
            "post": operation(
                "giveFeedback",
                "Say what turned out to be true",
                f"1 to {MAX_ITEMS} items, by prediction id. Late labels are welcome for {policy.keep_days} days, and "
                "repeated ones: the last one counts. Items that cannot be taken are named with the reason, the others "
                "are taken; when none can be taken the answer is 422, with the same list. Whether a prediction is "
                "known is found out later.",
                {202: _answer("Taken.", "FeedbackTaken")},
                body="FeedbackRequest",
                problems={
                    422: "No item can be taken; `refused` says why of each.",
                    503: no_model[503] + " Or the queue cannot be reached; send all items again.",
                },
            )
        },
        "/v1/model": {
            "get": operation(
                "model",
                "The model version that answers",
                "What it is, what it was trained on, how good it was, and since when it answers.",
                {200: _answer("The champion.", "Model")},
                problems=no_model,
            )
        },
        "/health": {
            "get": operation(
                "health",
                "Whether predictions are answered",
                "Cheap: nothing is predicted.",
                {200: _answer("They are.", "Health")},
                problems=no_model,
            )
        },
        "/openapi.json": {
            "get": operation(
                "openapi",
                "This document",
                "Of the model version that answers now.",
                {200: {"description": "OpenAPI 3.1.", "content": {_JSON: {"schema": {"type": "object"}}}}},
                problems=no_model,
            )
        },
        "/docs": {
            "get": operation(
                "docs",
                "This document as a page",
                "It loads nothing from elsewhere.",
                {200: {"description": "HTML.", "content": {"text/html": {"schema": {"type": "string"}}}}},
                problems=no_model,
            )
        },
    }


_OF_ANY_BODY: Mapping[int, str] = {
    400: "The body is not as it must be; the error names the field and the value.",
    413: "The body, or the answer to it, is larger than can be passed on.",
    415: "The content type is not `application/json` in UTF-8.",
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: str) -> Schema:
    return {"description": description, "content": {_JSON: {"schema": _ref(schema)}}}


def _problem(description: str) -> Schema:
    return _answer(description, "Problem")


def _refusal(description: str) -> Schema:
    return _answer(description, "GatewayProblem")


def _schemas(manifest: Mapping[str, Any], policy: ServingPolicy) -> Schema:
    row = _row(manifest)
    rows = {"type": "array", "minItems": 1, "items": _ref("Row")}
    key = {"type": "string", "minLength": 1, "maxLength": MAX_KEY}
    example = row["examples"][0]
    return {
        "Row": row,
        "PredictRequest": {
            **_object(
                {
                    "rows": {**rows, "maxItems": policy.max_rows},
                    "key": {**key, "description": "The caller's own, such as a customer's id."},
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
                    "key": {**key, "description": "Names this request: one key is predicted once."},
                    "group": {**key, "description": "Requests of one group are predicted in order; else of one key."},
                },
                required=["rows", "key"],
            ),
            "examples": [{"rows": [example], "key": "order-17"}],
        },
        "Value": _value(manifest),
        "Prediction": _object(
            {
                "prediction_id": _text(REQUEST_ID),
                "model_version": {"type": "string"},
                "variant": {"enum": ["champion", "challenger"]},
                "predictions": {"type": "array", "items": _one(manifest, contributions=True)},
            }
        ),
        "Contributions": _contributions(manifest),
        "Queued": _object({"prediction_id": _text(REQUEST_ID), "status": {"enum": ["queued", "done", "failed"]}}),
        "Kept": _object(
            {
                "prediction_id": _text(REQUEST_ID),
                "status": {"enum": ["queued", "done", "failed"]},
                "at": _or_null({"type": "string", "description": "When it was answered, ISO 8601 in UTC."}),
                "model_version": _or_null({"type": "string"}),
                "variant": _or_null({"type": "string"}),
                "error": _or_null({"type": "string"}),
                "predictions": {
                    "type": "array",
                    "items": _one(manifest, contributions=False, kept=True),
                },
            }
        ),
        "FeedbackRequest": {
            **_object(
                {
                    "items": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MAX_ITEMS,
                        "items": _object(
                            {
                                "prediction_id": {"type": "string", "description": "As an answer carried it."},
                                "label": _label(manifest),
                                "observed_at": {
                                    "type": "string",
                                    "description": "When it was known, ISO 8601; UTC where it names no zone.",
                                },
                            },
                            required=["prediction_id", "label"],
                        ),
                    }
                }
            ),
            "examples": [{"items": [{"prediction_id": f"{_EXAMPLE_REQUEST}-0", "label": _example_label(manifest)}]}],
        },
        "FeedbackTaken": _object({"accepted": {"type": "integer", "minimum": 1}, "refused": _refused()}),
        "Model": _model(manifest),
        "Health": _object({"status": {"const": "ok"}, "model_version": {"type": "string"}}),
        "Problem": _object(
            {
                "error": {"type": "string", "description": "What is wrong and what to do."},
                "refused": {**_refused(), "description": "With feedback: each item and its reason."},
            },
            required=["error"],
        ),
        "GatewayProblem": {"type": "object", "properties": {"message": {"type": "string"}}},
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
    category = {"type": ["string", "number", "boolean", "null"], "maxLength": MAX_TEXT, **_bounds(number)}
    properties = {}
    for feature in manifest["features"]:
        if feature["kind"] == "numeric":
            properties[feature["name"]] = {**number, "description": "A number; null where it is not known."}
        else:
            shown = ", ".join(feature.get("levels", ())[:8])
            properties[feature["name"]] = {
                **category,
                "description": "A category; null where it is not known, as which one counts that training has not seen."
                + (f" Among the known ones: {shown}." if shown else ""),
            }
    return {**_object(properties), "examples": [example_row(manifest)]}


def _bounds(number: Schema) -> Schema:
    return {name: number[name] for name in ("minimum", "maximum")}


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
    properties: Schema = {"prediction_id": _text(PREDICTION_ID), "prediction": _ref("Value")}
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
        properties["contributions"] = _ref("Contributions")
    if kept:
        properties["row"] = {
            "type": ["object", "null"],
            "description": "As it was sent, without what the policy drops or hashes.",
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
            "description": "What turned out to be true, when that was observed, and when it came (ISO 8601).",
        }
        required += ["row", "label"]
    return _object(properties, required=required)


def _contributions(manifest: Mapping[str, Any]) -> Schema:
    features = _object({feature["name"]: {"type": "number"} for feature in manifest["features"]})
    properties: Schema = {
        "typical": {
            "type": "number",
            "description": "The prediction for a typical row, which this one is compared with.",
        },
        "exact": {"type": "boolean", "description": "False: estimated by sampling, with these standard errors."},
        "values": {**features, "description": "They add up to the prediction minus `typical`."},
        "standard_errors": features,
    }
    required = ["typical", "exact", "values"]
    if manifest["task"] != "regression":
        properties["to_probability_of"] = {"enum": list(manifest["classes"])}
        required.append("to_probability_of")
    return {
        **_object(properties, required=required),
        "description": "Baseline Shapley values: what each feature's value, in place of the typical one, changes.",
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
        "description": f"One of {', '.join(manifest['classes'])}; true and 1 are read as training read them.",
    }


def _example_label(manifest: Mapping[str, Any]) -> Any:
    return 1.5 if manifest["task"] == "regression" else manifest["classes"][0]


def _refused() -> Schema:
    item = _object({"index": {"type": "integer"}, "prediction_id": {"type": "string"}, "reason": {"type": "string"}})
    return {"type": "array", "items": item}


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
            "previous": {"type": ["string", "null"]},
            "challenger": {"oneOf": [{"type": "null"}, trial]},
        }
    )


def page(content: Mapping[str, Any], script: str, style: str) -> str:
    """The document as one page that loads nothing from elsewhere.

    Parameters
    ----------
    script, style : Swagger UI's bundle.
    """
    # What begins with < could end the script that the document stands in.
    inline = json.dumps(content).replace("<", "\\u003c")
    title = content["info"]["title"].replace("&", "&amp;").replace("<", "&lt;")
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<div id="ui"></div>
<script>{script}</script>
<script>
SwaggerUIBundle({{ spec: {inline}, dom_id: "#ui", deepLinking: true, validatorUrl: null }});
</script>
</body>
</html>
"""
