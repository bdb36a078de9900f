"""The code of zip functions as assets of the CDK, which asks for a bundle when there is none of its hash."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from stacks.bundle import PACKAGES, content_hash, write_bundle


@jsii.implements(ILocalBundling)
class PythonBundle:
    """Builds a bundle on this machine when, and only when, the CDK asks for it."""

    def __init__(self, *, project_root: Path, requirements: Path | None, architecture: str) -> None:
        self._project_root = project_root
        self._requirements = requirements
        self._architecture = architecture

    def try_bundle(self, output_dir: str, *_: object, **__: object) -> bool:
        """Write the bundle; a failure is raised, because falling back to Docker would hide it."""
        write_bundle(self._project_root, self._requirements, Path(output_dir), self._architecture)
        return True


@cache
def _hash_of_this_app(project_root: Path, requirements: Path | None, architecture: str) -> str:
    """The hash for all stacks of the app: it reads every source file, and each stack would do so."""
    return content_hash(project_root, requirements, architecture)


def bundled_code(*, project_root: Path, requirements: Path | None, architecture: str) -> lambda_.Code:
    """The code of a zip function: our packages, and the wheels of a requirements file when one is given."""
    return lambda_.Code.from_asset(
        str(project_root / PACKAGES[0]),
        asset_hash=_hash_of_this_app(project_root, requirements, architecture),
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(
            image=DockerImage.from_registry("never-used"),
            local=PythonBundle(project_root=project_root, requirements=requirements, architecture=architecture),
        ),
    )
