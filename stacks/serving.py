"""The serving stack of a pipeline: one function behind one HTTP API, which follows the champion pointer."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from contender.config import PipelineConfig
from stacks.access import Access, Storage
from stacks.environment import Environment
from stacks.functions import CodeSource, LoopFunction
from stacks.prediction_log import PredictionStore

REQUIREMENTS = "lambdas/serve/requirements.txt"
MEMORY_MIB = 1024
TIMEOUT_SECONDS = 10
REQUESTS_PER_SECOND = 100
BURST_REQUESTS = 200
ROUTES = {
    "/v1/predict": apigateway.HttpMethod.POST,
    "/v1/model": apigateway.HttpMethod.GET,
    "/health": apigateway.HttpMethod.GET,
}
_ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLatency": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
    "caller": "$context.identity.caller",
    "sourceIp": "$context.identity.sourceIp",
}


def serve_function_name(environment: Environment, pipeline: PipelineConfig) -> str:
    """Fixed, because the workflow's stack calls the function and neither stack is to need the other."""
    return f"{environment.stage_name}-{pipeline.name}-serve"


class PredictionApi(Construct):
    """An HTTP API over one function: signed requests only, throttled, every request logged.

    Attributes
    ----------
    api : aws_apigatewayv2.HttpApi
    url : str
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        function: LoopFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self, "AccessLogs", retention=environment.log_retention, removal_policy=environment.removal_policy
        )
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=name,
            create_default_stage=False,
            default_authorizer=authorizers.HttpIamAuthorizer(),
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=REQUESTS_PER_SECOND, burst_limit=BURST_REQUESTS),
        )
        resource = stage.node.default_child
        assert isinstance(resource, apigateway.CfnStage)
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(_ACCESS_LOG_FIELDS)
        )
        integration = integrations.HttpLambdaIntegration("Serve", function.function)
        for path, method in ROUTES.items():
            self.api.add_routes(path=path, methods=[method], integration=integration)
        self.url = self.api.api_endpoint


class ServingStack(Stack):
    """Answers with the champion."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        pipeline: PipelineConfig,
        storage: Storage,
        predictions: PredictionStore,
        project_root: Path,
        **stack_settings: object,
    ) -> None:
        super().__init__(scope, construct_id, **stack_settings)  # type: ignore[arg-type]
        source = CodeSource(self, "Code", environment=environment, project_root=project_root, requirements=REQUIREMENTS)
        self.serve = LoopFunction(
            self,
            "Serve",
            environment=environment,
            folder="serve",
            name=serve_function_name(environment, pipeline),
            code=source.zip(),
            memory_mib=MEMORY_MIB,
            timeout=Duration.seconds(TIMEOUT_SECONDS),
            variables={
                "PIPELINE": pipeline.name,
                "MODEL_BUCKET": storage.model_bucket.bucket_name,
                "SIGNING_KEY_ID": storage.signing_key.key_arn,
                **predictions.variables,
            },
            access=Access(read_models=(f"models/{pipeline.name}/*",), verifies=True),
            storage=storage,
            description="Answers predictions with the champion, and says which model answered",
        )
        predictions.grant_serving(self.serve.role)
        self.prediction_api = PredictionApi(
            self,
            "Prediction",
            environment=environment,
            name=f"{environment.stage_name}-{pipeline.name}",
            function=self.serve,
        )
        CfnOutput(self, "ApiUrl", value=self.prediction_api.url)
        CfnOutput(self, "ServeFunctionName", value=self.serve.function.function_name)
