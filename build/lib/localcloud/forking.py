"""Starts Python processes by forking one that has loaded their packages: the client of `fork_server.py`.

To import pandas, pyarrow and boto3 takes a second of CPU time, and scikit-learn with its converters three. A fork
server does it once. What is forked from it starts within milliseconds, and shares the memory of what was loaded.

A forked process finds what an ordinary start would give it: arguments, environment, folder, search path, standard
streams, signals. Where that cannot be had, `ForkServer.start` says so, and the caller starts it in the ordinary way.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

LONGEST_MESSAGE = 1 << 17
LOAD_SECONDS = 120.0
SET_CHILD_SUBREAPER = 36
"""Of Linux's prctl(2): orphans among the descendants become children of this process."""

ROOM = " " * 500
"""The server's last argument: what a forked process is called in lists of processes is written over it."""

READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "GLIBC_", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_", "NPY_", "ARROW_")
"""How the variables begin that the interpreter and native libraries read once, when they are loaded."""


class ForkedProcess:
    """A child process, with the methods of `subprocess.Popen` that need no more than its id."""

    def __init__(
        self, pid: int, stdin: IO[str] | None = None, stdout: IO[str] | None = None, stderr: IO[str] | None = None
    ) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.returncode: int | None = None
        # An id is only sent a signal while it is known to be this process's.
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, minus the signal's number where it died of one; None while it runs."""
        with self._lock:
            return self._poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            When it has not ended in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        delay = 0.0005
        while (code := self.poll()) is None:
            remaining = delay if deadline is None else deadline - time.monotonic()
            if timeout is not None and remaining <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            delay = min(delay * 2, 0.05)
            time.sleep(min(delay, remaining))
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        with self._lock:
            if self._poll() is None:
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class ForkServer:
    """A process that has loaded modules, and forks. It starts when it is first needed, and again when it has died.

    It ends with this process. `environment` is its own: native libraries keep what they read there. Without modules
    there is none, and every start is an ordinary one.

    A process whose folder has modules of a name that is loaded gets an ordinary start; but for those packages of its
    `own` that were loaded from that very folder.
    """

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str], own: Collection[str] = ()) -> None:
        self._modules, self._own = tuple(modules), frozenset(own)
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        # The first names of all modules that are loaded.
        self._loaded: frozenset[str] = frozenset()

    def start(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        streams: Sequence[int],
        new_session: bool = False,
        forks: bool = False,
        with_parent: bool = False,
    ) -> int | None:
        """Fork a child of this process, and answer its id; None where only an ordinary start would be the same.

        Parameters
        ----------
        command : this interpreter, and a file or `-m` and a module.
        streams : file descriptors of its standard input, output and error.
        forks : whether it starts processes of this interpreter by a fork as well. It is taken to compute nothing
            itself: the variables that native libraries read are compared for what it starts, and not for itself.
        with_parent : whether it is killed when this process ends, however that ends.
        """
        same = forks or read_at_start(environment) == read_at_start(self._environment)
        if not (self._modules and can_fork(command) and same):
            return None
        request = {
            "arguments": command[1:],
            "directory": str(directory),
            "environment": dict(environment),
            "new_session": new_session,
            "forks": forks,
            "with_parent": with_parent,
        }
        message = json.dumps(request).encode()
        with self._lock:
            for _ in range(2):  # it may have been killed since the last start
                if not self._is_running() and not self._launch():
                    return None
                if len(message) > LONGEST_MESSAGE or (own_modules(directory) - self._own) & self._loaded:
                    return None
                answer = self._ask(message, streams)
                if answer is not None:
                    return int(answer["pid"])
        return None

    def close(self) -> None:
        """End the server; what it forked is left alone."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """The id of the server's process; None where none was needed yet."""
        return self._process.pid if self._process else None

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _launch(self) -> bool:
        """Start the server and wait until it has loaded the modules; whether it has."""
        self._end()
        become_subreaper()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(LOAD_SECONDS)
        with theirs:
            number = theirs.fileno()
            program = str(Path(__file__).with_name("fork_server.py"))
            self._process = subprocess.Popen(
                [sys.executable, "-P", program, str(number), *self._modules, ROOM],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[number],
            )
        answer = self._receive()
        self._loaded = frozenset(answer["loaded"]) if answer else frozenset()
        return answer is not None

    def _ask(self, message: bytes, streams: Sequence[int]) -> dict[str, Any] | None:
        assert self._socket is not None
        try:
            socket.send_fds(self._socket, [message], streams)
        except OSError:
            self._end()
            return None
        return self._receive()

    def _receive(self) -> dict[str, Any] | None:
        """The server's next answer; None when it has died or hangs, and then it is ended."""
        assert self._socket is not None
        try:
            content = self._socket.recv(LONGEST_MESSAGE)
        except OSError:
            content = b""
        if not content:
            self._end()
            return None
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def become_subreaper() -> None:
    """Be the parent of what descendants leave behind: only a parent learns how a process ended."""
    ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def can_fork(command: Sequence[str]) -> bool:
    """Whether a command is this interpreter with a file or a module, and no other options."""
    if sys.platform != "linux" or len(command) < 2 or command[0] != sys.executable:
        return False
    return len(command) > 2 if command[1] == "-m" else command[1].endswith(".py")


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that count when a process starts, and no more afterwards."""
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}


def own_modules(folder: Path) -> frozenset[str]:
    """The names of modules and packages that lie in a folder."""
    found = set()
    for entry in folder.iterdir():
        if entry.suffix in (".py", ".pyc", ".so") or (entry / "__init__.py").exists():
            found.add(entry.name.partition(".")[0])
    return frozenset(found)
