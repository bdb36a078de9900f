"""Runs a contestant's check as a process of its own, on frames that all contestants share."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from benchmarks.environments import PEERS, Contestant
from benchmarks.peers import harness
from localcloud.errors import SideEnvironmentError

ENVIRONMENT = {
    # On a shared machine, threads that wait for each other cost more than they bring; all contestants get one.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


class CannotRunError(Exception):
    """When a contestant's environment cannot be made, or its check fails or takes too long: says so in one line."""


def run(
    verb: Literal["speed", "alarms", "estimates"],
    contestant: Contestant,
    rule: str,
    task: Mapping[str, Any],
    *,
    timeout: float,
) -> Any:
    """What the harness measured for one rule of one contestant.

    Raises
    ------
    CannotRunError
    """
    try:
        python = contestant.python()
    except (OSError, SideEnvironmentError) as error:
        raise CannotRunError(str(error)) from None
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "task.json", Path(folder) / "answer.json"
        whole = {**task, "contestant": contestant.folder, "rules": [rule], "answer": str(answer)}
        asked.write_text(json.dumps(whole))
        command = [str(python), "-P", str(PEERS / "harness.py"), verb, str(asked)]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=timeout, env=os.environ | ENVIRONMENT
            )
        except subprocess.TimeoutExpired:
            raise CannotRunError(f"took longer than {timeout:.0f} s") from None
        except subprocess.CalledProcessError as error:
            told = str(error.stderr).strip().splitlines() or [f"exit code {error.returncode}"]
            raise CannotRunError(f"failed: {told[-1][:200]}") from None
        return json.loads(answer.read_text())[rule]


def alarms_here(contestant: Contestant, rule: str, task: Mapping[str, Any]) -> Any:
    """What `run` answers for `alarms`, in this process: for a contestant without an environment of its own."""
    return harness.count_alarms(harness.rules_of(contestant.folder)[rule], task)
