"""The CDK app: `cdk deploy -c env=dev --all`. Context keys are env, prefix, account, region and alarm_emails."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from contender.config import load_pipelines
from contender.errors import PipelineFileError
from stacks.environment import DEFAULT_PREFIX, Environment, EnvironmentNameError, environment_named
from stacks.stage import FEATURE_FLAGS, ContenderStage

PROJECT_ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Synthesise one environment."""
    app = cdk.App(context=FEATURE_FLAGS)
    environment = environment_named(
        _context(app, "env") or "dev", prefix=_context(app, "prefix") or DEFAULT_PREFIX
    )
    ContenderStage(
        app,
        environment=environment,
        pipelines=load_pipelines(PROJECT_ROOT / "pipelines"),
        project_root=PROJECT_ROOT,
        alarm_emails=_addresses(app),
        target=_target(app, environment),
    )
    if environment.bootstrapped:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def _context(app: cdk.App, name: str) -> str:
    return str(app.node.try_get_context(name) or "")


def _addresses(app: cdk.App) -> tuple[str, ...]:
    """Mail addresses of context `alarm_emails`: a list in cdk.json, or separated by commas on the command line."""
    given = app.node.try_get_context("alarm_emails") or ()
    listed = given.split(",") if isinstance(given, str) else given
    return tuple(str(address).strip() for address in listed)


def _target(app: cdk.App, environment: Environment) -> cdk.Environment | None:
    """Account and region from context, else from the command line's credentials, else left open."""
    if not environment.bootstrapped:
        return None  # the emulator decides, whatever credentials this machine has
    return cdk.Environment(
        account=_context(app, "account") or os.environ.get("CDK_DEFAULT_ACCOUNT"),
        region=_context(app, "region") or os.environ.get("CDK_DEFAULT_REGION"),
    )


if __name__ == "__main__":
    try:
        main()
    except (EnvironmentNameError, PipelineFileError) as error:
        sys.exit(f"contender: {error}")
