"""What a tag becomes: the notes of its version, and the refusal of a tag that is not the version."""

from __future__ import annotations

import re
import tomllib

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
