"""Puts a release where it is installed from: the wheel into CodeArtifact, the images into ECR."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from delivery.errors import DeliveryError

IMAGES = ("training", "serving")

Run = Callable[[Sequence[str], str], str]
"""Runs a program with standard input, and answers what it printed. Raises DeliveryError where it fails."""


@dataclass(frozen=True)
class Places:
    """Where a release goes; all of them are variables of the environment `prod` on GitHub."""

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
                f"a release needs {' and '.join(missing)}; set them as variables of environment prod (docs/delivery.md)"
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
    """Upload a wheel, with a token that lasts an hour; the address of the index.

    Raises
    ------
    DeliveryError
        When AWS refuses, or the version is there already: a release is never written over.
    """
    asked = {"domain": places.domain, "repository": places.repository}
    try:
        address = str(codeartifact.get_repository_endpoint(**asked, format="pypi")["repositoryEndpoint"])
        token = codeartifact.get_authorization_token(domain=places.domain, durationSeconds=3600)["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(f"CodeArtifact refuses: {error}; the role of environment prod must be let in") from None
    os.environ.update({"UV_PUBLISH_USERNAME": "aws", "UV_PUBLISH_PASSWORD": token})
    call(["uv", "publish", "--publish-url", address, str(wheel)], "")
    return address


def publish_images(version: str, places: Places, ecr: Any, call: Run) -> dict[str, str]:
    """Push the images that `make image` built under the version; the digest of each by its name.

    Raises DeliveryError as `publish_wheel` does.
    """
    try:
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        raise DeliveryError(f"ECR refuses: {error}; the role of environment prod must be let in") from None
    user, _, password = base64.b64decode(token).decode().partition(":")
    call(["docker", "login", "--username", user, "--password-stdin", places.registry], password)
    digests = {}
    for image in IMAGES:
        name = f"{places.registry}/contender-{image}:{version}"
        call(["docker", "tag", f"contender-{image}:scan", name], "")
        call(["docker", "push", name], "")
        shown = call(["docker", "inspect", "--format", "{{index .RepoDigests 0}}", name], "")
        digests[image] = shown.strip().rpartition("@")[2]
    return digests
