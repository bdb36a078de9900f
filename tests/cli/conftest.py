"""Commands run in this process, in an empty project of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from contender.cli.main import run


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


Contender = Callable[..., Ended]

PIPELINE = """
name = "sales"
task = "binary"
target = "bought"
numeric = ["amount"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one pipeline file and no cloud, which is also the current folder."""
    (tmp_path / "cdk.json").write_text('{"app": "python app.py"}')
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "sales.toml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def contender(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Contender:
    """`contender("runs", "--json")` is `contender runs --json` in that project."""

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["contender", *arguments])
        with pytest.raises(SystemExit) as end:
            run()
        printed = capsys.readouterr()
        return Ended(end.value.code if isinstance(end.value.code, int) else 0, printed.out, printed.err)

    return call
