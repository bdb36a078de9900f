"""The CDK app of a project: one environment, synthesised. What is meant for an account is checked on the way.

Context keys: env, prefix, account, region, alarm_emails, containers (for the local cloud: functions run from the image
here too).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import Node

from contender.adapters.files.pipeline_file import read_text, with_keys
from contender.environments.settings import (
    LOCAL,
    EnvironmentSettings,
    check_pipelines_known,
    pipeline_changes,
    read_environments,
)
from contender.errors import PipelineFileError
from contender.pipeline.config import PipelineConfig, load_pipeline, load_pipelines
from stacks.acknowledge import findings_looked_for
from stacks.code_tree import code_tree
from stacks.environment import DEFAULT_PREFIX, Environment, EnvironmentNameError, environment_named
from stacks.stage import FEATURE_FLAGS, ContenderStage

PIPELINE_FILES = Path(".contender/pipelines")


class WrongAccountError(ValueError):
    """Raised when the credentials are of another account than the environment's."""


def run(project: Path) -> None:
    """Synthesise one environment of a project; an expected error ends the process with one line."""
    try:
        main(project)
    except (EnvironmentNameError, PipelineFileError, WrongAccountError, RuntimeError) as error:
        # The CDK reports failed checks and failed bundles as a RuntimeError, below a long trace of its own.
        sys.exit(f"contender: {error}")


def main(project: Path) -> None:
    """Synthesise one environment of a project.

    Raises
    ------
    EnvironmentNameError, PipelineFileError, WrongAccountError
        When the context names no environment, a file is wrong, or the credentials are those of another account.
    """
    # The app's own arguments depend on the context, which only an app can read; this one is not synthesised.
    context = cdk.App(auto_synth=False).node
    known = read_environments(project)
    environment = asked_for(context, known)
    settings = known.get(environment.name, EnvironmentSettings())
    target = target_of(context, environment, settings)
    pipelines = pipelines_in(project, environment.name, settings)
    checked = environment.on_aws
    app = cdk.App(
        context=FEATURE_FLAGS,
        analytics_reporting=False,
        builtin_cloud_formation_validation=checked,
        stack_traces=False,
        tree_metadata=checked,
    )
    with findings_looked_for(checked):
        ContenderStage(
            app,
            environment=environment,
            pipelines=pipelines,
            project_root=code_tree(project, pipelines),
            alarm_emails=_addresses(context) or settings.alarm_emails,
            target=target,
        )
    if checked:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def asked_for(context: Node, known: Mapping[str, EnvironmentSettings]) -> Environment:
    """The environment that the context names, with its prefix.

    Raises
    ------
    EnvironmentNameError
        When there is no such environment.
    """
    name, prefix = _text(context, "env") or "dev", _text(context, "prefix") or DEFAULT_PREFIX
    environment = environment_named(name, prefix=prefix, settings=known)
    return replace(environment, image_functions=True) if _text(context, "containers") else environment


def pipelines_in(project: Path, name: str, settings: EnvironmentSettings) -> Sequence[PipelineConfig]:
    """The pipelines of a project as they are in an environment. One that differs there gets a file of its own, which
    is deployed in place of the project's.

    Raises
    ------
    PipelineFileError
        When a file is wrong, or the environment names a pipeline or key that there is not.
    """
    found = load_pipelines(project / "pipelines")
    check_pipelines_known(name, settings, [config.name for config in found])
    return [_as_in(project, name, config, pipeline_changes(settings, config.name)) for config in found]


def _as_in(project: Path, name: str, config: PipelineConfig, changes: dict[str, object]) -> PipelineConfig:
    if name == LOCAL or not changes:
        return config
    path = project / PIPELINE_FILES / name / f"{config.name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(with_keys(read_text(Path(config.path)), changes), "utf-8")
    return load_pipeline(path)


def _text(context: Node, name: str) -> str:
    return str(context.try_get_context(name) or "")


def _addresses(context: Node) -> tuple[str, ...]:
    """Mail addresses of context `alarm_emails`: a list in cdk.json, or on the command line with commas."""
    given = context.try_get_context("alarm_emails") or ()
    listed = given.split(",") if isinstance(given, str) else given
    return tuple(str(address).strip() for address in listed)


def target_of(context: Node, environment: Environment, settings: EnvironmentSettings) -> cdk.Environment | None:
    """Account and region from context, else the environment's own, else the credentials', else left open.

    Raises
    ------
    WrongAccountError
        When the credentials are of another account than the environment's, and the context does not name it.
    """
    if not environment.on_aws:
        return None  # the emulator decides, whatever credentials this machine has
    asked, here = _text(context, "account"), os.environ.get("CDK_DEFAULT_ACCOUNT", "")
    wrong = asked or here
    if settings.account and wrong and wrong != settings.account:
        raise WrongAccountError(
            f"{environment.name} belongs to account {settings.account}, but {'-c account is' if asked else ''}"
            f"{'' if asked else 'the credentials are those of'} {wrong}; nothing was deployed. Use credentials of "
            f"{settings.account}; to deploy from another account that it trusts: -c account={settings.account}"
        )
    return cdk.Environment(
        account=asked or settings.account or here or None,
        region=_text(context, "region") or settings.region or os.environ.get("CDK_DEFAULT_REGION"),
    )
