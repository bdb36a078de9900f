"""`contender mlflow`, which opens a server, run by itself in a project without pipelines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcloud.mlflow_server import MlflowServer
from localcloud.side_environments import TOOLS, tool

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class MlflowCommand:
    """The command while it runs; `address` is what it says the server's is."""

    process: subprocess.Popen[str]
    server: MlflowServer
    address: str

    def press_ctrl_c(self) -> tuple[int, list[str]]:
        """Its exit code and the rest of what it prints, by lines."""
        self.process.send_signal(signal.SIGINT)
        printed, _ = self.process.communicate()
        return self.process.returncode, printed.splitlines()


@contextmanager
def mlflow_command(folder: Path) -> Iterator[MlflowCommand]:
    """Run the command in an empty folder, with the tool's environment of this project, which is made if need be."""
    (folder / "cdk.json").write_text("{}")
    (folder / "pipelines").mkdir()
    (folder / ".contender").mkdir()
    tool("mlflow", PROJECT).python()
    folder.joinpath(*TOOLS).symlink_to(PROJECT.joinpath(*TOOLS))
    command = [sys.executable, "-m", "contender.cli.main", "mlflow"]
    variables = os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("MLflow is at ").partition("/#")[0]
        running = MlflowCommand(process, MlflowServer(folder), address)
        try:
            yield running
        finally:
            if process.poll() is None:
                running.press_ctrl_c()
