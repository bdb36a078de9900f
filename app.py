"""The CDK app: `cdk deploy -c env=dev 'contender-dev/*'`. Context keys: env, prefix, account, region, alarm_emails,
containers (for the local cloud: functions run from the image here too)."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import Node

from contender.errors import PipelineFileError
from contender.pipeline.config import load_pipelines
from stacks.environment import DEFAULT_PREFIX, Environment, EnvironmentNameError, environment_named
from stacks.stage import FEATURE_FLAGS, ContenderStage

PROJECT_ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Synthesise one environment; what is meant for an account is checked on the way."""
    # The app's own arguments depend on the context, which only an app can read; this one is not synthesised.
    context = cdk.App(auto_synth=False).node
    environment = environment_named(_text(context, "env") or "dev", prefix=_text(context, "prefix") or DEFAULT_PREFIX)
    if _text(context, "containers"):
        environment = replace(environment, image_functions=True)
    checked = environment.on_aws
    app = cdk.App(
        context=FEATURE_FLAGS,
        analytics_reporting=False,
        builtin_cloud_formation_validation=checked,
        stack_traces=False,
        tree_metadata=checked,
    )
    ContenderStage(
        app,
        environment=environment,
        pipelines=load_pipelines(PROJECT_ROOT / "pipelines"),
        project_root=PROJECT_ROOT,
        alarm_emails=_addresses(context),
        target=_target(context, environment),
    )
    if checked:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def _text(context: Node, name: str) -> str:
    return str(context.try_get_context(name) or "")


def _addresses(context: Node) -> tuple[str, ...]:
    """Mail addresses of context `alarm_emails`: a list in cdk.json, or on the command line with commas."""
    given = context.try_get_context("alarm_emails") or ()
    listed = given.split(",") if isinstance(given, str) else given
    return tuple(str(address).strip() for address in listed)


def _target(context: Node, environment: Environment) -> cdk.Environment | None:
    """Account and region from context, else from the command line's credentials, else left open."""
    if not environment.on_aws:
        return None  # the emulator decides, whatever credentials this machine has
    return cdk.Environment(
        account=_text(context, "account") or os.environ.get("CDK_DEFAULT_ACCOUNT"),
        region=_text(context, "region") or os.environ.get("CDK_DEFAULT_REGION"),
    )


if __name__ == "__main__":
    try:
        main()
    except (EnvironmentNameError, PipelineFileError, RuntimeError) as error:
        # The CDK reports failed checks and failed bundles as a RuntimeError, below a long trace of its own.
        sys.exit(f"contender: {error}")
