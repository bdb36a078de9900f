"""The OpenAPI 3.1 document of the prediction API, for the current model.

A pure function of a version's manifest and the pipeline's `[serving]` policy: whoever has both has the document,
whether the API runs or not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from contender.pipeline.serving_policy import ServingPolicy
from contender.predictions.feedback import MAX_ITEMS
from contender.serving.openapi_schemas import EITHER_ID, EXAMPLE_REQUEST, Schema, ref, schemas
from contender.serving.requests import MAX_ASYNC_ROWS, MAX_CONTRIBUTION_ROWS

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
        "components": {"schemas": schemas(manifest, policy), "securitySchemes": {scheme: _security(policy)}},
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
    operation = partial(_operation, policy)
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
                        "example": f"{EXAMPLE_REQUEST}-0",
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


def _operation(
    policy: ServingPolicy,
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
        said["requestBody"] = {"required": True, "content": {_JSON: {"schema": ref(body)}}}
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


def _answer(description: str, schema: str) -> Schema:
    return {"description": description, "content": {_JSON: {"schema": ref(schema)}}}


def _problem(description: str) -> Schema:
    return _answer(description, "Problem")


def _refusal(description: str) -> Schema:
    return _answer(description, "GatewayProblem")


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
