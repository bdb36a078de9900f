"""What a tag becomes: the notes of its version, and the refusal of a tag that is not the version."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from delivery.errors import DeliveryError


def version_of(pyproject: str, tag: str) -> str:
    """The version that pyproject.toml names.

    Raises DeliveryError where `tag`, if there is one, is another.

    Examples
    --------
    >>> version_of('[project]\\nversion = "1.2.0"', "v1.2.0")
    '1.2.0'
    """
    version = str(tomllib.loads(pyproject)["project"]["version"])
    if tag and tag != f"v{version}":
        raise DeliveryError(
            f"the tag must be v{version}, as pyproject.toml says, but is {tag}; delete the tag, or change the version"
        )
    return version


def check_on_main(root: Path, main: str = "origin/main") -> None:
    """Raise DeliveryError where the commit is not on main: what is not there need not have been reviewed or tested."""
    asked = ["git", "merge-base", "--is-ancestor", "HEAD", main]
    done = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip() or f"the tag's commit is not on {main}"
        raise DeliveryError(f"{why}; only what was merged is released. Delete the tag, and tag a commit of main")


def notes_of(changelog: str, version: str) -> str:
    """The changelog's section of a version, without its heading.

    Raises DeliveryError where it has none, or an empty one.

    Examples
    --------
    >>> notes_of("# Changelog\\n\\n## 1.2.0 (2026-11-30)\\n\\n- faster\\n\\n## 1.1.0\\n\\n- older\\n", "1.2.0")
    '- faster\\n'
    """
    found = re.search(rf"^## {re.escape(version)}\b.*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE)
    if not found or not found[1].strip():
        raise DeliveryError(f"CHANGELOG.md has no section `## {version}` with text; write it before the release")
    return found[1].strip() + "\n"
