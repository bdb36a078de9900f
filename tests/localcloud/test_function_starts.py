"""Functions that are forked from a loaded process: each sees only its own code, and ends as after an ordinary start."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import emulator
from localcloud.call_slots import MOST_CALLS, MOST_PROCESSES
from localcloud.connection import client
from localcloud.processes import group_members, wait_until
from localcloud.state import Workspace
from tests.localcloud.functions import FunctionFailedError, Functions

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every start is an ordinary one"),
]
SECONDS = 20.0
# MiniStack's own part of a function's process imports botocore, and not boto3.
WHAT_IT_FINDS = """
import os, sys
loaded = "boto3" in sys.modules
import shared
import boto3
def handler(event, context):
    found = {"loaded": loaded, "shared": shared.name, "boto3": boto3.__file__}
    found |= {"pid": os.getpid(), "parent": os.getppid()}
    found["spoilt"] = ["SPOILT" in os.environ, "/spoilt" in sys.path, os.getcwd() == "/"]
    os.environ["SPOILT"] = "1"
    sys.path.insert(0, "/spoilt")
    os.chdir("/")
    return found
"""
ENDS_OR_WAITS = """
import os, time
def handler(event, context):
    if event == "exit":
        os._exit(3)
    if event:
        with open(event, "w") as file:
            file.write(str(os.getpid()) + ".")
        time.sleep(60)
    return os.getpid()
"""

COUNTS = """
import os, time
def handler(event, context):
    time.sleep(0.02)
    with open(event, "a") as file:
        file.write(str(os.getpid()) + chr(10))
"""

CALLS_ITSELF = """
import boto3, json, os
def handler(event, context):
    if event == 0:
        return 0
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    answer = boto3.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event - 1))
    return 1 + json.loads(answer["Payload"].read())
"""

TELLS_WHERE_IT_LIES = """
import os
def handler(event, context):
    if event == "exit":
        os._exit(3)
    import late
    return [os.path.realpath(os.path.dirname(__file__)), late.name]
"""


WHO_LOADED_THE_CORE = """
import os
from contender.answer import answer, loaded_by
def handler(event, context):
    return [answer, loaded_by == os.getpid()]
"""


def code_with_a_core(answer: str) -> dict[str, str]:
    """Modules of a zip whose handlers import the core."""
    return {
        "contender/__init__": "",
        "contender/answer": f"import os\nloaded_by = os.getpid()\nanswer = {answer!r}",
        "lambdas/claim/handler": "from contender.answer import answer",
    }


@dataclass(frozen=True)
class Running:
    """An emulator whose functions are forked, and its functions."""

    pid: int
    functions: Functions

    def fork_server(self) -> int:
        """The process that the functions are forked from: the only one of the emulator's group that no function is."""
        (found,) = (pid for pid in group_members(self.pid) if b"fork_server.py" in command_of(pid))
        return found


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("forking")
    (root / "lambdas").mkdir()
    (root / "lambdas" / "requirements.txt").write_text("boto3==1.0  # any\n")
    port = emulator.free_port()
    record = emulator.start(Workspace(root), port)
    try:
        emulator.wait_until_healthy(Workspace(root), record, port)
        yield Running(record.pid, Functions(port))
    finally:
        emulator.stop(record)


def test_each_function_has_its_own_modules_and_sees_nothing_of_the_ones_before(running: Running) -> None:
    for name in ("first", "second"):
        running.functions.create(name, WHAT_IT_FINDS, shared=f"name = {name!r}")
    for name in ("first", "second"):
        found = running.functions.call(name)
        assert found["loaded"]
        assert found["shared"] == name
        assert found["spoilt"] == [False, False, False]
        assert found["parent"] == running.pid
        assert name.encode() in command_of(found["pid"])
    assert b"boto3" in command_of(running.fork_server())


def test_a_function_that_brings_a_package_of_its_own_gets_that_one(running: Running) -> None:
    running.functions.create("own", WHAT_IT_FINDS, shared="name = 'own'", boto3="")
    found = running.functions.call("own")
    assert not found["loaded"]
    assert "ministack-lambda-own" in found["boto3"]


