"""A local cloud in a copy of the project, and its pipelines as the end-to-end tests see them: from outside."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from contender.cli.clouds import LOCAL, Cloud, Workbench, connect
from contender.cli.drill import own_cloud
from contender.errors import NotFoundError
from contender.pipeline.config import PipelineConfig, load_pipeline
from contender.registry.pointer import Pointer, read_pointer
from contender.workflow.run_folder import VALIDATION, RunFolder
from localcloud import cloud, mail
from localcloud.state import Workspace

PROJECT = Path(__file__).resolve().parents[2]
POLL_SECONDS = (0.2, 2.0)
"""The first pause, and the longest: to look costs time that what is waited for needs."""
SHARE_OF_WAIT = 0.2
"""Of the time that somebody has waited, what is added to the next pause."""
SOON = 0.5
"""What the pauses are of these for somebody who waits for what passes."""

START_SECONDS = 60.0
RUN_SECONDS = 240.0

COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""Where coverage.py tells processes that a measured one starts what to measure."""

Found = TypeVar("Found")


def eventually(
    find: Callable[[], Found | None], *, what: str, seconds: float = RUN_SECONDS, pace: float = 1.0
) -> Found:
    """What `find` answers, as soon as it is neither None nor False. `pace` is that of the pauses."""
    since, (shortest, longest) = time.monotonic(), POLL_SECONDS
    while (waited := time.monotonic() - since) < seconds:
        found = find()
        if found:
            return found
        time.sleep(pace * min(longest, shortest + SHARE_OF_WAIT * waited))
    raise AssertionError(f"within {seconds:.0f} s there was no {what}")


def copy_project(to: Path) -> None:
    """The parts of this project that the local cloud and the commands need."""
    own_cloud.copy_project(PROJECT, to)


def decisions(root: Path) -> list[dict[str, Any]]:
    """What the local cloud decided about roles and people: each kind of decision once."""
    file = Workspace(root).decisions
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


@dataclass
class LocalLoop:
    """The running cloud of a copy of the project."""

    root: Path
    _pipelines: dict[str, LivePipeline] = field(default_factory=dict)
    _mails: list[mail.Mail] = field(default_factory=list)
    _made: dict[Callable[[LocalLoop], Any], Future[Any]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)
    _cloud: Cloud | None = None
    _commands: Commands | None = None

    def write_pipeline(self, name: str, text: str) -> None:
        (self.root / "pipelines" / f"{name}.toml").write_text(text, encoding="utf-8")

    def up(self, command: Sequence[str] = ()) -> None:
        """Start the cloud, or deploy what has changed since; by this command where one is given."""
        if command:
            self.contender(*command)
        else:
            cloud.up(self.root, on_event=lambda message: None)
        self.forget_addresses()

    def forget_addresses(self) -> None:
        """A deployment may have changed them."""
        with self._lock:
            self._cloud = None
            self._pipelines.clear()

    def down(self) -> None:
        if self._commands is not None:
            self._commands.close()
        cloud.down(self.root, discard=True)

    def pipeline(self, name: str) -> LivePipeline:
        with self._lock:
            if name not in self._pipelines:
                self._cloud = self._cloud or connect(LOCAL, self.root)
                config = load_pipeline(self.root / "pipelines" / f"{name}.toml")
                self._pipelines[name] = LivePipeline.of(Workbench(self._cloud, LOCAL, name), config)
            return self._pipelines[name]

    def once(self, work: Callable[[LocalLoop], Found]) -> Found:
        """What `work` makes of this cloud. Whoever asks first does it, in the own thread; others wait for it."""
        with self._lock:
            is_first = work not in self._made
            made = self._made.setdefault(work, Future())
        if is_first:
            try:
                made.set_result(work(self))
            except BaseException as error:  # whatever it was, each that asks is to see it
                made.set_exception(error)
        found: Found = made.result()
        return found

    def mails(self, run_id: str) -> list[mail.Mail]:
        """What would have been mailed about a run."""
        with self._lock:
            self._mails += mail.drain_inbox(cloud.connect(self.root))
            return [found for found in self._mails if run_id in found.body]

    def mail_reader(self) -> Callable[[], list[mail.Mail]]:
        """Answers the mails that have come since it was called last; others who read them get them as well."""
        position = 0

        def read() -> list[mail.Mail]:
            nonlocal position
            with self._lock:
                self._mails += mail.drain_inbox(cloud.connect(self.root))
                found = self._mails[position:]
            position += len(found)
            return found

        return read

    def contender(self, *arguments: str, code: int = 0, text: str = "") -> str:
        """What `contender …` prints in the project's folder: on standard output, or on standard error if it fails."""
        with self._lock:
            self._commands = self._commands or Commands(self.root)
        ended, out, err = self._commands.run(arguments, text)
        assert ended == code, f"contender {' '.join(arguments)} ended with {ended}: {err}"
        return out if code == 0 else err


