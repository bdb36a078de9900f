"""A release is a tag that says the version, notes of it, a wheel and two images; none is ever written over another."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery.errors import DeliveryError
from delivery.publish import Places, publish_images, publish_wheel
from delivery.release import notes_of, version_of

ROOT = Path(__file__).parents[3]
PLACES = Places("models", "packages", "123456789012.dkr.ecr.eu-central-1.amazonaws.com")


class Programs:
    """Notes what is run, and what it is handed."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []

    def __call__(self, command: Sequence[str], text: str) -> str:
        self.ran.append((" ".join(command), text))
        return f"{PLACES.registry}/contender@sha256:{'a' * 64}\n" if "inspect" in command else ""


class CodeArtifact:
    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses

    def get_repository_endpoint(self, **asked: Any) -> dict[str, str]:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetRepositoryEndpoint")
        assert asked == {"domain": "models", "repository": "packages", "format": "pypi"}
        return {"repositoryEndpoint": "https://models.d.codeartifact/pypi/packages/"}

    def get_authorization_token(self, **asked: Any) -> dict[str, str]:
        return {"authorizationToken": "a-token"}


class Ecr:
    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:a-password").decode()}]}


def test_the_changelog_of_this_project_has_notes_for_the_version_of_this_project() -> None:
    version = version_of((ROOT / "pyproject.toml").read_text(encoding="utf-8"), "")
    assert notes_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version).startswith("- ")


def test_a_tag_that_is_another_version_is_refused() -> None:
    with pytest.raises(DeliveryError, match=r"the tag must be v1.2.0, as pyproject.toml says, but is v1.3.0"):
        version_of('[project]\nversion = "1.2.0"', "v1.3.0")


@pytest.mark.parametrize("changelog", ["# Changelog\n", "## 1.2.0\n\n## 1.1.0\n\n- older\n", "## 1.2.01\n\n- other\n"])
def test_a_version_without_notes_is_not_released(changelog: str) -> None:
    with pytest.raises(DeliveryError, match=r"no section `## 1.2.0` with text"):
        notes_of(changelog, "1.2.0")


def test_no_secret_is_an_argument_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PUBLISH_USERNAME", "")
    monkeypatch.setenv("UV_PUBLISH_PASSWORD", "")
    run = Programs()
    publish_wheel(Path("dist/contender-1.2.0-py3-none-any.whl"), PLACES, CodeArtifact(), run)
    digests = publish_images("1.2.0", PLACES, Ecr(), run)
    assert os.environ["UV_PUBLISH_PASSWORD"] == "a-token"
    assert digests == dict.fromkeys(("training", "serving"), f"sha256:{'a' * 64}")
    assert not [command for command, _ in run.ran if "a-token" in command or "a-password" in command]
    assert (f"docker login --username AWS --password-stdin {PLACES.registry}", "a-password") in run.ran
    assert (f"docker push {PLACES.registry}/contender-serving:1.2.0", "") in run.ran


def test_what_is_missing_or_refused_is_named() -> None:
    with pytest.raises(DeliveryError, match="a release needs CODEARTIFACT_REPOSITORY and ECR_REGISTRY"):
        Places.of({"CODEARTIFACT_DOMAIN": "models"})
    with pytest.raises(DeliveryError, match=r"CodeArtifact refuses: .*AccessDenied"):
        publish_wheel(Path("x.whl"), PLACES, CodeArtifact(refuses=True), Programs())
