"""Makes a function: zip or image, with its role, log group, tracing and environment.

None has a dead-letter queue or retry settings of its own: those are for asynchronous calls, and every function
here is called synchronously, by the state machine (which retries), by the API (whose caller sees the error) or for a
queue (which delivers again, and has dead letters).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Duration, Size
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.access import Access, Storage, grant_access
from stacks.acknowledge import acknowledge
from stacks.bundling import bundled_code
from stacks.environment import Environment
from stacks.metrics import NAMESPACE
from stacks.training_image import training_image_asset

RUNTIME = lambda_.Runtime.PYTHON_3_13
REQUIREMENTS = "lambdas/requirements.txt"
ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}
SERVING_REQUIREMENTS = "lambdas/serve/requirements.txt"


@dataclass(frozen=True, kw_only=True)
class FunctionCode:
    """Where a function's code comes from: a zip, or the image when one is given."""

    zip_code: lambda_.Code
    image: ecr_assets.DockerImageAsset | None = None

    def arguments(self, handler: str) -> dict[str, object]:
        """The three arguments of a Lambda function that differ between a zip and an image."""
        if self.image is None:
            return {"code": self.zip_code, "handler": handler, "runtime": RUNTIME}
        code = lambda_.Code.from_ecr_image(
            self.image.repository,
            tag_or_digest=self.image.image_tag,
            entrypoint=["python", "-m", "awslambdaric"],
            cmd=[handler],
        )
        return {"code": code, "handler": lambda_.Handler.FROM_IMAGE, "runtime": lambda_.Runtime.FROM_IMAGE}


class CodeSource(Construct):
    """The code assets of one stack, each made once however many functions use it. A zip has `requirements`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        project_root: Path,
        requirements: str = REQUIREMENTS,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self._project_root = project_root
        self._image: ecr_assets.DockerImageAsset | None = None
        pins = project_root / requirements if environment.bundle_dependencies else None
        self._zip = bundled_code(project_root=project_root, requirements=pins, architecture=environment.architecture)

    def zip(self) -> FunctionCode:
        """Code that runs from a zip everywhere."""
        return FunctionCode(zip_code=self._zip)

    def image(self) -> FunctionCode:
        """Code that needs scipy: the training image on AWS, a zip where there are no image functions."""
        if not self._environment.image_functions:
            return self.zip()
        if self._image is None:
            self._image = training_image_asset(
                self, "Image", project_root=self._project_root, architecture=self._environment.architecture
            )
        return FunctionCode(zip_code=self._zip, image=self._image)


class LoopFunction(Construct):
    """A function of the loop, named after its state. `name` is for one that others have to know without a reference.

    Attributes
    ----------
    function : aws_lambda.Function
    role : aws_iam.Role
    log_group : aws_logs.LogGroup
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        folder: str,
        code: FunctionCode,
        memory_mib: int,
        timeout: Duration,
        variables: dict[str, str],
        access: Access,
        storage: Storage,
        description: str,
        name: str | None = None,
        disk_mib: int = 512,
    ) -> None:
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(
            self, "Logs", retention=environment.log_retention, removal_policy=environment.removal_policy
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        grant_access(self.role, access=access, storage=storage)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            **code.arguments(f"lambdas.{folder}.handler.handler"),  # type: ignore[arg-type]
            architecture=ARCHITECTURES[environment.architecture],
            description=description,
            memory_size=memory_mib,
            ephemeral_storage_size=Size.mebibytes(disk_mib),
            timeout=timeout,
            role=self.role,
            log_group=self.log_group,
            tracing=lambda_.Tracing.ACTIVE if environment.tracing else lambda_.Tracing.DISABLED,
            environment={**_powertools(folder, environment), **variables},
        )
        acknowledge(self, {"AwsSolutions-L1": _WHY_THIS_RUNTIME})
        if environment.tracing:
            acknowledge(self.role, {"AwsSolutions-IAM5[Resource::*]": _WHY_TRACING_NEEDS_ALL})


_WHY_THIS_RUNTIME = (
    "Functions and the training image run one Python version, so that an artifact is read by what wrote it; "
    "it is raised for all of them at once."
)
_WHY_TRACING_NEEDS_ALL = "xray:PutTraceSegments and xray:PutTelemetryRecords take no resource; IAM accepts only *."


def _powertools(folder: str, environment: Environment) -> dict[str, str]:
    variables = {
        "ENVIRONMENT": environment.name,
        "POWERTOOLS_SERVICE_NAME": folder,
        "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "ORT_DISABLE_TELEMETRY": "1",
    }
    return variables if environment.tracing else {**variables, "POWERTOOLS_TRACE_DISABLED": "true"}