def counted_in(root: Path) -> dict[str, str]:
    """Where coverage is measured, a variable by which a process counts lines of this copy of the project as its own."""
    settings = os.environ.get(COVERAGE)
    if settings is None:
        return {}
    copied = json.loads(base64.b64decode(settings)) | {"source": [str(root)]}
    return {COVERAGE: base64.b64encode(json.dumps(copied).encode()).decode()}


class Commands:
    """Runs `contender …` in a project's folder, each command in a process of its own that has loaded them already."""

    def __init__(self, root: Path) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("command_server.py"))],
            cwd=root,
            env={**os.environ, **counted_in(root), "PYTHONPATH": str(root), "COLUMNS": "100"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ends: dict[int, Future[int]] = {}
        self._lock = threading.Lock()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def run(self, arguments: Sequence[str], text: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command that reads this text."""
        assert self._server.stdin is not None
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "in").write_text(text, encoding="utf-8")
            with self._lock:
                number, end = len(self._ends), Future[int]()
                self._ends[number] = end
                asked = {"number": number, "arguments": list(arguments), "folder": folder}
                self._server.stdin.write(json.dumps(asked) + "\n")
                self._server.stdin.flush()
            code = end.result(RUN_SECONDS)
            out, err = ((Path(folder) / name).read_text(encoding="utf-8") for name in ("out", "err"))
            return code, out, err

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(START_SECONDS)
        self._listener.join(START_SECONDS)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def _listen(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            number, code = map(int, line.split())
            self._ends[number].set_result(code)


@dataclass(frozen=True)
class LivePipeline:
    """A deployed pipeline."""

    bench: Workbench
    config: PipelineConfig
    s3: Any
    step_functions: Any
    _inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    _validated: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, bench: Workbench, config: PipelineConfig) -> LivePipeline:
        """With all clients that it needs: several threads at once cannot make any."""
        _ = bench.data, bench.models, bench.ledger, bench.api_url
        return cls(bench, config, bench.cloud.client("s3"), bench.cloud.client("stepfunctions"))

    @property
    def name(self) -> str:
        return self.config.name

    def upload(self, name: str, body: bytes) -> str:
        """Put a file where S3 tells EventBridge of it; returns its key."""
        key = f"incoming/{self.name}/{name}"
        self.s3.put_object(Bucket=self.bench.data.bucket, Key=key, Body=body)
        return key

    def upload_frame(self, name: str, frame: pd.DataFrame) -> str:
        return self.upload(f"{name}.csv", csv(frame))

    def upload_at_once(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Upload many files concurrently; answers their keys."""
        with ThreadPoolExecutor(len(files)) as pool:
            keys = pool.map(self.upload, files, files.values())
            return dict(zip(files, keys, strict=True))

    def execution_of(self, key: str) -> str:
        """The execution that EventBridge started for an upload."""
        return self.started(self.bench.state_machine_arn, lambda content: content.get("key") == key)

    def started(self, machine: str, is_mine: Callable[[dict[str, Any]], bool]) -> str:
        """The execution of a state machine that was started with such an input, as soon as there is one."""

        def found() -> str | None:
            listed = self.step_functions.list_executions(stateMachineArn=machine, maxResults=100)["executions"]
            for arn in (str(execution["executionArn"]) for execution in listed):
                if arn not in self._inputs:
                    self._inputs[arn] = json.loads(self.input_of(arn))
                if is_mine(self._inputs[arn]):
                    return arn
            return None

        return eventually(found, what=f"execution of {machine}", seconds=START_SECONDS)

    def input_of(self, execution: str) -> str:
        return str(self.step_functions.describe_execution(executionArn=execution)["input"])

    def start(self, content: str) -> str:
        """Start an execution with this input, as EventBridge would."""
        answer = self.step_functions.start_execution(stateMachineArn=self.bench.state_machine_arn, input=content)
        return str(answer["executionArn"])

    def end_of(self, execution: str) -> str:
        """Wait for an execution's end; answers its status."""

        def ended() -> str | None:
            status = str(self.step_functions.describe_execution(executionArn=execution)["status"])
            return None if status == "RUNNING" else status

        return eventually(ended, what=f"end of {execution}")

    def record_of(self, execution: str) -> dict[str, Any]:
        """The record that an execution leaves at its end."""
        self.end_of(execution)
        run_id = execution.rpartition(":")[2]
        found = [record for record in self.records() if record["run_id"] == run_id]
        assert len(found) == 1, f"{execution} left {len(found)} records"
        return found[0]

    def run(self, name: str, frame: pd.DataFrame) -> dict[str, Any]:
        """Upload rows and answer the record of the run that they start."""
        return self.record_of(self.execution_of(self.upload_frame(name, frame)))

    def records(self) -> list[dict[str, Any]]:
        """All runs, newest first."""
        return [dict(record) for record in self.bench.ledger.runs(self.name, limit=10_000)]

    def reports(self, run_id: str) -> dict[str, Any]:
        return RunFolder(self.bench.data, self.name, run_id).reports()

    def files(self) -> dict[str, dict[str, Any]]:
        """What became of each upload, by its key; the run that said so is added."""
        runs = [str(record["run_id"]) for record in reversed(self.records())]
        return {found["key"]: {**found, "run_id": run_id} for run_id in runs for found in self._files_of(run_id)}

    def _files_of(self, run_id: str) -> list[dict[str, Any]]:
        """What became of the uploads that a run took. Of a run that has a record no more becomes."""
        if run_id not in self._validated:
            try:
                report = RunFolder(self.bench.data, self.name, run_id).read(VALIDATION)
            except NotFoundError:
                report = {}
            self._validated[run_id] = list(report.get("files", ()))
        return self._validated[run_id]

    def settle(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Wait until every upload has been dealt with and nothing runs; answers what became of each."""
        wanted = set(keys)
        self.rest()
        eventually(lambda: wanted <= set(self.files()), what=f"word about every upload of {self.name}")
        self.rest()
        files = self.files()
        return {key: files[key] for key in wanted}

    def rest(self) -> None:
        """Wait until no run is at work and nothing waits."""
        eventually(lambda: not self.running() and not self.waiting(), what=f"rest of {self.name}")

    def running(self) -> list[str]:
        found = self.step_functions.list_executions(
            stateMachineArn=self.bench.state_machine_arn, statusFilter="RUNNING"
        )
        return [execution["executionArn"] for execution in found["executions"]]

    def waiting(self) -> list[str]:
        return [batch.key for batch in self.bench.ledger.pending_batches(self.name)]

    def is_leased(self) -> bool:
        return self.bench.ledger.lease(self.name) is not None

    def champion(self) -> Pointer | None:
        state = read_pointer(self.bench.models, self.name)
        return state.pointer if state else None

    def predict(self, *rows: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the serving API over HTTP."""
        answer: dict[str, Any] = self.bench.request("POST", "/v1/predict", {"rows": list(rows)})
        return answer

    def feature_row(self, frame: pd.DataFrame, number: int = 0) -> dict[str, Any]:
        """A row of a file as a backend would send it."""
        row = json.loads(frame.iloc[[number]].to_json(orient="records"))[0]
        return {name: row[name] for name in self.config.features}


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()
