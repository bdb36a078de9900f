"""A pipeline of the drill's cloud, as whoever works with it sees it: uploads, runs, commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

import contender
from contender.alarms.table import kind
from contender.cli.clouds import Workbench
from contender.cli.drill.runbooks import commands
from contender.cli.drill.shop import visits
from contender.cli.execution_view import follow, wait_for_execution
from contender.cli.find_run import record_of
from contender.cli.follow_run import START_SECONDS, run_of
from contender.errors import ContenderError
from contender.registry.pointer import Pointer, read_pointer

PROJECT = Path(contender.__file__).resolve().parents[1]
QUIET = Console(quiet=True)
COMMAND = [sys.executable, "-c", "from contender.cli.main import run; run()"]
COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class Scene:
    """One pipeline of the cloud that runs in the folder `root`."""

    bench: Workbench
    root: Path

    def first_champion(self) -> None:
        """Have a champion trained on the first visits.

        Raises
        ------
        ContenderError
            When its run ends otherwise.
        """
        self.has_ended(self.upload("first.csv", visits(0)), "promoted")

    def upload(self, name: str, rows: pd.DataFrame) -> str:
        """Upload rows as a file; answers the execution that it starts."""
        return self.upload_bytes(name, rows.to_csv(index=False).encode())

    def upload_bytes(self, name: str, body: bytes) -> str:
        """Upload a file; answers the execution that it starts."""
        key = self.put(name, body)
        return wait_for_execution(
            self.step_functions,
            self.bench.state_machine_arn,
            is_mine=lambda content: content.get("key") == key,
            seconds=START_SECONDS,
        )

    def put(self, name: str, body: bytes) -> str:
        """Upload a file whatever it starts; answers its key."""
        key = f"incoming/{self.bench.pipeline}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}/{name}"
        self.bench.cloud.client("s3").put_object(Bucket=self.bench.data.bucket, Key=key, Body=body)
        return key

    def has_ended(self, execution: str, *verdicts: str) -> Mapping[str, Any]:
        """Wait for the end of a run; answers its record.

        Raises
        ------
        ContenderError
            When its verdict is another than these.
        """
        follow(self.step_functions, execution, QUIET, quiet=True)
        record = record_of(self.bench, run_of(execution))
        if verdicts and record["verdict"] not in verdicts:
            raise ContenderError(
                f"run {record['run_id']} of {self.bench.pipeline} was to end as {' or '.join(verdicts)}, but ended as "
                f"{record['verdict']}: {record['reason']}"
            )
        return record

    @property
    def step_functions(self) -> Any:
        """The client of the pipeline's state machines."""
        return self.bench.cloud.client("stepfunctions")

    def pointer(self) -> Pointer | None:
        """The champion pointer; None while there is none."""
        found = read_pointer(self.bench.models, self.bench.pipeline)
        return found.pointer if found else None

    def follow_runbook(self, alarm: str) -> None:
        """Type what the runbook of a kind of alarm says, from its first command to its last.

        Raises
        ------
        ContenderError
            When a command fails.
        """
        page = (PROJECT / kind(alarm).runbook).read_text(encoding="utf-8")
        for arguments in commands(page, pipeline=self.bench.pipeline, environment=self.bench.environment):
            self.command(*arguments)

    def command(self, *arguments: str) -> str:
        """What `contender …` prints here, where on-call would type it.

        Raises
        ------
        ContenderError
            When it fails.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "CONTENDER_ENV"}
        ended = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.root,
            env=inherited,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise ContenderError(f"contender {' '.join(arguments)} ended with {ended.returncode}: {ended.stderr}")
        return ended.stdout
