"""The real DVC, from an environment of its own, as somebody works with it who has it installed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localcloud.side_environments import tool

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
IN_TURN = """
import json, sys
from dvc.cli import main
for arguments in json.loads(sys.argv[1]):
    if main(arguments):
        sys.exit(f"dvc {arguments} failed")
"""


def dvc(folder: Path, home: Path, *commands: Sequence[str]) -> None:
    """`dvc …` in a folder, one command after the other, in one process: it takes seconds to load.

    `home` takes what DVC keeps.
    """
    python = tool("dvc", ROOT).python(print)
    variables = {
        **os.environ,
        **{name: str(home / name) for name in PLACES},
        "DVC_NO_ANALYTICS": "1",
        "HOME": str(home),
    }
    command = [python, "-c", IN_TURN, json.dumps(commands)]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pull(folder: Path, home: Path) -> dict[str, bytes]:
    """What `dvc pull` makes of a folder: the data files in it, by their names."""
    dvc(folder, home, ["pull"])
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
