"""Puts a release where it is installed from: the wheel into CodeArtifact, the images into ECR.

Each part that is there already is left as it is, so that an interrupted release is finished by running it again.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from delivery.errors import DeliveryError

IMAGES = ("training", "serving")
LET_IN = "the role of environment release must be let in (docs/delivery.md)"

Run = Callable[[Sequence[str], str], str]
"""Runs a program with standard input, and answers what it printed. Raises DeliveryError where it fails."""


@dataclass(frozen=True)
class Places:
    """Where a release goes; all of them are variables of the environment `release` on GitHub."""

    domain: str
    repository: str
    registry: str

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Places:
        """Read them. Raises DeliveryError where one is missing."""
        names = ("CODEARTIFACT_DOMAIN", "CODEARTIFACT_REPOSITORY", "ECR_REGISTRY")
        missing = [name for name in names if not variables.get(name)]
        if missing:
            raise DeliveryError(
                f"a release needs {' and '.join(missing)}; set them as variables of environment release "
                "(docs/delivery.md)"
            )
        return cls(*(variables[name] for name in names))


def run(command: Sequence[str], text: str) -> str:
    """Run a program without a shell; secrets are handed over on standard input or in the environment only."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise DeliveryError(
            f"{' '.join(command[:3])} failed with exit code {done.returncode}: {done.stderr[-500:].strip()}"
        )
    return done.stdout


def publish_wheel(wheel: Path, places: Places, codeartifact: Any, call: Run) -> str:
    """Upload a wheel unless it is there, with a token that lasts an hour; the address of the index.

    Raises
    ------
    DeliveryError
        When AWS refuses, or the version is there with other content: a release is never written over.
    """
    asked = {"domain": places.domain, "repository": places.repository}
    try:
        address = str(codeartifact.get_repository_endpoint(**asked, format="pypi")["repositoryEndpoint"])
        there = _published(wheel, asked, codeartifact)
        if there:
            if there != hashlib.sha256(wheel.read_bytes()).hexdigest():
                raise DeliveryError(
                    f"{wheel.name} is in {address} with other content, and a release is never written over; release a "
                    "new version"
                )
            return address
        token = codeartifact.get_authorization_token(domain=places.domain, durationSeconds=3600)["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(f"CodeArtifact refuses: {error}; {LET_IN}") from None
    os.environ.update({"UV_PUBLISH_USERNAME": "aws", "UV_PUBLISH_PASSWORD": token})
    call(["uv", "publish", "--publish-url", address, str(wheel)], "")
    return address


def _published(wheel: Path, asked: Mapping[str, str], codeartifact: Any) -> str:
    """The SHA-256 that CodeArtifact has for a wheel; empty where it has none. `uv` asks for it without a password."""
    name, version = wheel.name.split("-")[:2]
    try:
        listed = codeartifact.list_package_version_assets(**asked, format="pypi", package=name, packageVersion=version)
    except codeartifact.exceptions.ResourceNotFoundException:
        return ""
    return next((str(one["hashes"]["SHA-256"]) for one in listed["assets"] if one["name"] == wheel.name), "")


def publish_images(version: str, places: Places, ecr: Any, call: Run) -> dict[str, str]:
    """Push the images that `make image` built under the version, unless it is there; the digest of each by its name.

    Raises DeliveryError as `publish_wheel` does.
    """
    try:
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        there = {image: _pushed(f"contender-{image}", version, ecr) for image in IMAGES}
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(f"ECR refuses: {error}; {LET_IN}") from None
    user, _, password = base64.b64decode(token).decode().partition(":")
    call(["docker", "login", "--username", user, "--password-stdin", places.registry], password)
    return {image: there[image] or _push(image, version, places.registry, call) for image in IMAGES}


def _pushed(repository: str, version: str, ecr: Any) -> str:
    try:
        found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": version}])["imageDetails"]
    except ecr.exceptions.ImageNotFoundException:
        return ""
    return str(found[0]["imageDigest"])


def _push(image: str, version: str, registry: str, call: Run) -> str:
    repository = f"{registry}/contender-{image}"
    call(["docker", "tag", f"contender-{image}:scan", f"{repository}:{version}"], "")
    call(["docker", "push", f"{repository}:{version}"], "")
    # An image that was pushed elsewhere too has a digest for each place.
    shown = call(["docker", "inspect", "--format", '{{join .RepoDigests "\\n"}}', f"{repository}:{version}"], "")
    return next(line.rpartition("@")[2] for line in shown.splitlines() if line.startswith(f"{repository}@"))


def publish_page(version: str, files: Sequence[Path], notes: Path, call: Run) -> None:
    """Make the release's page on GitHub, of the tag that is there, or complete it.

    Raises DeliveryError where `gh` fails.
    """
    tag, named = f"v{version}", [str(file) for file in files]
    try:
        call(["gh", "release", "create", tag, "--verify-tag", "--title", tag, "--notes-file", str(notes), *named], "")
    except DeliveryError as error:
        if "already exists" not in str(error):
            raise
        call(["gh", "release", "upload", tag, "--clobber", *named], "")
