"""The differences between local, dev and prod, as fields of a dataclass."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

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

    @property
    def stage_name(self) -> str:
        """Name of the environment's stage, and the start of its stacks' names."""
        return f"{self.prefix}-{self.name}"

    @property
    def keeps_data(self) -> bool:
        """Whether data outlives its stack."""
        return self.removal_policy == RemovalPolicy.RETAIN


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


def dev(prefix: str = DEFAULT_PREFIX) -> Environment:
    """A shared account to try things in: real services, cheap and quick to remove."""
    return Environment(
        name="dev",
        prefix=prefix,
        removal_policy=RemovalPolicy.DESTROY,
        termination_protection=False,
        log_retention=logs.RetentionDays.TWO_WEEKS,
        availability_zones=2,
        endpoint_zones=1,
        flow_logs=True,
        container_insights=True,
        image_functions=True,
        bundle_dependencies=True,
        tracing=True,
        redelivery_seconds=360,
        on_aws=True,
    )


def prod(prefix: str = DEFAULT_PREFIX) -> Environment:
    """Where answers matter: as dev, but data outlives its stack, no stack goes by mistake, endpoints survive a zone."""
    return replace(
        dev(prefix),
        name="prod",
        removal_policy=RemovalPolicy.RETAIN,
        termination_protection=True,
        log_retention=logs.RetentionDays.ONE_YEAR,
        endpoint_zones=2,
    )


_MAKERS = {"local": local, "dev": dev, "prod": prod}


def environment_named(name: str, *, prefix: str = DEFAULT_PREFIX) -> Environment:
    """The environment of that name.

    Raises
    ------
    EnvironmentNameError
        When there is no such environment.
    """
    if name not in _MAKERS:
        raise EnvironmentNameError(
            f"env must be one of {', '.join(_MAKERS)}, but got {name!r}; pass -c env=dev, for example"
        )
    return _MAKERS[name](prefix)
