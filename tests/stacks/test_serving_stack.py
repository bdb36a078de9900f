"""The serving stack: authorised, throttled routes to a function that reads its own models only."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from contender.errors import PipelineFileError
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import PipelineConfig
from contender.pipeline.serving_policy import ServingPolicy
from contender.serving.openapi import document
from contender.serving.request_contract import RequestContract
from tests.lazily import lazily
from tests.stacks.synthesis import PIPELINE, Synthesised, allowed_by

serving_stack = lazily("stacks.serving")
SERVING = f"{PIPELINE}-serving"


def test_all_routes_ask_for_signed_requests(anywhere: Synthesised) -> None:
    routes = [route["Properties"] for route in anywhere.resources(SERVING, "AWS::ApiGatewayV2::Route")]
    assert {route["RouteKey"] for route in routes} == {
        "POST /v1/predict",
        "POST /v1/predict-async",
        "GET /v1/predictions/{id}",
        "POST /v1/feedback",
        "GET /v1/model",
        "GET /health",
        "GET /openapi.json",
        "GET /docs",
    }
    assert {route["AuthorizationType"] for route in routes} == {"AWS_IAM"}


def test_requests_are_throttled_and_logged(anywhere: Synthesised) -> None:
    stage = anywhere.only(SERVING, "AWS::ApiGatewayV2::Stage")
    settings = stage["DefaultRouteSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (100, 200)
    assert "$context.status" in stage["AccessLogSettings"]["Format"]


def test_serving_may_read_its_own_models_and_nothing_else(anywhere: Synthesised) -> None:
    pairs = allowed_by(anywhere.only(SERVING, "AWS::IAM::Policy"))
    reads = {resource.split(">", 1)[1] for action, resource in pairs if action == "s3:GetObject"}
    assert reads == {f"/models/{PIPELINE}/*"}
    services = {action.split(":")[0] for action, _ in pairs}
    assert services <= {"s3", "logs", "xray", "dynamodb", "sqs", "kms"}
    assert {action for action, _ in pairs if action.startswith("kms:")} == {"kms:Verify"}
    assert {action for action, _ in pairs if action.startswith("s3:")} == {
        "s3:GetObject",
        "s3:ListBucket",
    }


def test_serving_is_a_zip_everywhere_and_knows_its_models(anywhere: Synthesised) -> None:
    serve = anywhere.only(SERVING, "AWS::Lambda::Function")
    assert serve["Handler"] == "lambdas.serve.handler.handler"
    assert {"PIPELINE", "MODEL_BUCKET", "SIGNING_KEY_ID"} <= set(serve["Environment"]["Variables"])


def test_the_names_that_the_command_line_reads_are_outputs(anywhere: Synthesised) -> None:
    assert {"ApiUrl", "ServeFunctionName"} <= set(anywhere.templates[SERVING]["Outputs"])


def test_the_routes_are_those_of_the_document() -> None:
    manifest = {"version": "v", "pipeline": "p", "task": "regression", "target": "t", "classes": None, "features": []}
    documented = {
        (path, method.upper())
        for path, methods in document(manifest, ServingPolicy())["paths"].items()
        for method in methods
    }
    assert documented == {(path, method.value) for path, method in serving_stack.ROUTES.items()}


def test_the_page_is_not_given_out_as_often_as_predictions_are(anywhere: Synthesised) -> None:
    (stage,) = anywhere.resources(SERVING, "AWS::ApiGatewayV2::Stage")
    settings = stage["Properties"]["RouteSettings"]
    assert settings["GET /docs"] == {"ThrottlingRateLimit": 2, "ThrottlingBurstLimit": 10}
    docs = [
        route["LogicalId"]
        for route in anywhere.resources(SERVING, "AWS::ApiGatewayV2::Route")
        if route["Properties"]["RouteKey"] in settings
    ]
    assert set(docs) <= set(stage["DependsOn"])  # a stage cannot name a route that is not there yet


def test_no_instance_is_kept_warm_unless_the_pipeline_file_says_so(anywhere: Synthesised) -> None:
    assert anywhere.resources(SERVING, "AWS::Lambda::Alias") == []


def test_with_an_api_key_every_route_asks_the_authorizer(with_settings: Synthesised) -> None:
    routes = [route["Properties"] for route in with_settings.resources(SERVING, "AWS::ApiGatewayV2::Route")]
    (authorizer,) = with_settings.resources(SERVING, "AWS::ApiGatewayV2::Authorizer")
    assert {route["AuthorizationType"] for route in routes} == {"CUSTOM"}
    assert {route["AuthorizerId"]["Ref"] for route in routes} == {authorizer["LogicalId"]}
    settings = authorizer["Properties"]
    assert settings["IdentitySource"] == ["$request.header.x-api-key"]
    assert (settings["AuthorizerResultTtlInSeconds"], settings["EnableSimpleResponses"]) == (300, True)
    assert "ApiKeySecretName" in with_settings.templates[SERVING]["Outputs"]


def test_only_the_authorizer_may_read_the_key(with_settings: Synthesised) -> None:
    readers = {
        (policy["LogicalId"], resource)
        for policy in with_settings.resources(SERVING, "AWS::IAM::Policy")
        for action, resource in allowed_by(policy["Properties"])
        if action == "secretsmanager:GetSecretValue"
    }
    (secret,) = with_settings.resources(SERVING, "AWS::SecretsManager::Secret")
    ((reader, resource),) = readers
    assert reader.startswith("ApiKeyAuthorize")
    assert resource == f"<{secret['LogicalId']}>"
    assert secret["Properties"]["GenerateSecretString"]["PasswordLength"] == 40


def test_warm_instances_answer_the_api_behind_an_alias(with_settings: Synthesised) -> None:
    alias = with_settings.only(SERVING, "AWS::Lambda::Alias")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 3}
    (logical_id,) = (one["LogicalId"] for one in with_settings.resources(SERVING, "AWS::Lambda::Alias"))
    assert with_settings.only(SERVING, "AWS::ApiGatewayV2::Integration")["IntegrationUri"] == {"Ref": logical_id}


def test_limits_are_those_of_the_pipeline_file(with_settings: Synthesised) -> None:
    stage = with_settings.only(SERVING, "AWS::ApiGatewayV2::Stage")
    settings = stage["DefaultRouteSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (1, 5)
    assert stage["RouteSettings"]["GET /docs"] == {"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 5}


def test_the_function_has_the_rules_about_requests_unless_they_are_ignored() -> None:
    contract = {"amount": ColumnContract(min=0.0), "carrier": ColumnContract(allowed=("A", "B"))}
    config = PipelineConfig(
        "shop", "binary", "late", positive="yes", numeric=("amount",), categorical=("carrier",), contract=contract
    )
    (text,) = serving_stack.request_contract(config).values()
    found = RequestContract.from_text(text)
    assert found is not None
    assert (found.rules["amount"], found.refuses) == ({"min": 0.0}, False)
    ignored = dataclasses.replace(config, serving=ServingPolicy(contract="ignore"))
    assert serving_stack.request_contract(ignored) == {}
    levels = tuple(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
    long = dataclasses.replace(config, contract={"carrier": ColumnContract(allowed=levels)})
    with pytest.raises(PipelineFileError, match=r"the contract of the features takes .* characters"):
        serving_stack.request_contract(long)
