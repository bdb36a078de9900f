"""The state file: what is written is what is read, and nothing else is taken for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from localcloud.processes import ProcessRecord
from localcloud.state import (
    Omission,
    StackRecord,
    State,
    UnreadableStateError,
    Workspace,
    locked,
    read_state,
    write_state,
)

FULL = State(
    port=4566,
    emulator=ProcessRecord(pid=11, born="tick 5"),
    agent=ProcessRecord(pid=12, born="tick 6"),
    assembly="abc",
    stacks={"one": StackRecord("f1", {"Url": "http://x"}, (Omission("one", "Alarm", "AWS::X::Y", "because"),))},
    stopped_cleanly=True,
)


@pytest.mark.parametrize("state", [FULL, State(port=1)])
def test_what_is_written_is_read_back(tmp_path: Path, state: State) -> None:
    workspace = Workspace(tmp_path)
    write_state(workspace, state)
    assert read_state(workspace) == state
    assert sorted(path.name for path in workspace.folder.iterdir()) == ["state.json"]


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert read_state(Workspace(tmp_path)) is None


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"format": 0}', '{"format": 1, "port": "x"}', '{"format": 1, "port": 1}'],
)
def test_a_file_that_is_not_a_state_is_refused_by_name(tmp_path: Path, content: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.folder.mkdir()
    workspace.state_file.write_text(content)
    with pytest.raises(UnreadableStateError, match=r"state\.json cannot be read"):
        read_state(workspace)


def test_a_second_command_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    waits, enters, order = threading.Event(), threading.Event(), []

    def second() -> None:
        with locked(workspace, waits.set):
            order.append("second")
            enters.set()

    thread = threading.Thread(target=second)
    with locked(workspace, lambda: order.append("first waited")):
        thread.start()
        assert waits.wait(20)
        order.append("first")
    assert enters.wait(20)
    thread.join()
    assert order == ["first", "second"]
