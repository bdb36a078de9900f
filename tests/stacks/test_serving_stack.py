"""The serving stack: three signed, throttled routes to a function that reads its own models only."""

from __future__ import annotations

from tests.stacks.synthesis import PIPELINE, Synthesised, flat, statements

SERVING = f"{PIPELINE}-serving"


def test_the_three_routes_ask_for_signed_requests(anywhere: Synthesised) -> None:
    routes = [route["Properties"] for route in anywhere.resources(SERVING, "AWS::ApiGatewayV2::Route")]
    assert {route["RouteKey"] for route in routes} == {"POST /v1/predict", "GET /v1/model", "GET /health"}
    assert {route["AuthorizationType"] for route in routes} == {"AWS_IAM"}


def test_requests_are_throttled_and_logged(anywhere: Synthesised) -> None:
    stage = anywhere.only(SERVING, "AWS::ApiGatewayV2::Stage")
    settings = stage["DefaultRouteSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (100, 200)
    assert "$context.status" in stage["AccessLogSettings"]["Format"]


def test_serving_may_read_its_own_models_and_nothing_else(anywhere: Synthesised) -> None:
    policy = anywhere.only(SERVING, "AWS::IAM::Policy")
    pairs = {
        (action, flat(resource))
        for statement in statements(policy["PolicyDocument"])
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    reads = {resource.split(">", 1)[1] for action, resource in pairs if action == "s3:GetObject"}
    assert reads == {f"/models/{PIPELINE}/*"}
    services = {action.split(":")[0] for action, _ in pairs}
    assert services <= {"s3", "logs", "xray", "dynamodb", "sqs", "kms"}
    assert {action for action, _ in pairs if action.startswith("kms:")} == {"kms:Verify"}
    assert {action for action, _ in pairs if action.startswith("s3:")} == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
    }


def test_serving_is_a_zip_everywhere_and_knows_its_models(anywhere: Synthesised) -> None:
    serve = anywhere.only(SERVING, "AWS::Lambda::Function")
    assert serve["Handler"] == "lambdas.serve.handler.handler"
    assert {"PIPELINE", "MODEL_BUCKET", "SIGNING_KEY_ID"} <= set(serve["Environment"]["Variables"])


def test_the_names_that_the_command_line_reads_are_outputs(anywhere: Synthesised) -> None:
    assert {"ApiUrl", "ServeFunctionName"} <= set(anywhere.templates[SERVING]["Outputs"])
