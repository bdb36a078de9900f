"""The process that workers are forked from: imports the tests as pytest does, then forks for each that asks.

Run as `worker_server.py DESCRIPTOR ARGUMENT…`: that of a listening socket, and pytest's arguments. Only one thread may
run here: a fork copies just the one that forks.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from localcloud.fork_server import Loaded, Start, become, fork
from localcloud.preloaded import VARIABLES
from tests.worker_client import FORKED


class OnlyImports:
    """Modules of tests are imported; nothing in them is collected."""

    def pytest_collection(self, session: pytest.Session) -> None:
        if not session.config.getoption("ignore"):  # of training, whose tests alone need it
            import skops.io  # noqa: F401 - first: it looks through all modules that are loaded before it

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self) -> list[pytest.Item]:
        return []


def import_tests(arguments: Sequence[str]) -> None:
    """A module that cannot be imported is left to the worker, which says why."""
    pytest.main([*arguments, "-n", "0", "--collect-only", "-q", "-p", "no:cacheprovider"], plugins=[OnlyImports()])
    from hypothesis.internal.conjecture.providers import _get_local_constants  # not before pytest, which would warn

    _get_local_constants()  # what Hypothesis would look for in each worker: the constants in all of the project's code


def serve(listener: socket.socket) -> tuple[list[int], int] | None:
    """Fork for each that asks; returns in the children, with the standard streams and the connection, and here when
    the process that started this one has ended."""
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if listener not in ready:
            return None
        asked, _ = listener.accept()
        _, streams, _, _ = socket.recv_fds(asked, len(FORKED), 3)
        if fork() == 0:
            return streams, asked.detach()
        asked.close()
        for stream in streams:
            os.close(stream)


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    os.environ.update(VARIABLES)  # ONNX Runtime has a thread for its telemetry, whose end a fork would wait for
    import_tests(sys.argv[2:])
    if "jsii" in sys.modules:  # its Node.js answers one process only: import what loads it lazily (tests/lazily.py)
        sys.exit("workers are not forked: a module of tests loads the CDK when it is imported")
    gc.collect()
    gc.freeze()  # what is there stays in pages that all workers share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    asked = serve(listener)
    if asked is None:
        return
    streams, connection = asked
    listener.detach()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    loaded = Loaded(frozenset(sys.modules), tuple(sys.path), {})
    os.write(connection, FORKED)
    become(Start(["worker"], str(Path.cwd()), dict(os.environ)), loaded, dict(enumerate(streams)), [connection])
    # What xdist has every worker do: read a line, a program, and be it.
    exec(eval(sys.stdin.readline()), {"__name__": "__main__"})
    leave()


def leave() -> None:
    """End as the interpreter does, but leave the memory to the system: millions of objects are not taken apart."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
