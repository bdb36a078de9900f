"""Options and arguments that several commands share."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

import contender
from contender.cli.clouds import LOCAL, Cloud, Workbench, connect, connect_as
from contender.environments.code import own_packages
from contender.errors import NotFoundError
from contender.pipeline.config import PipelineConfig, load_pipeline, pipeline_names

PipelineOption = Annotated[
    str, typer.Option("--pipeline", "-p", help="Name of the pipeline: its file in pipelines/ without .toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
EnvironmentOption = Annotated[
    str, typer.Option("--env", envvar="CONTENDER_ENV", help="Environment: local, or one deployed in AWS (dev, prod).")
]
DEFAULT_ENVIRONMENT = LOCAL
DEFAULT_PREFIX = "contender"


def project_root() -> Path:
    """The project the command is called in, or else the one that this code belongs to.

    Where Contender is an installed package, the code belongs to none: then the nearest folder with pipelines, or here.
    """
    here = Path.cwd()
    around = (here, *here.parents)
    code = Path(contender.__file__).resolve().parents[1]
    projects = [folder for folder in around if (folder / "cdk.json").is_file() and (folder / "pipelines").is_dir()]
    own = [code] if (code / "cdk.json").is_file() else [folder for folder in around if (folder / "pipelines").is_dir()]
    return next(iter((*projects, *own, here)))


def let_own_packages_be_imported() -> None:
    """An estimator or metric of a project that uses Contender as a dependency lies in the project, and not here."""
    root = project_root()
    if own_packages(root) and str(root) not in sys.path:
        sys.path.append(str(root))


def workbench(pipeline: str, environment: str, *, whole_account: bool = False) -> Workbench:
    """What a command on one pipeline works with.

    Parameters
    ----------
    whole_account : the command is for whoever administers the account. Where the local cloud enforces permissions, the
        policies for people do not allow all that it does.

    Raises
    ------
    NotFoundError
        When there is no such pipeline file.
    """
    pipeline_config(pipeline)
    root = project_root()
    cloud = cloud_of(environment, root, whole_account=whole_account)
    return Workbench(cloud, environment, pipeline, stack_prefix(root))


def workbench_as(pipeline: str, environment: str, role: str = "") -> Workbench:
    """The same as a role in another account, where one is given.

    Raises
    ------
    NotFoundError, InvalidInputError
        When there is no such pipeline file, or the role cannot be assumed.
    """
    if role and environment != LOCAL:
        pipeline_config(pipeline)
        return Workbench(connect_as(role), environment, pipeline, stack_prefix(project_root()))
    return workbench(pipeline, environment)


@cache
def cloud_of(environment: str, root: Path, *, whole_account: bool = False) -> Cloud:
    """An environment of a project, reached once: a command may work with all pipelines of it."""
    return connect(
        environment, root, people_stack="" if whole_account else f"{stack_prefix(root)}-{environment}-people"
    )


def stack_prefix(root: Path) -> str:
    """What the names of the project's stacks begin with: context `prefix` of its cdk.json, as for the CDK app."""
    if not (root / "cdk.json").is_file():  # a folder with pipelines alone
        return DEFAULT_PREFIX
    settings = json.loads((root / "cdk.json").read_text(encoding="utf-8"))
    return str(settings.get("context", {}).get("prefix", DEFAULT_PREFIX))


def pipeline_config(pipeline: str) -> PipelineConfig:
    """The pipeline file of this name in the project.

    Raises
    ------
    NotFoundError
        When there is none; the message names those that there are.
    """
    folder = project_root() / "pipelines"
    path = folder / f"{pipeline}.toml"
    if not path.is_file():
        known = ", ".join(pipeline_names(folder)) or "none"
        raise NotFoundError(f"no pipeline {pipeline!r}; pipelines: {known}. Create one with `contender init`")
    return load_pipeline(path)


def all_pipelines() -> list[str]:
    """The names of all pipeline files of the project, sorted."""
    return pipeline_names(project_root() / "pipelines")
