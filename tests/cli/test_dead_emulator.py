"""A command whose emulator was killed says so, and what to type."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from contender.cli.main import crash_behind
from localcloud.emulator import DEFAULT_PORT, endpoint
from localcloud.processes import is_alive, record_of, wait_until
from localcloud.state import State, Workspace, write_state

GONE = EndpointConnectionError(endpoint_url=f"{endpoint(DEFAULT_PORT)}/bucket")


@pytest.fixture
def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project whose emulator was killed."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    record = record_of(process.pid)
    write_state(Workspace(tmp_path), State(port=DEFAULT_PORT, emulator=record))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert wait_until(lambda: not is_alive(record), seconds=20)
    (tmp_path / "cdk.json").touch()
    (tmp_path / "pipelines").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_command_under_which_the_emulator_was_killed_says_so_and_what_to_type(crashed: Path) -> None:
    said = crash_behind(GONE)
    assert "the emulator has ended without being stopped; run `contender up`" in said
    assert json.loads(Workspace(crashed).state_file.read_text())["emulator"]


@pytest.mark.parametrize(
    "error", [NoCredentialsError(), EndpointConnectionError(endpoint_url="https://s3.eu-west-1.amazonaws.com/")]
)
def test_an_error_of_aws_is_no_crash_of_the_local_cloud(crashed: Path, error: Exception) -> None:
    assert crash_behind(error) == ""
