"""What the commands of `contender env` read of environments and write to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contender.adapters.aws.deployed_stacks import deployed_stacks
from contender.adapters.aws.kms import KmsSigner, KmsVerifier
from contender.adapters.aws.tagged_resources import tagged_resources
from contender.cli.clouds import Cloud, Workbench
from contender.cli.commands.retrain import start_by_hand
from contender.data.datasets import DatasetStore
from contender.environments.differences import (
    Difference,
    champion_differences,
    pipeline_differences,
    setting_differences,
)
from contender.environments.kept import Kept, left_data, left_models, left_stack, outlived
from contender.environments.promotion import check_fits, check_may_enter, read_whole, write_whole_version
from contender.environments.settings import (
    LOCAL,
    EnvironmentSettings,
    check_pipelines_known,
    pipeline_in,
    read_environments,
)
from contender.environments.stacks import stage_of, without_file
from contender.errors import ContenderError, InvalidInputError, NotFoundError
from contender.pipeline.config import PipelineConfig, pipeline_names
from contender.registry.pointer import read_pointer
from contender.registry.signatures import require_signature
from contender.registry.versions import ModelRegistry

Report = Callable[[str], None]


def settings_of_environment(project: Path, name: str, pipelines: Sequence[str]) -> EnvironmentSettings:
    """An environment's settings.

    Raises
    ------
    NotFoundError
        When there is no such environment; PipelineFileError when `environments.toml` is wrong.
    """
    known = read_environments(project)
    if name not in known:
        raise NotFoundError(f"no environment {name!r}; environments: {', '.join(sorted(known))}")
    check_pipelines_known(name, known[name], pipelines)
    return known[name]


def differences(
    configs: Sequence[PipelineConfig],
    settings: tuple[EnvironmentSettings, EnvironmentSettings],
    champions: tuple[Mapping[str, str], Mapping[str, str]],
) -> Iterator[Difference]:
    """How two environments differ: settings, then pipelines, then champions."""
    yield from setting_differences(*settings)
    for config in configs:
        yield from pipeline_differences(config, *settings)
    yield from champion_differences(*champions)


def champions_of(bench_of: Callable[[str], Workbench], pipelines: Sequence[str]) -> dict[str, str]:
    """Each pipeline's champion in an environment; where there is none, why."""
    return {name: _champion(bench_of, name) for name in pipelines}


def _champion(bench_of: Callable[[str], Workbench], pipeline: str) -> str:
    try:
        found = read_pointer(bench_of(pipeline).models, pipeline)
    except ContenderError as error:
        return f"unknown: {error}"
    return found.pointer.champion if found is not None else "none"


@dataclass(frozen=True)
class Entry:
    """What is asked of a promotion: the version, by whom and why; `again` although it was rolled back."""

    version: str
    by: str
    reason: str
    again: bool

    def __post_init__(self) -> None:
        if self.again and not self.reason:
            raise InvalidInputError("--again needs --reason WHY: the version was rolled back before")


@dataclass(frozen=True)
class Entered:
    """A version that was entered as a challenger: what was copied, and the execution that judges it."""

    version: str
    manifest_sha256: str
    files: int
    bytes: int
    execution: str


def enter_version(
    source: Workbench, target: Workbench, config: PipelineConfig, entry: Entry, *, report: Report
) -> Entered:
    """Copy a version to another environment, signed with its key, and start the run that judges it there.

    Parameters
    ----------
    config : the pipeline as it is in the target's environment.

    Raises
    ------
    InvalidInputError, RolledBackError
        When the version serves there, was rolled back there, or does not fit its data; nothing was written.
    IntegrityError
        When a file of the version was changed or it is not signed by the source's key; nothing was written.
    """
    current = read_pointer(target.models, target.pipeline)
    check_may_enter(
        entry.version, current.pointer if current else None, environment=target.environment, again=entry.again
    )
    if entry.version not in ModelRegistry(source.models, source.pipeline).versions():
        raise NotFoundError(
            f"{source.environment} has no version {entry.version} of {source.pipeline}; its champion: "
            f"contender champion --pipeline {source.pipeline} --env {source.environment}"
        )
    report(f"verifying {entry.version} of {source.environment}")
    trust = require_signature(source.signing_key_arn, KmsVerifier(source.cloud.client("kms")).verify)
    found = read_whole(source.models, source.pipeline, entry.version, trust=trust)
    there = frozenset(each.version for each in DatasetStore(target.data, target.pipeline).manifests())
    check_fits(found.model.manifest, config, there)
    report(f"writing {entry.version} to {target.environment}")
    signer = KmsSigner(target.cloud.client("kms"), target.signing_key_arn)
    write_whole_version(found, target.models, target.pipeline, sign=signer.sign)
    why = f"promoted from {source.environment}" + (f", {entry.reason}" if entry.reason else "")
    execution = start_by_hand(
        target,
        challenger=entry.version,
        by=entry.by,
        reason=f"{why}; it was rolled back before" if entry.again else why,
        **({"again": True} if entry.again else {}),
    )
    digest = found.model.manifest_sha256
    return Entered(entry.version, digest, len(found.files), found.bytes, execution)


def config_in(project: Path, environment: str, config: PipelineConfig) -> PipelineConfig:
    """A pipeline as it is in an environment; on the local cloud as its file says."""
    if environment == LOCAL:
        return config
    names = [config.name, *pipeline_names(project / "pipelines")]
    return pipeline_in(config, settings_of_environment(project, environment, names))


def kept_resources(cloud: Cloud, project: str, environment: str, pipelines: Sequence[str]) -> Iterator[Kept]:
    """What an environment keeps beyond its stacks and its pipeline files, with what would remove it for good.

    Parameters
    ----------
    project : what the names of all its stacks begin with, as `contender`.
    pipelines : those that have a file.
    """
    stage = stage_of(project, environment)
    deployed = deployed_stacks(cloud.client("cloudformation"), project, environment)
    tagging = cloud.client("resourcegroupstaggingapi")
    yield from outlived(tagged_resources(tagging, cloud.client("kms"), project, environment), deployed)
    for pipeline, stacks in without_file(deployed, stage, pipelines).items():
        yield from (left_stack(name, pipeline) for name in stacks)
    if f"{stage}-data" in deployed:
        yield from _without_file(cloud, stage, pipelines)


def _without_file(cloud: Cloud, stage: str, pipelines: Sequence[str]) -> Iterator[Kept]:
    """Data and models of pipelines whose file is gone."""
    for left, output, prefix in (
        (left_data, "DataBucketName", "datasets/"),
        (left_models, "ModelBucketName", "models/"),
    ):
        bucket = cloud.find_output(f"{stage}-data", output)
        for pipeline in _folders(cloud.client("s3"), bucket, prefix):
            if pipeline not in pipelines:
                yield left(bucket, pipeline)


def _folders(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
    return [name.removeprefix(prefix).rstrip("/") for name in found]
