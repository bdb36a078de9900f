"""A release is a tag that says the version, notes of it, a wheel and two images; none is ever written over another."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery.errors import DeliveryError
from delivery.publish import Places, publish_images, publish_page, publish_wheel
from delivery.release import check_on_main, notes_of, version_of

ROOT = Path(__file__).parents[3]
PLACES = Places("models", "packages", "123456789012.dkr.ecr.eu-central-1.amazonaws.com")


class Programs:
    """Notes what is run, and what it is handed."""

    def __init__(self, page_is_there: bool = False) -> None:
        self.ran: list[tuple[str, str]] = []
        self.page_is_there = page_is_there

    def __call__(self, command: Sequence[str], text: str) -> str:
        self.ran.append((" ".join(command), text))
        if self.page_is_there and command[:3] == ["gh", "release", "create"]:
            raise DeliveryError("gh release create failed with exit code 1: a release with the same tag already exists")
        if command[:2] != ["docker", "inspect"]:
            return ""
        repository = command[-1].rpartition(":")[0]
        return f"elsewhere.example/contender@sha256:{'b' * 64}\n{repository}@sha256:{'a' * 64}\n"


def not_found(code: str, operation: str) -> type[ClientError]:
    """The exception of an AWS client that is raised by that code."""

    class NotFoundError(ClientError):
        def __init__(self) -> None:
            super().__init__({"Error": {"Code": code, "Message": "not there"}}, operation)

    return NotFoundError


class CodeArtifact:
    """Has one wheel by its content's digest, or none."""

    exceptions = SimpleNamespace(
        ResourceNotFoundException=not_found("ResourceNotFoundException", "ListPackageVersionAssets")
    )

    def __init__(self, refuses: bool = False, there: str = "") -> None:
        self.refuses, self.there = refuses, there

    def get_repository_endpoint(self, **asked: Any) -> dict[str, str]:
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetRepositoryEndpoint")
        assert asked == {"domain": "models", "repository": "packages", "format": "pypi"}
        return {"repositoryEndpoint": "https://models.d.codeartifact/pypi/packages/"}

    def list_package_version_assets(self, **asked: Any) -> dict[str, Any]:
        assert (asked["package"], asked["packageVersion"]) == ("contender", "1.2.0")
        if not self.there:
            raise self.exceptions.ResourceNotFoundException
        return {"assets": [{"name": "contender-1.2.0-py3-none-any.whl", "hashes": {"SHA-256": self.there}}]}

    def get_authorization_token(self, **asked: Any) -> dict[str, str]:
        return {"authorizationToken": "a-token"}


class Ecr:
    """Has the images that were pushed before, by repository."""

    exceptions = SimpleNamespace(ImageNotFoundException=not_found("ImageNotFoundException", "DescribeImages"))

    def __init__(self, *there: str) -> None:
        self.there = there

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:a-password").decode()}]}

    def describe_images(self, **asked: Any) -> dict[str, Any]:
        assert asked["imageIds"] == [{"imageTag": "1.2.0"}]
        if asked["repositoryName"] not in self.there:
            raise self.exceptions.ImageNotFoundException
        return {"imageDetails": [{"imageDigest": f"sha256:{'c' * 64}"}]}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    file = tmp_path / "contender-1.2.0-py3-none-any.whl"
    file.write_bytes(b"a wheel")
    return file


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


def test_no_secret_is_an_argument_of_a_program(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_PUBLISH_USERNAME", "")
    monkeypatch.setenv("UV_PUBLISH_PASSWORD", "")
    run = Programs()
    publish_wheel(wheel, PLACES, CodeArtifact(), run)
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


def test_a_release_that_was_interrupted_is_finished_by_running_it_again(wheel: Path) -> None:
    run = Programs(page_is_there=True)
    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert publish_wheel(wheel, PLACES, CodeArtifact(there=digest), run).endswith("/pypi/packages/")
    digests = publish_images("1.2.0", PLACES, Ecr("contender-training"), run)
    publish_page("1.2.0", [wheel], wheel, run)
    assert digests == {"training": f"sha256:{'c' * 64}", "serving": f"sha256:{'a' * 64}"}
    pushed = [command for command, _ in run.ran if command.startswith(("uv publish", "docker push"))]
    assert pushed == [f"docker push {PLACES.registry}/contender-serving:1.2.0"]
    assert run.ran[-1][0] == f"gh release upload v1.2.0 --clobber {wheel}"


def test_a_version_that_is_there_with_other_content_is_not_written_over(wheel: Path) -> None:
    with pytest.raises(DeliveryError, match=r"is in .* with other content, and a release is never written over"):
        publish_wheel(wheel, PLACES, CodeArtifact(there="f" * 64), Programs())


def test_a_page_that_cannot_be_made_for_another_reason_is_an_error(wheel: Path) -> None:
    def fails(command: Sequence[str], text: str) -> str:
        raise DeliveryError("gh release create failed with exit code 4: no token")

    with pytest.raises(DeliveryError, match="no token"):
        publish_page("1.2.0", [wheel], wheel, fails)


def test_a_tag_of_a_commit_that_was_not_merged_is_refused(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        settings = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *settings, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "merged")
    check_on_main(tmp_path, "main")
    git("checkout", "-q", "-b", "mine")
    git("commit", "-q", "--allow-empty", "-m", "not merged")
    with pytest.raises(DeliveryError, match="the tag's commit is not on main; only what was merged is released"):
        check_on_main(tmp_path, "main")
    with pytest.raises(DeliveryError, match="nowhere"):
        check_on_main(tmp_path, "nowhere")
