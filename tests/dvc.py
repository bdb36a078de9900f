"""The real DVC, from an environment of its own, as somebody works with it who has it installed.

It takes seconds to load: one process of it does, and is forked for whoever asks.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from localcloud.side_environments import tool

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR")
LOADED = """
import json, os, sys
import dvc.cli.parser, dvc.repo.experiments, dvc.repo.index, dvc_data.index, dvc_s3, s3fs

def run(asked):
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    for arguments in asked["commands"]:
        if dvc.cli.main(arguments):
            sys.exit(f"dvc {arguments} failed")

for line in sys.stdin:
    child = os.fork()
    if not child:
        run(json.loads(line))
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs the commands of each line that it reads, in a process of their own, and answers the exit code."""


@cache
def loaded() -> subprocess.Popen[str]:
    """The process that has loaded DVC; it ends with this one."""
    command = [tool("dvc", ROOT).python(print), "-c", LOADED]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(started.communicate)
    return started


def dvc(folder: Path, home: Path, *commands: Sequence[str]) -> None:
    """`dvc …` in a folder, one command after the other. `home` takes what DVC keeps."""
    variables = {
        **os.environ,
        **{name: str(home / name) for name in PLACES},
        "DVC_NO_ANALYTICS": "1",
        "HOME": str(home),
    }
    said = folder.with_name(f"{folder.name} said")
    asked = {"folder": str(folder), "variables": variables, "commands": commands, "said": str(said)}
    process = loaded()
    assert process.stdin
    assert process.stdout
    print(json.dumps(asked), file=process.stdin, flush=True)
    assert process.stdout.readline() == "0\n", said.read_text("utf-8")


def pull(folder: Path, home: Path) -> dict[str, bytes]:
    """What `dvc pull` makes of a folder: the data files in it, by their names."""
    dvc(folder, home, ["pull"])
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
