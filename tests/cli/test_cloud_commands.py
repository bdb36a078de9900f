"""`up`, `status` and `down` of a folder where nothing was ever up."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Contender


def test_status_of_a_fresh_folder_says_what_to_run_and_makes_nothing(project: Path, contender: Contender) -> None:
    ended = contender("status")
    assert ended.code == 0
    assert ended.out == "the local cloud is down; run `contender up`\n"
    assert not (project / ".contender").exists()


def test_status_as_json_is_one_document(contender: Contender) -> None:
    found = json.loads(contender("status", "--json").out)
    assert found["running"] is False
    assert found["pipelines"] == {}


def test_down_of_a_fresh_folder_does_nothing_twice(project: Path, contender: Contender) -> None:
    assert json.loads(contender("down", "--json").out) == {"running": False}
    assert contender("down").code == 0
    assert not (project / ".contender").exists()
