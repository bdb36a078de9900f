"""An MLflow server in its own environment: loopback only, on SQLite and a folder, `.contender/mlflow`.

It lives as long as the command that opened it, which holds a lock: a second command finds it, and one that was killed
leaves a record by which the next stops what it left running.
"""

from __future__ import annotations

import fcntl
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from localcloud.errors import MlflowServerError
from localcloud.processes import (
    RECORD_SUFFIX,
    ProcessRecord,
    is_alive,
    start_detached,
    stop_group,
    stop_recorded,
    wait_until,
)
from localcloud.side_environments import Report, SideEnvironment, say_nothing, tool

PROGRAM = Path(__file__).with_name("mlflow_process.py")
HOST = "127.0.0.1"
START_SECONDS = 180.0
"""Its first start makes the database, on a busy machine for long; one that ends before is noticed at once."""

GRACE_SECONDS = 10.0
ANSWER_SECONDS = 2.0
LAST_CHARACTERS = 500
OWN = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
"""Settings of clients that would turn the server into a client of another."""

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # of language models; each would be a process more
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
}


@dataclass(frozen=True)
class MlflowServer:
    """The server of the project in `root`; `environment` is where it is installed, that of the project by default."""

    root: Path
    environment: SideEnvironment | None = None

    @property
    def folder(self) -> Path:
        return self.root / ".contender" / "mlflow"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def address(self) -> str | None:
        """Where the server answers that another command holds open; None where there is none."""
        if not self.folder.is_dir():
            return None
        with (self.folder / "lock").open("a+") as file:
            if _locked(file):
                return None  # it was free, and is again
            file.seek(0)
            return file.read() or None

    @contextmanager
    def open(self, *, port: int = 0, report: Report = say_nothing) -> Iterator[str]:
        """The server's address, as long as the block runs; afterwards nothing of it runs.

        Parameters
        ----------
        port : 0 takes one that is free.
        report : is told a line a step; the first time the environment is made.

        Raises
        ------
        SideEnvironmentError
            When the environment cannot be made.
        MlflowServerError
            When the server is open already, or does not come up.
        """
        python = (self.environment or tool("mlflow", self.root)).python(report)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as file:
            if not _locked(file):
                file.seek(0)
                raise MlflowServerError(f"MLflow is already open at {file.read() or 'another address'}")
            stop_recorded(self.folder, grace_seconds=GRACE_SECONDS)
            address = f"http://{HOST}:{port or _free_port()}"
            report("starting MLflow")
            server = self._start(python, address)
            try:
                self._wait(server, address)
                file.truncate(0)
                file.write(address)
                file.flush()
                yield address
            finally:
                file.truncate(0)
                stop_group(server, grace_seconds=GRACE_SECONDS)
                self._record.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self.folder / f"server{RECORD_SUFFIX}"

    def _start(self, python: Path, address: str) -> ProcessRecord:
        command = [str(python), "-P", str(PROGRAM), "server", "--host", HOST, "--port", address.rpartition(":")[2]]
        command += ["--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder.resolve() / 'mlflow.db'}"]
        command += ["--artifacts-destination", (self.folder.resolve() / "artifacts").as_uri()]
        self.log.unlink(missing_ok=True)
        return start_detached(
            command,
            environment=_variables(os.environ, python.parent),
            directory=self.folder,
            log_file=self.log,
            record_file=self._record,
        )

    def _wait(self, server: ProcessRecord, address: str) -> None:
        came_up = wait_until(lambda: _answers(address) or not is_alive(server), seconds=START_SECONDS)
        if not came_up or not is_alive(server):
            said = self.log.read_text(errors="replace").strip()[-LAST_CHARACTERS:] if self.log.exists() else ""
            raise MlflowServerError(
                f"MLflow did not start at {address}: {' '.join(said.split()) or 'no output'} ({self.log}); "
                f"choose another --port, or delete {self.folder} and open it again: all runs are copied again"
            )


def _locked(file: IO[str]) -> bool:
    """Whether the lock could be taken; it goes with the file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _variables(ours: Mapping[str, str], programs: Path) -> dict[str, str]:
    kept = {name: value for name, value in ours.items() if name not in OWN}
    return kept | QUIET | {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', '')}"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
