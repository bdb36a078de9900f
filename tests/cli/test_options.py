"""Where a command finds the project and its stacks."""

from __future__ import annotations

import json
from pathlib import Path

from contender.cli.options import stack_prefix
from tests.lazily import lazily


def test_stacks_are_looked_for_under_the_prefix_that_the_app_gives_them(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"app": "python3 app.py", "context": {"prefix": "acme"}}))
    assert stack_prefix(tmp_path) == "acme"


def test_without_a_prefix_of_its_own_the_command_line_and_the_app_agree(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"app": "python3 app.py"}))
    assert stack_prefix(tmp_path) == lazily("stacks.environment").DEFAULT_PREFIX
