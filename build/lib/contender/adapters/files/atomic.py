"""Writes local files atomically."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there; whoever reads sees none of it before. The folder has to exist.

    Raises
    ------
    OSError
        When it cannot be written; nothing of it is left then.
    """
    unfinished = path.with_name(f"unfinished-{os.urandom(8).hex()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
