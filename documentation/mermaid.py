"""Mermaid, which draws the diagrams of the pages in the reader's browser: one file of its npm package."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from localcloud.errors import SideEnvironmentError
from localcloud.side_environments import TOOLS

PACKAGE = "mermaid@11.17.2"
INTEGRITY = "sha512-V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
MEMBER = "package/dist/mermaid.min.js"
FOLDER = Path(__file__).parents[1].joinpath(*TOOLS)
NPM = Path(sys.executable).parent / "npm"


def mermaid(report: Callable[[str], None]) -> Path:
    """The script, fetched once and held to its sha512. Raises SideEnvironmentError where it cannot be fetched."""
    file = FOLDER / f"{PACKAGE}.min.js"
    if file.exists():
        return file
    report(f"fetching {PACKAGE}, once")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        command = [str(NPM), "pack", "--silent", "--pack-destination", folder, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        packed = next(Path(folder).glob("*.tgz"), None)
        if done.returncode or packed is None:
            raise SideEnvironmentError(f"npm could not fetch {PACKAGE}: {done.stderr.strip() or done.returncode}")
        found = "sha512-" + base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if found != INTEGRITY:
            raise SideEnvironmentError(f"what npm fetched as {PACKAGE} is not what is pinned: {found}")
        with tarfile.open(packed) as archive:
            content = archive.extractfile(MEMBER)
            assert content is not None
            draft = Path(folder) / "draft.js"
            draft.write_bytes(content.read())
        draft.replace(file)
    return file
