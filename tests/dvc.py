"""The real DVC, from an environment of its own, as somebody works with it who has it installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from localcloud.side_environments import tool

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")


def dvc(folder: Path, home: Path, *arguments: str) -> None:
    """`dvc …` in a folder. `home` takes what DVC keeps."""
    program = tool("dvc", ROOT).program("dvc", print)
    variables = {
        **os.environ,
        **{name: str(home / name) for name in PLACES},
        "DVC_NO_ANALYTICS": "1",
        "HOME": str(home),
    }
    done = subprocess.run([program, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pull(folder: Path, home: Path) -> dict[str, bytes]:
    """What `dvc pull` makes of a folder: the data files in it, by their names."""
    dvc(folder, home, "pull")
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
