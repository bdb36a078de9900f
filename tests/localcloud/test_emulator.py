"""The emulator's process: what it is given, that it starts and stops, and that nothing of it is left."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import emulator
from localcloud.errors import EmulatorError
from localcloud.processes import group_members, is_alive, wait_until
from localcloud.state import Workspace
from tests.localcloud.conftest import Emulator
from tests.localcloud.functions import Functions

CODE = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"


def test_nothing_of_the_users_aws_settings_reaches_functions(tmp_path: Path) -> None:
    inherited = {"PATH": "/bin", "AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "secret", "PYTHONPATH": "/x"}
    made = emulator.environment(Workspace(tmp_path), 4566, inherited)
    assert made["PATH"] == "/bin"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONPATH"} & set(made)
    assert made["BIND_HOST"] == "127.0.0.1"


def test_the_preferred_port_is_taken_when_it_is_free_and_another_when_it_is_not() -> None:
    with socket.socket() as taken:
        taken.bind((emulator.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert emulator.free_port(port) != port
    assert emulator.free_port(port) == port


def test_two_clouds_that_start_at_once_get_two_ports() -> None:
    """Nobody listens on the first one's port yet: without its being reserved, both would take it."""
    with emulator.reserved_port(emulator.free_port()) as first, emulator.reserved_port(first) as second:
        assert first != second
    with emulator.reserved_port(first) as again:
        assert again == first


@pytest.fixture
def other_server() -> Iterator[int]:
    """The port of a web server that is no emulator."""

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'"fine"')

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer((emulator.HOST, 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_another_server_on_the_port_is_not_taken_for_the_emulator(other_server: int) -> None:
    assert not emulator.is_healthy(other_server)


def test_nobody_on_the_port_is_not_taken_for_the_emulator() -> None:
    assert not emulator.is_healthy(emulator.free_port())


def test_an_emulator_that_ends_at_once_is_reported_with_its_log(tmp_path: Path, other_server: int) -> None:
    workspace = Workspace(tmp_path)
    record = emulator.start(workspace, other_server)
    with pytest.raises(EmulatorError, match=r"(?s)ended at once.*already in use"):
        emulator.wait_until_healthy(workspace, record, other_server)


@pytest.mark.emulator
@pytest.mark.parametrize("killed", [False, True])
def test_stopping_leaves_no_process_of_it_running(tmp_path: Path, killed: bool) -> None:
    workspace = Workspace(tmp_path)
    port = emulator.free_port()
    record = emulator.start(workspace, port)
    emulator.wait_until_healthy(workspace, record, port)
    answer = call_new_function(port)
    assert answer["AWS_ENDPOINT_URL"] == emulator.endpoint(port)
    assert len(group_members(record.pid)) == 2  # the emulator, and one worker

    if killed:
        os.kill(record.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(record), seconds=20)
    assert emulator.stop(record)

    assert not is_alive(record)
    assert group_members(record.pid) == []
    assert not emulator.is_healthy(port)


@pytest.mark.emulator
def test_a_function_that_nobody_calls_ends_and_starts_again_when_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "IDLE_FUNCTION_SECONDS", 1)
    workspace = Workspace(tmp_path)
    port = emulator.free_port()
    record = emulator.start(workspace, port)
    try:
        emulator.wait_until_healthy(workspace, record, port)
        call_new_function(port)
        assert wait_until(lambda: len(group_members(record.pid)) == 1, seconds=20)  # the emulator alone
        assert "AWS_ENDPOINT_URL" in Functions(port).call("one")
    finally:
        emulator.stop(record)


@pytest.mark.emulator
def test_only_the_loopback_port_is_opened(shared_emulator: Emulator) -> None:
    port = shared_emulator.port
    assert listening(shared_emulator.record.pid) == {("0100007F", port)}  # 127.0.0.1, as the kernel writes it


@pytest.mark.emulator
def test_packages_that_it_never_uses_are_not_loaded(shared_emulator: Emulator) -> None:
    loaded = Path(f"/proc/{shared_emulator.record.pid}/maps")
    if not loaded.exists():
        pytest.skip("needs /proc")
    libraries = loaded.read_text()
    assert "python" in libraries
    assert [name for name in ("duckdb", "numpy") if name in libraries] == []


def listening(pid: int) -> set[tuple[str, int]]:
    """Addresses on which a process listens, from the kernel's tables."""
    tables = Path(f"/proc/{pid}/net")
    if not tables.exists():
        pytest.skip("needs /proc")
    own = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
    found = set()
    for name in ("tcp", "tcp6"):
        for line in (tables / name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                address, _, number = fields[1].partition(":")
                found.add((address, int(number, 16)))
    return found


def call_new_function(port: int) -> dict[str, str]:
    functions = Functions(port)
    functions.create("one", CODE)
    answer: dict[str, str] = functions.call("one")
    return answer
