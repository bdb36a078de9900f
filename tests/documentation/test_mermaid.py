"""What npm fetches counts only if it is what is pinned."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from documentation import mermaid as fetched
from documentation.mermaid import MEMBER, mermaid
from localcloud.errors import SideEnvironmentError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An npm that has one small package, in a project of its own."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo(MEMBER)
        member.size = len(b"draw()")
        archive.addfile(member, io.BytesIO(b"draw()"))
    (tmp_path / "packed").write_bytes(content.getvalue())
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\ncp {tmp_path}/packed "$4/mermaid.tgz"\n')  # npm pack --silent --pack-destination FOLDER
    npm.chmod(0o755)
    monkeypatch.setattr(fetched, "NPM", npm)
    monkeypatch.setattr(fetched, "FOLDER", tmp_path / "tools")
    return content.getvalue()


def test_the_pinned_script_is_fetched_once(package: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    monkeypatch.setattr(fetched, "INTEGRITY", f"sha512-{digest}")
    said: list[str] = []
    assert mermaid(said.append).read_text() == "draw()"
    assert mermaid(said.append).read_text() == "draw()"
    assert len(said) == 1


def test_another_content_is_refused_and_not_kept(package: bytes) -> None:
    with pytest.raises(SideEnvironmentError, match="is not what is pinned: sha512-"):
        mermaid(lambda line: None)
    assert list(fetched.FOLDER.glob("*.js")) == []
