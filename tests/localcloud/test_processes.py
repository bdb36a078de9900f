"""Detached processes: known again by more than their id, and stopped with all they started."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.processes import (
    ProcessRecord,
    is_alive,
    read_record,
    record_of,
    start_detached,
    stop_group,
    stop_recorded,
    wait_until,
)

SECONDS = 20.0


def start(folder: Path, source: str) -> ProcessRecord:
    return start_detached(
        [sys.executable, "-c", source],
        environment=dict(os.environ),
        directory=folder,
        log_file=folder / "log",
        record_file=folder / "one.process.json",
    )


def wait_for_line(folder: Path, text: str) -> None:
    assert wait_until(lambda: text in (folder / "log").read_text(), seconds=SECONDS)


def test_a_process_that_runs_is_alive_and_one_that_has_ended_is_not(tmp_path: Path) -> None:
    record = start(tmp_path, "input()")
    assert wait_until(lambda: not is_alive(record), seconds=SECONDS)
    assert stop_group(record, grace_seconds=SECONDS)


def test_a_process_given_the_id_of_an_ended_one_is_not_taken_for_it_and_not_stopped(tmp_path: Path) -> None:
    record = start(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    wait_for_line(tmp_path, "up")
    stale = replace(record, born="some earlier moment")
    assert not is_alive(stale)
    assert stop_group(stale, grace_seconds=0.1)
    assert is_alive(record)
    stop_group(record, grace_seconds=SECONDS)


def parent_and_child(folder: Path) -> tuple[ProcessRecord, ProcessRecord]:
    child = "import time; time.sleep(60)"
    record = start(
        folder,
        f"import subprocess, sys, time; one = subprocess.Popen([sys.executable, '-c', {child!r}]);"
        "print('child', one.pid, flush=True); time.sleep(60)",
    )
    wait_for_line(folder, "child")
    return record, record_of(int((folder / "log").read_text().split()[1]))


def test_stopping_a_process_stops_the_children_it_leaves_behind(tmp_path: Path) -> None:
    record, child_record = parent_and_child(tmp_path)
    assert is_alive(child_record)
    assert stop_group(record, grace_seconds=SECONDS)
    assert not is_alive(record)
    assert not is_alive(child_record)


def test_children_are_stopped_also_when_their_parent_has_been_killed(tmp_path: Path) -> None:
    record, child_record = parent_and_child(tmp_path)
    os.kill(record.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(record), seconds=SECONDS)
    stop_recorded(tmp_path, grace_seconds=SECONDS)
    assert not is_alive(child_record)
    assert not list(tmp_path.glob("*.process.json"))


def test_a_process_that_ignores_sigterm_is_killed_and_that_is_reported(tmp_path: Path) -> None:
    record = start(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);print('up', flush=True); time.sleep(60)",
    )
    wait_for_line(tmp_path, "up")
    assert not stop_group(record, grace_seconds=0.2)
    assert not is_alive(record)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x", "born": ""}', '{"pid": 1}'])
def test_a_record_file_without_a_record_is_read_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "one.process.json"
    path.write_text(content)
    assert read_record(path) is None