def test_processes_of_the_same_code_share_a_folder_that_outlives_each_and_keeps_what_is_compiled(
    running: Running,
) -> None:
    for name, late in (("one", "same"), ("two", "same"), ("three", "other")):
        running.functions.create(name, TELLS_WHERE_IT_LIES, late=f"name = {late!r}")
    first = running.functions.call("one")
    with pytest.raises(FunctionFailedError, match="died"):
        running.functions.call("one", "exit")
    assert running.functions.call("two") == running.functions.call("one") == first
    assert first[1] == "same"
    assert [found.name.partition(".")[0] for found in Path(first[0], "__pycache__").glob("late.*.pyc")] == ["late"]
    other = running.functions.call("three")
    assert other[1] == "other"
    assert other[0] != first[0]


def test_a_function_that_ends_its_process_fails_and_works_in_the_next_call(running: Running) -> None:
    running.functions.create("ends", ENDS_OR_WAITS)
    first = running.functions.call("ends")
    with pytest.raises(FunctionFailedError, match="died"):
        running.functions.call("ends", "exit")
    assert running.functions.call("ends") != first


def called_in_a_thread(running: Running, name: str, file: Path) -> tuple[int, threading.Thread, list[Any]]:
    """The process of a call that waits, the thread that called, and what the call came to once the thread has ended."""
    came: list[Any] = []

    def call() -> None:
        try:
            came.append(running.functions.call(name, str(file)))
        except FunctionFailedError as error:
            came.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert wait_until(lambda: file.exists() and file.read_text().endswith("."), seconds=SECONDS)
    return int(file.read_text()[:-1]), thread, came


def test_a_function_that_is_killed_in_a_call_fails_and_works_in_the_next_call(running: Running, tmp_path: Path) -> None:
    running.functions.create("killed", ENDS_OR_WAITS)
    pid, thread, came = called_in_a_thread(running, "killed", tmp_path / "started")
    os.kill(pid, signal.SIGKILL)
    thread.join(SECONDS)
    assert "died" in str(came[0])
    assert running.functions.call("killed") != pid


def test_a_function_that_takes_too_long_is_ended(running: Running, tmp_path: Path) -> None:
    running.functions.create("slow", ENDS_OR_WAITS, seconds=1)
    pid, thread, came = called_in_a_thread(running, "slow", tmp_path / "started")
    thread.join(SECONDS)
    assert "timed out" in str(came[0])
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists(), seconds=SECONDS)


def test_functions_outlive_the_process_they_were_forked_from_and_new_ones_start(
    running: Running, tmp_path: Path
) -> None:
    running.functions.create("before", WHAT_IT_FINDS, shared="name = 'before'")
    running.functions.create("after", WHAT_IT_FINDS, shared="name = 'after'")
    before = running.functions.call("before")
    server = running.fork_server()
    os.kill(server, signal.SIGKILL)
    assert running.functions.call("after")["loaded"]
    assert running.functions.call("before")["pid"] == before["pid"]
    assert running.fork_server() != server


def test_many_calls_at_once_run_in_few_processes_and_each_is_made_once(running: Running, tmp_path: Path) -> None:
    calls, made = 120, tmp_path / "made"
    made.touch()
    running.functions.create("counts", COUNTS)
    functions = client("lambda", emulator.endpoint(running.functions.port))
    for _ in range(calls):
        functions.invoke(FunctionName="counts", InvocationType="Event", Payload=json.dumps(str(made)))
    assert wait_until(lambda: len(made.read_text().split()) >= calls, seconds=60)
    lines = made.read_text().split()
    assert len(lines) == calls
    assert len(set(lines)) <= MOST_CALLS
    assert len(group_members(running.pid)) <= MOST_PROCESSES + 2  # the emulator and its fork server


def test_functions_that_call_functions_end_however_many_there_are(running: Running) -> None:
    """Each holds a slot while it waits for its own call; together they hold all."""
    running.functions.create("recursive", CALLS_ITSELF)
    with ThreadPoolExecutor(2 * MOST_CALLS) as pool:
        answers = list(pool.map(lambda _number: running.functions.call("recursive", 1), range(MOST_CALLS + 1)))
    assert answers == [1] * (MOST_CALLS + 1)


def test_the_core_of_functions_is_loaded_once_for_all_with_the_same_code(running: Running) -> None:
    for name, answer in (("core-1", "first"), ("core-2", "first"), ("core-3", "second")):
        running.functions.create(name, WHO_LOADED_THE_CORE, **code_with_a_core(answer))
        assert running.functions.call(name) == [answer, False]
