"""The emulator's process: MiniStack on one loopback port, detached, stopped with its children."""

from __future__ import annotations

import contextlib
import fcntl
import http
import http.client
import itertools
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.errors import EmulatorError
from localcloud.preloaded import of_functions
from localcloud.processes import (
    RECORD_SUFFIX,
    ProcessRecord,
    is_alive,
    start_detached,
    stop_group,
    wait_until,
)
from localcloud.state import CREDENTIALS, REGION, Workspace

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
START_SECONDS = 60.0
STOP_SECONDS = 20.0
PROBE_SECONDS = 5.0
LOG_TAIL_LINES = 15
IDLE_FUNCTION_SECONDS = 90
"""A function's process ends after so long without a call: 207 that were kept took 14 GB."""
JOURNAL, REPORT = "journal.sqlite", "restored.json"
HEALTH_PATH = "/_ministack/health"
KEEP_PATH = "/_contender/keep"
"""Writes what nobody has written yet: what stacks are made of while no request waits for it."""
QUEUES_PATH = "/_contender/queues"
"""Answers the attributes of all queues."""
WORK_PATH = "/_contender/work"
"""Answers the tasks that are to run, and the executions that do."""
# Passed on to the emulator and so to every function; anything else (AWS profiles above all) stays outside.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "COVERAGE_PROCESS_CONFIG")
"""The last one is coverage.py's: where tests are measured, so is the emulator."""


def endpoint(port: int) -> str:
    """Address of every service of the emulator."""
    return f"http://{HOST}:{port}"


def free_port(preferred: int | None = None) -> int:
    """A port nobody listens on: the preferred one if free, so that addresses people noted stay valid."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmulatorError(f"no free port on {HOST}; close something that listens, or raise the limit on open files")


@contextlib.contextmanager
def reserved_port(preferred: int) -> Iterator[int]:
    """A port that nobody listens on and on which no other local cloud is starting, for as long as ours starts.

    Of two that found the same port free, one would end up in the other's emulator.
    """
    for wanted in itertools.chain([preferred], itertools.repeat(None)):
        port = free_port(wanted)
        with (Path(tempfile.gettempdir()) / f"contender-{os.getuid()}-port-{port}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            if free_port(port) == port:  # it was started between the look and the lock
                yield port
                return


def start(workspace: Workspace, port: int, *, permissions: bool = False) -> ProcessRecord:
    """Start the emulator's process; it is healthy only once `wait_until_healthy` has returned.

    With `permissions` it checks requests against the deployed roles and policies, as AWS does.
    """
    workspace.temporary.mkdir(parents=True, exist_ok=True)
    (_state_folder(workspace) / REPORT).unlink(missing_ok=True)
    workspace.decisions.unlink(missing_ok=True)
    return start_detached(
        [
            sys.executable,
            "-P",
            str(Path(__file__).with_name("ministack_process.py")),
            *of_functions(workspace.root),
        ],
        environment={**environment(workspace, port, os.environ), "AUTH": str(permissions).lower()},
        # Not the project's root: functions must import what is in their zip, and nothing that lies around.
        directory=workspace.temporary,
        log_file=workspace.emulator_log,
        record_file=workspace.folder / f"emulator{RECORD_SUFFIX}",
    )


def environment(workspace: Workspace, port: int, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the emulator, and through it of every function."""
    folder = workspace.data.resolve()
    return {
        **{name: inherited[name] for name in _INHERITED if name in inherited},
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": REGION,
        **{name.upper(): value for name, value in CREDENTIALS.items()},
        "TMPDIR": str(workspace.temporary.resolve()),
        "CONTENDER_DECISIONS": str(workspace.decisions.resolve()),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(_state_folder(workspace)),
        # As on AWS, where our functions have one processor; threads that wait for each other keep several busy.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LAMBDA_WARM_TTL_SECONDS": str(IDLE_FUNCTION_SECONDS),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        # Listeners beside the gateway, which would be open to the network.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Tasks are the agent's. With Docker in reach the emulator would run them too, and remove containers.
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",
    }


def holds_anything(workspace: Workspace) -> bool:
    """Whether the emulator will find something that it held before."""
    folder = _state_folder(workspace)
    return (folder / JOURNAL).exists() or any(folder.glob("*.json"))  # before there was a journal


def resumed(workspace: Workspace) -> int:
    """How many executions the emulator found running when it started, and goes on with."""
    report = _state_folder(workspace) / REPORT
    wait_until(report.exists, seconds=START_SECONDS)
    return int(json.loads(report.read_text("utf-8"))["executions"]) if report.exists() else 0


def _state_folder(workspace: Workspace) -> Path:
    return workspace.data.resolve() / "state"


def keep_everything(port: int) -> None:
    """Have the journal hold all that there is, stacks and what they are made of included.

    Raises
    ------
    EmulatorError
        When the emulator does not answer, or cannot write.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request("POST", KEEP_PATH)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise EmulatorError(f"the emulator did not keep what was deployed: {error}; run `contender up` again") from None
    finally:
        connection.close()
    if status != http.HTTPStatus.NO_CONTENT:
        raise EmulatorError(f"the emulator could not keep what was deployed (status {status}); is the disk full?")


def queue_attributes(port: int) -> Mapping[str, Mapping[str, str]]:
    """The attributes of each queue, by its name.

    Raises
    ------
    ConnectionError
        When the emulator does not answer.
    """
    found: dict[str, dict[str, str]] = _told(port, QUEUES_PATH)
    return found


@dataclass(frozen=True)
class Work:
    """What is at work in the emulator: the cluster of each task that is to run, by its ARN; executions by theirs."""

    tasks: Mapping[str, str]
    executions: frozenset[str]


def work(port: int) -> Work:
    """What is at work.

    Raises
    ------
    ConnectionError
        When the emulator does not answer.
    """
    found = _told(port, WORK_PATH)
    return Work(found["tasks"], frozenset(found["executions"]))


def _told(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConnectionError(f"the emulator did not answer at {path}: {error}") from None
    finally:
        connection.close()


def wait_until_healthy(workspace: Workspace, record: ProcessRecord, port: int) -> None:
    """Wait until the emulator answers.

    Raises
    ------
    EmulatorError
        When it ends, or has not answered in time; the message carries the end of its log.
    """
    wait_until(lambda: not is_alive(record) or is_healthy(port), seconds=START_SECONDS)
    if is_alive(record) and is_healthy(port):
        return
    what = f"did not answer on {endpoint(port)} within {START_SECONDS:.0f} s" if is_alive(record) else "ended at once"
    raise EmulatorError(f"the emulator {what}; the end of {workspace.emulator_log}:\n{_tail(workspace.emulator_log)}")


def is_healthy(port: int) -> bool:
    """Whether a MiniStack answers on that port (and not some other server that was given it since)."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", HEALTH_PATH)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(answer, dict) and "services" in answer


def stop(record: ProcessRecord) -> bool:
    """Stop the emulator and its functions' workers; returns whether it could write its state down."""
    return stop_group(record, grace_seconds=STOP_SECONDS)


def _tail(path: Path) -> str:
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return "(there is no log)"
    return "\n".join(lines[-LOG_TAIL_LINES:]) or "(the log is empty)"
