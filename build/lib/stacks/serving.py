"""The serving stack of a pipeline: one function behind one HTTP API."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from contender.dashboard.run_links import WHICH_REQUESTS_FAILED
from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.serving_policy import ServingPolicy
from contender.serving.request_contract import IGNORE, REFUSE, RequestContract, request_rules
from stacks.access import Access, Storage
from stacks.acknowledge import acknowledge
from stacks.dashboard.saved_queries import save_query
from stacks.environment import Environment
from stacks.functions import SERVING_REQUIREMENTS, CodeSource, LoopFunction
from stacks.prediction_log import PredictionStore

MEMORY_MIB = 1024
TIMEOUT_SECONDS = 10
STAGE_NAME = "$default"
PREDICT_METHOD, PREDICT_PATH = "POST", "/v1/predict"
ROUTES = {
    PREDICT_PATH: apigateway.HttpMethod.POST,
    "/v1/predict-async": apigateway.HttpMethod.POST,
    "/v1/predictions/{id}": apigateway.HttpMethod.GET,
    "/v1/feedback": apigateway.HttpMethod.POST,
    "/v1/model": apigateway.HttpMethod.GET,
    "/health": apigateway.HttpMethod.GET,
    "/openapi.json": apigateway.HttpMethod.GET,
    "/docs": apigateway.HttpMethod.GET,
}
# People read the page, and each copy of it is 1.7 MB: nobody needs many.
DOCS_ROUTE = "GET /docs"
DOCS_REQUESTS_PER_SECOND, DOCS_BURST = 2, 10

MOST_CONTRACT_CHARACTERS = 2_500
API_KEY_HEADER = "x-api-key"
API_KEY_CHARACTERS = 40
AUTHORIZATION_KEPT = Duration.minutes(5)
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


def request_contract(pipeline: PipelineConfig) -> dict[str, str]:
    """The variable with the rules about the values of requests; none where nothing is checked.

    Raises
    ------
    PipelineFileError
        When it does not fit: a function's environment holds 4 KB.
    """
    rules = request_rules(pipeline.contract, pipeline.features)
    if not rules or pipeline.serving.contract == IGNORE:
        return {}
    text = RequestContract(rules, refuses=pipeline.serving.contract == REFUSE).to_text()
    if len(text) > MOST_CONTRACT_CHARACTERS:
        raise PipelineFileError(
            f"{pipeline.name}: the contract of the features takes {len(text):,} characters of the serving function's "
            f'environment, which has room for {MOST_CONTRACT_CHARACTERS:,}; set serving.contract = "ignore", or '
            "shorten the longest list under contract.*.allowed"
        )
    return {"REQUEST_CONTRACT": text}


class ApiKey(Construct):
    """A secret key that callers send, and the function that compares it.

    Attributes
    ----------
    secret : aws_secretsmanager.Secret
    authorizer : aws_apigatewayv2_authorizers.HttpLambdaAuthorizer
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, storage: Storage, project_root: Path
    ) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description="API key of the prediction API, sent as x-api-key",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=API_KEY_CHARACTERS
            ),
            removal_policy=environment.removal_policy,
        )
        acknowledge(
            self.secret,
            {
                "AwsSolutions-SMG4": (
                    "Callers must get a new key, which no function here can do; put a new value into the secret when "
                    "they are ready, and it is used within seconds."
                )
            },
        )
        source = CodeSource(self, "Code", environment=environment, project_root=project_root)
        authorize = LoopFunction(
            self,
            "Authorize",
            environment=environment,
            folder="authorize",
            code=source.zip(),
            memory_mib=256,
            timeout=Duration.seconds(5),
            variables={"API_KEY_SECRET_ARN": self.secret.secret_arn},
            access=Access(),
            storage=storage,
            description="Authorises requests with the API key",
        )
        authorize.role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[self.secret.secret_arn])
        )
        self.authorizer = authorizers.HttpLambdaAuthorizer(
            "ApiKey",
            authorize.function,
            identity_source=[f"$request.header.{API_KEY_HEADER}"],
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            results_cache_ttl=AUTHORIZATION_KEPT,
        )


