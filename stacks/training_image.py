"""The container image of training and of the functions that need scipy."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from contender import __version__
from contender.training.fingerprint import code_sha256
from stacks.code_tree import own_packages_in

DOCKERFILE = "training_image/Dockerfile"
PLATFORMS = {"x86_64": ecr_assets.Platform.LINUX_AMD64, "arm64": ecr_assets.Platform.LINUX_ARM64}
# Only what the image copies may change its hash: an edited page of documentation must not rebuild it.
_EXCLUDED = ["*", "!contender", "!lambdas", "!training_image", "contender/cli"]
_CACHES = ["**/__pycache__", "**/*.pyc"]


def training_image_asset(
    scope: Construct, construct_id: str, *, project_root: Path, architecture: str
) -> ecr_assets.DockerImageAsset:
    """The image as an asset of a stack; its content is built and pushed once, however many stacks name it."""
    return ecr_assets.DockerImageAsset(
        scope,
        construct_id,
        directory=str(project_root),
        file=DOCKERFILE,
        exclude=[*_EXCLUDED, *(f"!{name}" for name in own_packages_in(project_root)), *_CACHES],
        ignore_mode=IgnoreMode.DOCKER,
        platform=PLATFORMS[architecture],
        # The labels: a running task can be told from another, and found again in the versions that it made.
        build_args={"VERSION": __version__, "REVISION": code_sha256(project_root)},
    )
