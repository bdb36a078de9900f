"""A plugin by which pytest-xdist's workers are forked from one process that has imported the tests and what they use.

Each worker would import some thousand modules anew: a quarter of a minute of CPU time. Loaded by
`-p tests.forked_workers`. Where there is nothing to fork from, and with coverage, which counts imports too, workers
start in the ordinary way.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLIENT, SERVER = ROOT / "tests/worker_client.py", "tests.worker_server"


def worker_command(address: Path) -> str:
    """What xdist takes for an interpreter, and is the stand-in of a worker that is forked."""
    return shlex.join([sys.executable, "-I", "-S", str(CLIENT), str(address)])


@contextmanager
def worker_server(address: Path, arguments: Sequence[str]) -> Iterator[None]:
    """The process that workers are forked from: it begins to import at once, and ends with this one."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", SERVER, str(listener.fileno()), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
    with process:  # closes its standard input, at which it ends
        yield


class ForkedWorkers:
    """Has xdist start its workers by a command."""

    def __init__(self, command: str) -> None:
        self._command = command

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        for spec in specs:
            if spec.popen and not spec.python:
                spec.python = self._command


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Where tests are spread over processes, there is a server while they run."""
    counted = config.getoption("cov_source", None)
    if not config.getoption("numprocesses", 0) or counted or sys.platform != "linux":
        return (yield)
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder, "workers")
        with worker_server(address, [os.fspath(each) for each in config.invocation_params.args]):
            config.pluginmanager.register(ForkedWorkers(worker_command(address)))
            return (yield)