class PredictionApi(Construct):
    """An HTTP API over one function: authorised requests only, throttled, every request logged.

    Attributes
    ----------
    api : aws_apigatewayv2.HttpApi
    access_log : aws_logs.LogGroup
    url : str
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        name: str,
        policy: ServingPolicy,
        authorizer: apigateway.IHttpRouteAuthorizer,
        function: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.access_log = logs.LogGroup(
            self, "AccessLogs", retention=environment.log_retention, removal_policy=environment.removal_policy
        )
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=name,
            create_default_stage=False,
            default_authorizer=authorizer,
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name=STAGE_NAME,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=policy.requests_per_second, burst_limit=policy.burst),
        )
        resource = stage.node.default_child
        assert isinstance(resource, apigateway.CfnStage)
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=self.access_log.log_group_arn, format=json.dumps(_ACCESS_LOG_FIELDS)
        )
        integration = integrations.HttpLambdaIntegration("Serve", function)
        for path, method in ROUTES.items():
            for route in self.api.add_routes(path=path, methods=[method], integration=integration):
                stage.node.add_dependency(route)  # whose settings it names
        resource.route_settings = {
            f"{PREDICT_METHOD} {PREDICT_PATH}": {
                # Whatever a route's settings leave out is 0 and false there: no request at all would pass.
                "ThrottlingRateLimit": policy.requests_per_second,
                "ThrottlingBurstLimit": policy.burst,
                "DetailedMetricsEnabled": True,  # the alarms about the model look at this route alone
            },
            DOCS_ROUTE: {
                "ThrottlingRateLimit": min(DOCS_REQUESTS_PER_SECOND, policy.requests_per_second),
                "ThrottlingBurstLimit": min(DOCS_BURST, policy.burst),
            },
        }
        self.url = self.api.api_endpoint


class ServingStack(Stack):
    """Answers with the champion.

    Attributes
    ----------
    serve : LoopFunction
    prediction_api : PredictionApi
    """

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
        source = CodeSource(
            self, "Code", environment=environment, project_root=project_root, requirements=SERVING_REQUIREMENTS
        )
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
                **request_contract(pipeline),
            },
            access=Access(read_models=(f"models/{pipeline.name}/*",), verifies=True),
            storage=storage,
            description="Serves predictions of the champion",
        )
        predictions.grant_serving(self.serve.role)
        authorizer: apigateway.IHttpRouteAuthorizer = authorizers.HttpIamAuthorizer()
        if pipeline.serving.auth == "api_key":
            key = ApiKey(self, "ApiKey", environment=environment, storage=storage, project_root=project_root)
            authorizer = key.authorizer
            CfnOutput(self, "ApiKeySecretName", value=key.secret.secret_name)
        self.prediction_api = PredictionApi(
            self,
            "Prediction",
            environment=environment,
            name=f"{environment.stage_name}-{pipeline.name}",
            policy=pipeline.serving,
            authorizer=authorizer,
            function=self._answering(environment, pipeline.serving),
        )
        save_query(
            self,
            "WhichRequestsFailed",
            environment=environment,
            pipeline=pipeline.name,
            question="which requests failed",
            query=WHICH_REQUESTS_FAILED,
            log_groups=[made.log_group_name for made in (self.prediction_api.access_log, self.serve.log_group)],
        )
        CfnOutput(self, "ApiUrl", value=self.prediction_api.url)
        CfnOutput(self, "ServeFunctionName", value=self.serve.function.function_name)

    def _answering(self, environment: Environment, policy: ServingPolicy) -> lambda_.IFunction:
        """What the API calls: the function itself, or an alias of which some instances are always warm."""
        if not policy.provisioned or not environment.on_aws:
            return self.serve.function
        return lambda_.Alias(
            self,
            "Live",
            alias_name="live",
            version=self.serve.function.current_version,
            provisioned_concurrent_executions=policy.provisioned,
        )
