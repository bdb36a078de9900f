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
from contender.serving.request_contract import HEADER, REPORT
from contender.serving.requests import MAX_ASYNC_ROWS, MAX_CONTRIBUTION_ROWS

_JSON = "application/json"

_GATEWAY_REFUSES = {
    "iam": "The request is not signed, or its signer is not allowed to call this API (`execute-api:Invoke`).",
    "api_key": "The header `x-api-key` is missing or is not the key in the stack's secret.",
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
                f"Predicts `{manifest['target']}` ({manifest['task']}). This document describes model version "
                f"{manifest['version']}. Other versions may have other features; `GET /openapi.json` always describes "
                'the version that serves. Errors of the API have the body `{"error": text}`; those of API Gateway '
                'itself (403, 429, some 413) have `{"message": text}`.'
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
            "description": "AWS Signature Version 4 for `execute-api`, as AWS SDKs and `curl --aws-sigv4` send.",
        }
    return {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The key in the stack's secret."}


def _paths(policy: ServingPolicy) -> Schema:
    operation = partial(_operation, policy)
    no_model = {503: "There is no champion yet, or it could not be loaded; retry later."}
    said = "Only if rows break rules of the data contract: each with the number of rows, as in `distance.max=3`."
    broken = {HEADER: {"description": said, "schema": {"type": "string"}}} if policy.contract == REPORT else {}
    return {
        "/v1/predict": {
            "post": operation(
                "predict",
                "Predict one or more rows",
                f"1 to {policy.max_rows} rows, predicted at once and in order. With a `key`, a caller always gets "
                "the same model version during a trial. With `contributions`, for at most "
                f"{MAX_CONTRIBUTION_ROWS} rows, each prediction includes the contribution of each feature.",
                {200: _answer("The predictions.", "Prediction") | ({"headers": broken} if broken else {})},
                body="PredictRequest",
                problems={
                    409: "Contributions were requested, but this model version has no typical row to compare with.",
                    422: "The prediction is not finite: a row is far outside of the training data.",
                    **no_model,
                },
            )
        },
        "/v1/predict-async": {
            "post": operation(
                "predictLater",
                "Predict rows asynchronously, once per key",
                f"1 to {min(MAX_ASYNC_ROWS, policy.max_rows)} rows and at most 200 kB. The same key with the same rows "
                "returns the same id and is predicted once; with other rows it is refused. Requests of one `group` "
                "are predicted in order. Fetch the result by its id.",
                {
                    202: _answer("Queued, now or before.", "Queued")
                    | {
                        "headers": {
                            "location": {"description": "Where the result will be.", "schema": {"type": "string"}},
                            **broken,
                        }
                    }
                },
                body="AsyncRequest",
                problems={
                    409: "The key was used for other rows.",
                    503: no_model[503] + " Or the queue is unavailable; retry with the same key.",
                },
            )
        },
        "/v1/predictions/{id}": {
            "get": operation(
                "lookUp",
                "Get a prediction by its id, or all predictions of a request",
                f"Kept for {policy.keep_days} days; available about a minute after the answer. Includes the label, if "
                "feedback has delivered one.",
                {200: _answer("The logged predictions.", "Kept")},
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
                    400: "The id is malformed.",
                    404: "No prediction has this id: it is unknown, expired, or was not sampled.",
                    413: "The predictions of the request are too large together; get them one by one.",
                    503: "The table is unavailable; retry.",
                },
            )
        },
        "/v1/feedback": {
            "post": operation(
                "giveFeedback",
                "Send labels (ground truth)",
                f"1 to {MAX_ITEMS} items, by prediction id, up to {policy.keep_days} days after the prediction. A "
                "repeated label replaces the earlier one. Invalid items are listed with their reasons and the others "
                "are accepted; if all are invalid, the status is 422. Whether a prediction exists is checked later.",
                {202: _answer("Accepted.", "FeedbackTaken")},
                body="FeedbackRequest",
                problems={
                    422: "No item is valid; `refused` has the reason of each.",
                    503: no_model[503] + " Or the queue is unavailable; send all items again.",
                },
            )
        },
        "/v1/model": {
            "get": operation(
                "model",
                "Get the model version that serves",
                "Its features, training data and metrics, and since when it serves.",
                {200: _answer("The champion.", "Model")},
                problems=no_model,
            )
        },
        "/health": {
            "get": operation(
                "health",
                "Check that predictions are served",
                "Fast: nothing is predicted.",
                {200: _answer("Predictions are served.", "Health")},
                problems=no_model,
            )
        },
        "/openapi.json": {
            "get": operation(
                "openapi",
                "Get this document",
                "For the model version that serves now.",
                {200: {"description": "OpenAPI 3.1.", "content": {_JSON: {"schema": {"type": "object"}}}}},
                problems=no_model,
            )
        },
        "/docs": {
            "get": operation(
                "docs",
                "Get this document as a page",
                "The page loads no external resources.",
                {200: {"description": "HTML.", "content": {"text/html": {"schema": {"type": "string"}}}}},
                problems=no_model,
            )
        },
    }


_OF_ANY_BODY: Mapping[int, str] = {
    400: "The body is invalid; the error names the field and the value.",
    413: "The body or the response is too large.",
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
        429: _refusal(f"More than {policy.requests_per_second} requests per second, or {policy.burst} at once; retry."),
        500: _problem("Internal error; retry."),
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
    """The document as one page without external resources.

    Parameters
    ----------
    script, style : Swagger UI's bundle.
    """
    # A "<" could close the script element that holds the document.
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
