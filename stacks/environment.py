"""The differences between the local cloud and environments in accounts, as fields of a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from contender.environments.settings import FILE, LOCAL, EnvironmentSettings, environments_of
from contender.environments.stacks import stage_of

DEFAULT_PREFIX = "contender"


class EnvironmentNameError(ValueError):
    """Raised when the context value `env` names no environment."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One place to deploy to.

    Attributes
    ----------
    availability_zones : int
        Zones that the training VPC spans; the state machine names two subnets, so two is the least.
    endpoint_zones : int
        Zones that get an interface endpoint. Each costs per hour; 0 means none are made.
    image_functions : bool
        Whether the functions that need scipy run from the training image. Locally they are zips, unless the local
        cloud runs containers (`contender up --containers`).
    on_aws : bool
        Whether the target is an account: bootstrapped by the CDK, and worth checking a template for.
    redelivery_seconds : int
        When a queue delivers a message again that could not be handled. AWS asks for six times the function's
        timeout; locally nobody waits that long.
    architecture : str
        Processor of functions and trainings: x86_64 or arm64.
    documentation_url : str
        Where the documentation is published, for mails; empty where it is not.
    bundle_dependencies : bool
        Whether zips carry their dependencies. The emulator imports from the interpreter's own packages.
    """

    name: str
    prefix: str
    removal_policy: RemovalPolicy
    termination_protection: bool
    log_retention: logs.RetentionDays
    availability_zones: int
    endpoint_zones: int
    flow_logs: bool
    container_insights: bool
    image_functions: bool
    bundle_dependencies: bool
    tracing: bool
    redelivery_seconds: int
    on_aws: bool
    architecture: str = "x86_64"
    documentation_url: str = ""

    @property
    def stage_name(self) -> str:
        """Name of the environment's stage, and the start of its stacks' names."""
        return stage_of(self.prefix, self.name)

    @property
    def keeps_data(self) -> bool:
        """Whether data outlives its stack."""
        return self.removal_policy != RemovalPolicy.DESTROY


def local(prefix: str = DEFAULT_PREFIX) -> Environment:
    """The laptop: an emulator, no account, nothing that costs money or outlives it."""
    return Environment(
        name="local",
        prefix=prefix,
        removal_policy=RemovalPolicy.DESTROY,
        termination_protection=False,
        log_retention=logs.RetentionDays.ONE_DAY,
        availability_zones=2,
        endpoint_zones=0,
        flow_logs=False,
        container_insights=False,
        image_functions=False,
        bundle_dependencies=False,
        tracing=False,
        redelivery_seconds=10,
        on_aws=False,
    )


def in_account(name: str, settings: EnvironmentSettings, prefix: str = DEFAULT_PREFIX) -> Environment:
    """An environment in an account: real services, with what its settings say."""
    return Environment(
        name=name,
        prefix=prefix,
        # What a deployment has made that failed goes with it: nobody has used it, and no stack would know of it.
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.keep_data else RemovalPolicy.DESTROY,
        termination_protection=settings.protected,
        log_retention=_retention(settings.log_retention_days),
        availability_zones=2,
        endpoint_zones=settings.endpoint_zones,
        flow_logs=settings.flow_logs,
        container_insights=settings.container_insights,
        image_functions=True,
        bundle_dependencies=True,
        tracing=settings.tracing,
        redelivery_seconds=360,
        on_aws=True,
        architecture=settings.architecture,
        documentation_url=settings.documentation_url,
    )


def dev(prefix: str = DEFAULT_PREFIX) -> Environment:
    """The built-in dev: a shared account to try things in, cheap and quick to remove."""
    return environment_named("dev", prefix=prefix)


def prod(prefix: str = DEFAULT_PREFIX) -> Environment:
    """The built-in prod: data outlives its stack, no stack goes by mistake, endpoints survive a zone."""
    return environment_named("prod", prefix=prefix)


def _retention(days: int) -> logs.RetentionDays:
    """CloudWatch's own name for so many days; the CDK writes them down as numbers where it renders a template."""
    return logs.RetentionDays[_RETENTION[days]]


_RETENTION = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    120: "FOUR_MONTHS",
    150: "FIVE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS",
    1096: "THREE_YEARS",
    1827: "FIVE_YEARS",
    3653: "TEN_YEARS",
}


def environment_named(
    name: str, *, prefix: str = DEFAULT_PREFIX, settings: Mapping[str, EnvironmentSettings] | None = None
) -> Environment:
    """The environment of that name: the local one, or one of `settings` (None: the built-in dev and prod).

    Raises
    ------
    EnvironmentNameError
        When there is no such environment.
    """
    known = environments_of("") if settings is None else settings
    if name == LOCAL:
        return local(prefix)
    if name not in known:
        raise EnvironmentNameError(
            f"env must be one of {', '.join((LOCAL, *known))}, but got {name!r}; pass -c env=dev, for example, or add "
            f"[{name}] to {FILE}"
        )
    return in_account(name, known[name], prefix)
