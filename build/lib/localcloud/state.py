"""The state of the local cloud between commands: one JSON file, written atomically, and a lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from localcloud.processes import ProcessRecord

REGION = "us-east-1"
ACCOUNT = "000000000000"
# The emulator takes any credentials; an access key of twelve digits would be taken for another account.
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
FOLDER = ".contender"
FORMAT = 1


@dataclass(frozen=True)
class Workspace:
    """Where things are, from the project's root."""

    root: Path

    @property
    def folder(self) -> Path:
        """Everything the local cloud writes; it may be deleted when the cloud is down."""
        return self.root / FOLDER

    @property
    def state_file(self) -> Path:
        """What is running and deployed."""
        return self.folder / "state.json"

    @property
    def lock_file(self) -> Path:
        """Held by the command that starts, deploys or stops."""
        return self.folder / "lock"

    @property
    def emulator_log(self) -> Path:
        """What the emulator and the functions' workers print."""
        return self.folder / "ministack.log"

    @property
    def decisions(self) -> Path:
        """What roles were allowed and refused: lines of JSON."""
        return self.folder / "decisions.jsonl"

    @property
    def agent_log(self) -> Path:
        """What the ECS agent prints."""
        return self.folder / "ecs-agent.log"

    @property
    def data(self) -> Path:
        """The emulator's state between a clean stop and the next start."""
        return self.folder / "data"

    @property
    def temporary(self) -> Path:
        """Temporary files of the emulator: unpacked functions, mostly."""
        return self.folder / "tmp"

    @property
    def tasks(self) -> Path:
        """Logs and process records of ECS tasks, by task id."""
        return self.folder / "tasks"

    @property
    def functions(self) -> Path:
        """What functions print that run from an image."""
        return self.folder / "functions"

    @property
    def function_host(self) -> Path:
        """Where the host of image functions listens."""
        return self.folder / "function-host.json"

    @property
    def metrics(self) -> Path:
        """Samples of metrics, and the states of alarms."""
        return self.folder / "metrics"

    @property
    def alarms_log(self) -> Path:
        """What the process prints that evaluates alarms."""
        return self.folder / "alarms.log"

    @property
    def assembly(self) -> Path:
        """The synthesised CDK app."""
        return self.folder / "cdk.out"


@dataclass(frozen=True)
class Omission:
    """A resource of a template that the emulator cannot deploy, and why."""

    stack: str
    logical_id: str
    resource_type: str
    reason: str


@dataclass(frozen=True)
class StackRecord:
    """A stack as it was last deployed."""

    fingerprint: str
    outputs: dict[str, str]
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True)
class State:
    """Everything that a later command needs to know.

    Attributes
    ----------
    emulator, agent, watcher : ProcessRecord, optional
        None of them when the cloud is down. The watcher evaluates alarms.
    assembly : str
        Hash of the inputs that were last deployed in full; empty while that is under way or has failed.
    stopped_cleanly : bool
        Whether the emulator wrote its state down when it last stopped, so that the next start can continue.
    containers : bool
        Whether training tasks and image functions run as containers.
    parameters : dict
        Values of the stacks' parameters, as of the last deployment after whose changes everything was started.
    """

    port: int
    emulator: ProcessRecord | None = None
    agent: ProcessRecord | None = None
    watcher: ProcessRecord | None = None
    assembly: str = ""
    stacks: dict[str, StackRecord] = field(default_factory=dict)
    stopped_cleanly: bool = False
    containers: bool = False
    parameters: dict[str, str] = field(default_factory=dict)

    def with_stack(self, name: str, record: StackRecord) -> State:
        """The same state with one stack deployed."""
        return replace(self, stacks={**self.stacks, name: record})

    def without_stack(self, name: str) -> State:
        """The same state with one stack deleted."""
        return replace(self, stacks={key: value for key, value in self.stacks.items() if key != name})


class UnreadableStateError(ValueError):
    """Raised when the state file is not what this version writes; whoever reads it carries on without it."""


def read_state(workspace: Workspace) -> State | None:
    """The state, or None when there is none.

    Raises
    ------
    UnreadableStateError
        When the file is there and cannot be used.
    """
    try:
        text = workspace.state_file.read_text("utf-8")
    except FileNotFoundError:
        return None
    try:
        return _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableStateError(
            f"{workspace.state_file} cannot be read ({error!r}); the local cloud counts as not running"
        ) from error


def write_state(workspace: Workspace, state: State) -> None:
    """Replace the state file in one step: a reader sees the old one or the new one, never half of one."""
    workspace.folder.mkdir(parents=True, exist_ok=True)
    draft = workspace.state_file.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"format": FORMAT, **asdict(state)}, indent=1) + "\n", "utf-8")
    draft.replace(workspace.state_file)


@contextlib.contextmanager
def locked(workspace: Workspace, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock; when another command has it, say so through `on_wait` and wait for it to end."""
    workspace.folder.mkdir(parents=True, exist_ok=True)
    (workspace.folder / ".gitignore").write_text("*\n", "utf-8")
    with workspace.lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def discard_data(workspace: Workspace) -> None:
    """Forget what the emulator held: after an unclean end its files contradict each other."""
    for folder in (workspace.data, workspace.temporary, workspace.tasks, workspace.functions, workspace.metrics):
        shutil.rmtree(folder, ignore_errors=True)


def _parse(document: dict[str, Any]) -> State:
    if document["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}, but got {document['format']!r}")
    return State(
        port=int(document["port"]),
        emulator=_process(document["emulator"]),
        agent=_process(document["agent"]),
        watcher=_process(document.get("watcher")),
        assembly=str(document["assembly"]),
        stacks={name: _stack(record) for name, record in document["stacks"].items()},
        stopped_cleanly=bool(document["stopped_cleanly"]),
        containers=bool(document.get("containers", False)),
        parameters={str(name): str(value) for name, value in document.get("parameters", {}).items()},
    )


def _process(record: dict[str, Any] | None) -> ProcessRecord | None:
    return None if record is None else ProcessRecord(pid=int(record["pid"]), born=str(record["born"]))


def _stack(record: dict[str, Any]) -> StackRecord:
    return StackRecord(
        fingerprint=str(record["fingerprint"]),
        outputs={str(key): str(value) for key, value in record["outputs"].items()},
        omissions=tuple(Omission(**one) for one in record["omissions"]),
    )
