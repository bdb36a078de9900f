"""What xdist takes for a worker stands for one that is forked, or is one itself."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fewer_messages import is_read
from tests.forked_workers import ForkedWorkers, worker_command
from tests.worker_client import FORKED

SAYS_SO = ["-u", "-c", "print('an ordinary worker')"]


def started(address: Path) -> subprocess.Popen[str]:
    """As execnet starts a worker: a command and its options, with pipes for input and output."""
    command = [*shlex.split(worker_command(address)), *SAYS_SO]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_worker_that_is_forked_has_the_streams_of_its_stand_in_which_ends_with_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "workers"))
        listener.listen()
        with started(tmp_path / "workers") as process:
            connection, _ = listener.accept()
            with connection:
                _, streams, _, _ = socket.recv_fds(connection, len(FORKED), 3)
                connection.send(FORKED)
                os.write(streams[1], b"a forked worker\n")
                for stream in streams:
                    os.close(stream)
                assert process.poll() is None
            assert process.communicate()[0] == "a forked worker\n"
        assert process.returncode == 0


def test_where_nobody_answers_it_is_an_ordinary_worker(tmp_path: Path) -> None:
    with started(tmp_path / "nobody") as process:
        assert process.communicate()[0] == "an ordinary worker\n"


def test_where_nothing_was_forked_it_is_an_ordinary_worker(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "workers"))
        listener.listen()
        with started(tmp_path / "workers") as process:
            listener.accept()[0].close()
            assert process.communicate()[0] == "an ordinary worker\n"


def test_only_workers_of_this_interpreter_are_forked() -> None:
    here, elsewhere = SimpleNamespace(popen=True, python=None), SimpleNamespace(popen=True, python="python3.14")
    ForkedWorkers("command").pytest_xdist_setupnodes([here, elsewhere])
    assert (here.python, elsewhere.python) == ("command", "python3.14")


SET_UP = {"when": "setup", "outcome": "passed", "sections": [], "duration": 0.001}


@pytest.mark.parametrize(
    "heard",
    [
        {"when": "call"},
        {"outcome": "failed"},
        {"outcome": "skipped"},
        {"sections": [["Captured stdout setup", "said"]]},
        {"duration": 0.005},
    ],
    ids=str,
)
def test_a_worker_is_silent_about_short_set_ups_that_passed_and_about_nothing_else(heard: dict[str, Any]) -> None:
    assert not is_read("testreport", {"data": SET_UP})
    assert is_read("testreport", {"data": SET_UP | heard})
    assert [is_read(name, {}) for name in ("logstart", "logfinish", "workerfinished")] == [False, True, True]
