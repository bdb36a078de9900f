"""The OpenAPI document: valid, exact, and made from nothing but a manifest and a policy."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from contender.adapters.serving.swagger_ui import swagger_ui
from contender.errors import InvalidInputError
from contender.pipeline.serving_policy import ServingPolicy
from contender.serving.openapi import document, page
from contender.serving.openapi_schemas import example_row
from contender.serving.requests import RowReader, read_request

BINARY: dict[str, Any] = {
    "version": "v1",
    "pipeline": "shop",
    "task": "binary",
    "target": "late",
    "classes": ["false", "true"],
    "positive": "true",
    "features": [
        {"name": "amount", "kind": "numeric", "levels": []},
        {"name": "carrier </script>", "kind": "categorical", "levels": ["UA", "AA"]},
    ],
    "typical": {"amount": 12.5, "carrier </script>": "AA"},
}
SEVERAL = BINARY | {"task": "multiclass", "classes": ["a", "b", "c"], "positive": None, "typical": None}
NUMBER = BINARY | {"task": "regression", "classes": None, "positive": None}
POLICY = ServingPolicy()


def example(of: dict[str, Any], schema: str) -> Any:
    return of["components"]["schemas"][schema]["examples"][0]


def check(content: Any, of: dict[str, Any], schema: str) -> None:
    """Raises when the content is not as a schema of the document says."""
    jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": of["components"]}
    ).validate(content)


@pytest.mark.parametrize("manifest", [BINARY, SEVERAL, NUMBER], ids=lambda manifest: str(manifest["task"]))
@pytest.mark.parametrize("auth", ["iam", "api_key"])
def test_the_document_is_valid_openapi_for_every_task_and_way_to_authorise(manifest: Any, auth: str) -> None:
    made = document(manifest, ServingPolicy(auth=auth))
    OpenAPIV31SpecValidator(made).validate()
    assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize("manifest", [BINARY, SEVERAL, NUMBER], ids=lambda manifest: str(manifest["task"]))
def test_examples_are_as_the_schemas_say_and_are_taken(manifest: Any) -> None:
    made = document(manifest, POLICY)
    for schema in ("Row", "PredictRequest", "AsyncRequest", "FeedbackRequest"):
        check(example(made, schema), made, schema)
    read_request(example(made, "PredictRequest"), RowReader.of(manifest))


def test_examples_are_the_typical_row_or_else_something_that_is_known() -> None:
    assert example_row(BINARY) == {"amount": 12.5, "carrier </script>": "AA"}
    assert example_row(SEVERAL) == {"amount": 0.0, "carrier </script>": "UA"}


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [{"amount": 1, "carrier </script>": True}]},
        {"rows": [{"amount": None, "carrier </script>": None}], "key": "k", "contributions": False},
        {"rows": [{"amount": "1", "carrier </script>": "UA"}]},
        {"rows": [{"amount": True, "carrier </script>": "UA"}]},
        {"rows": [{"amount": 1, "carrier </script>": "x" * 1_001}]},
        {"rows": [{"amount": 1, "carrier </script>": []}]},
        {"rows": [{"amount": 10**400, "carrier </script>": "UA"}]},
        {"rows": [{"amount": 1}]},
        {"rows": [{"amount": 1, "carrier </script>": "UA", "more": 1}]},
        {"rows": [{"amount": 1, "carrier </script>": "UA"}] * 101, "contributions": True},
        {"rows": [{"amount": 1, "carrier </script>": "UA"}] * 101, "contributions": False},
        {"rows": []},
        {"rows": [example_row(BINARY)], "key": ""},
        {"rows": [example_row(BINARY)], "group": "g"},
        {},
        [],
    ],
)
def test_what_the_document_allows_is_what_is_taken(body: Any) -> None:
    try:
        check(body, document(BINARY, POLICY), "PredictRequest")
    except jsonschema.ValidationError:
        with pytest.raises(InvalidInputError):
            read_request(body, RowReader.of(BINARY))
    else:
        read_request(body, RowReader.of(BINARY))


def test_limits_are_those_of_the_policy() -> None:
    made = document(BINARY, ServingPolicy(max_rows=50, requests_per_second=7, burst=9, keep_days=3))
    schemas = made["components"]["schemas"]
    assert schemas["PredictRequest"]["properties"]["rows"]["maxItems"] == 50
    assert schemas["AsyncRequest"]["properties"]["rows"]["maxItems"] == 50
    throttled = made["paths"]["/v1/predict"]["post"]["responses"]["429"]["description"]
    assert "7 requests per second, or 9 at once" in throttled
    assert "3 days" in made["paths"]["/v1/predictions/{id}"]["get"]["description"]


def test_every_route_documents_its_problems() -> None:
    paths = document(BINARY, POLICY)["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            expected = {"403", "429", "500", "503"} | ({"400", "413", "415"} if "requestBody" in operation else set())
            assert expected <= set(operation["responses"]), path


def test_who_may_ask_is_said() -> None:
    assert document(BINARY, POLICY)["security"] == [{"sigv4": []}]
    by_key = document(BINARY, ServingPolicy(auth="api_key"))
    assert by_key["components"]["securitySchemes"]["apiKey"]["name"] == "x-api-key"
    assert by_key["security"] == [{"apiKey": []}]


def test_the_page_needs_nothing_from_elsewhere_and_no_name_in_it_ends_its_script() -> None:
    script, style = swagger_ui()
    made = page(document(BINARY, POLICY), script, style)
    assert made.count("</script>") == 2
    assert "<script src" not in made
    assert "<link" not in made
    assert "SwaggerUIBundle({ spec:" in made


@pytest.mark.parametrize(("contract", "told"), [("report", True), ("refuse", False), ("ignore", False)])
def test_the_header_about_the_contract_is_documented_where_it_is_sent(contract: str, told: bool) -> None:
    made = document(BINARY, ServingPolicy(contract=contract))
    answers = (made["paths"]["/v1/predict"]["post"], "200"), (made["paths"]["/v1/predict-async"]["post"], "202")
    for operation, status in answers:
        assert ("contract-broken" in operation["responses"][status].get("headers", {})) is told
