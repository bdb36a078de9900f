"""A plugin by which pytest-xdist's workers are forked from one process that has imported the tests and what they use.

Each worker would import a thousand modules anew: a fifth of a minute of CPU time. Loaded by `-p tests.forked_workers`.
Where there is nothing to fork from, and with coverage, which counts imports too, workers start in the ordinary way.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLIENT, SERVER = ROOT / "tests/worker_client.py", "tests.worker_server"


class WorkerServer:
    """The process that workers are forked from: it begins to import at once, and ends with this one."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self.address = folder / "workers"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.address))
            listener.listen()
            command = [sys.executable, "-m", SERVER, str(listener.fileno()), *arguments]
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], stdout=subprocess.DEVNULL
            )

    @property
    def python(self) -> str:
        """The interpreter, as xdist takes it, whose process stands for a forked worker's."""
        return shlex.join([sys.executable, "-I", "-S", str(CLIENT), str(self.address)])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class ForkedWorkers:
    """Has xdist start its workers by the server."""

    def __init__(self, server: WorkerServer) -> None:
        self._server = server

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        for spec in specs:
            if spec.popen and not spec.python:
                spec.python = self._server.python


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Where tests are spread over processes, there is a server while they run."""
    spread = config.getoption("numprocesses", 0) and not hasattr(config, "workerinput")
    if not spread or config.getoption("cov_source", None) or sys.platform != "linux":
        return (yield)
    with tempfile.TemporaryDirectory() as folder:
        server = WorkerServer(Path(folder), [os.fspath(each) for each in config.invocation_params.args])
        config.pluginmanager.register(ForkedWorkers(server))
        try:
            return (yield)
        finally:
            server.close()
