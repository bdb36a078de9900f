"""What xdist takes for a worker stands for one that is forked, or is one itself."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fewer_messages import LAST, Listener, Teller, is_read
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


def test_where_workers_are_to_be_forked_this_one_is(request: pytest.FixtureRequest) -> None:
    """Else a fault of the server would be seen by nobody: workers that import everything themselves work as well."""
    config = request.config
    is_wanted = hasattr(config, "workerinput") and config.pluginmanager.hasplugin("tests.forked_workers")
    if is_wanted and sys.platform == "linux" and not config.getoption("cov_source", None):
        assert Path(str(sys.modules["__main__"].__file__)).name == "worker_server.py"


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
    assert [is_read(name, {}) for name in ("logstart", "logfinish", "workerfinished")] == [False, False, True]


CALL = SET_UP | {"when": "call", "keywords": {"test_a": 1}}
OVER = {"item_index": 7, "duration": 0.1}


def told(*messages: tuple[str, dict[str, Any]]) -> list[tuple[str, Any]]:
    """What of these messages of a worker comes to the process that spreads the tests."""
    heard: list[tuple[str, Any]] = []
    tell = Teller(lambda name, **content: heard.append((name, content.get("data", content))))
    for name, content in messages:
        tell(name, **content)
    return heard


def test_of_a_test_that_passed_a_worker_sends_one_message() -> None:
    messages = [("logstart", {}), ("testreport", {"data": CALL}), ("testreport", {"data": SET_UP})]
    found = told(*messages, ("logfinish", {}), ("runtest_protocol_complete", OVER))
    assert found == [("testreport", CALL | {"keywords": {}, LAST: True})]


@pytest.mark.parametrize(
    "second", [("testreport", {"data": SET_UP | {"outcome": "failed"}}), ("warning_recorded", {"when": "runtest"})]
)
def test_what_else_is_told_of_a_test_comes_after_its_report_and_before_its_end(second: tuple[str, Any]) -> None:
    found = told(("testreport", {"data": CALL}), second, ("runtest_protocol_complete", OVER))
    assert [name for name, _ in found] == ["testreport", second[0], "runtest_protocol_complete"]
    assert not found[0][1][LAST]


def test_a_test_that_failed_is_told_at_once_with_all_that_is_known() -> None:
    failed = CALL | {"outcome": "failed"}
    assert told(("testreport", {"data": failed})) == [("testreport", failed)]


def test_a_last_report_is_the_end_of_its_test() -> None:
    ended: list[tuple[Any, ...]] = []
    listener = Listener(SimpleNamespace(worker_runtest_protocol_complete=lambda *told: ended.append(told)))
    for is_last in (False, True):
        listener.pytest_runtest_logreport(SimpleNamespace(node="gw0", item_index=7, duration=0.1, **{LAST: is_last}))
    listener.pytest_runtest_logreport(SimpleNamespace(node="gw0", item_index=8, duration=0.1))
    assert ended == [("gw0", 7, 0.1)]
