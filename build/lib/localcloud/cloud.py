"""The local cloud as commands use it: up, down, status, connection."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from contender.errors import NotRunningError
from localcloud import container_mode, emulator, mail, parameter_changes, synth
from localcloud.assembly import read_assembly
from localcloud.connection import CloudConnection
from localcloud.deployer import Deployer, Deployment, deployment_of
from localcloud.ecs_tasks import KILL_SECONDS
from localcloud.held_state import held_state
from localcloud.processes import (
    RECORD_SUFFIX,
    ProcessRecord,
    is_alive,
    start_detached,
    stop_group,
    stop_recorded,
    wait_until,
)
from localcloud.state import (
    Omission,
    State,
    UnreadableStateError,
    Workspace,
    discard_data,
    locked,
    read_state,
    write_state,
)

AGENT_STOP_SECONDS = 6 * KILL_SECONDS

OnEvent = Callable[[str], None]
BUSY_SECONDS = 20.0
"""In a storm of uploads an answer may take seconds."""

BUSY = (
    f"the emulator runs and has not answered for {BUSY_SECONDS:.0f} s; wait a moment, or run `contender up`, which "
    "waits a minute and then starts it again with what it holds"
)
CRASHED = (
    "the emulator has ended without being stopped; run `contender up`: it restores what the emulator held and goes on "
    "with what was running"
)


@dataclass(frozen=True)
class CloudStatus:
    """What is there, as plain values: `dataclasses.asdict` makes JSON of it.

    Attributes
    ----------
    running : bool
        Whether the emulator answers.
    agent_running : bool
        Whether training tasks would be run.
    alarms_running : bool
        Whether alarms are evaluated.
    complete : bool
        Whether the last deployment went through; not whether files were edited since.
    containers : bool
        Whether training tasks and image functions run as containers, and not as processes.
    """

    running: bool
    message: str
    endpoint_url: str = ""
    region: str = ""
    port: int = 0
    emulator_pid: int = 0
    agent_pid: int = 0
    watcher_pid: int = 0
    agent_running: bool = False
    alarms_running: bool = False
    complete: bool = False
    containers: bool = False
    outputs: dict[str, dict[str, str]] | None = None
    omissions: tuple[Omission, ...] = ()
    logs: tuple[str, ...] = ()


def quiet(_message: str) -> None:
    """Say nothing: for callers whose output is not for people."""


def up(root: Path, on_event: OnEvent = quiet, *, containers: bool | None = None) -> Deployment:
    """Start the local cloud and deploy the project, or only what has changed since it was started.

    With `containers`, training tasks and image functions run as containers; without, as processes. None leaves it as it
    was the last time.

    Raises
    ------
    LocalCloudError
        When the emulator does not start, the app does not synthesise, or a stack fails. What was started
        stays; `up` continues from there and `down` removes it.
    NoEngineError, ImageError
        When containers are asked for and there is no engine, or the image cannot be built or run.
    """
    workspace = Workspace(root.resolve())
    with locked(workspace, lambda: on_event("Another command is starting or stopping the local cloud; waiting")):
        state, restored = _started(workspace, on_event, containers)
        key = synth.inputs_hash(workspace.root, containers=state.containers)
        if state.assembly == key:
            return replace(deployment_of(_watched(workspace, state)), restored=restored)
        # Empty while under way: a deployment that is cut short must not pass for a complete one.
        state = replace(state, assembly="")
        write_state(workspace, state)
        on_event("Synthesising the CDK app")
        assembly = synth.synthesise(workspace, key, containers=state.containers)
        stacks = read_assembly(assembly, workspace.function_host if state.containers else None)
        if state.containers:
            container_mode.prepare(workspace, stacks, endpoint_url=emulator.endpoint(state.port), on_event=on_event)
        deployer = Deployer(
            endpoint_url=emulator.endpoint(state.port),
            on_event=on_event,
            on_state=lambda changed: write_state(workspace, changed),
        )
        state, changed = deployer.deploy(stacks, state)
        mail.open_inbox(_connection(state))
        started = parameter_changes.start(_connection(state).client("stepfunctions"), stacks, state.parameters)
        parameters = parameter_changes.parameters_of(stacks)
        state = replace(_watched(workspace, state), assembly=key, parameters=parameters)
        emulator.keep_everything(state.port)
        write_state(workspace, state)
        return replace(deployment_of(state, changed, [one.content for one in started]), restored=restored)


def down(root: Path, *, discard: bool = False) -> None:
    """Stop the local cloud and all it started. What it held is kept for the next `up`, unless discarded."""
    workspace = Workspace(root.resolve())
    if not workspace.folder.exists():
        return
    with locked(workspace, lambda: None):
        try:
            state = read_state(workspace)
        except UnreadableStateError:
            state = None
        clean = _stop(workspace, state)
        shutil.rmtree(workspace.temporary, ignore_errors=True)
        if discard:
            discard_data(workspace)
            workspace.state_file.unlink(missing_ok=True)
        elif state is not None:
            write_state(workspace, replace(state, emulator=None, agent=None, watcher=None, stopped_cleanly=clean))


def stop_watching(root: Path) -> None:
    """End the watcher of the alarms, for whoever puts their clock forward; the next `up` starts it again."""
    workspace = Workspace(root.resolve())
    with locked(workspace, lambda: None):
        state = read_state(workspace)
        if state is not None and state.watcher is not None:
            stop_group(state.watcher, grace_seconds=KILL_SECONDS)
            write_state(workspace, replace(state, watcher=None))


def status(root: Path) -> CloudStatus:
    """What is running and deployed; never fails and changes nothing."""
    workspace = Workspace(root.resolve())
    try:
        state = read_state(workspace)
    except UnreadableStateError as error:
        return CloudStatus(running=False, message=f"{error}; run `contender up` to start it again")
    if state is None or state.emulator is None:
        return CloudStatus(running=False, message="the local cloud is down; run `contender up`")
    record = state.emulator
    answered = wait_until(lambda: not is_alive(record) or emulator.is_healthy(state.port), seconds=BUSY_SECONDS)
    if not is_alive(record):
        return CloudStatus(running=False, message=CRASHED)
    if not answered:
        return CloudStatus(running=False, message=BUSY)
    agent_running = state.agent is not None and is_alive(state.agent)
    alarms_running = state.watcher is not None and is_alive(state.watcher)
    deployment = deployment_of(state)
    return CloudStatus(
        running=True,
        message=_describe(state, agent_running, alarms_running),
        endpoint_url=emulator.endpoint(state.port),
        region=_connection(state).region,
        port=state.port,
        emulator_pid=state.emulator.pid,
        agent_pid=state.agent.pid if state.agent else 0,
        watcher_pid=state.watcher.pid if state.watcher else 0,
        agent_running=agent_running,
        alarms_running=alarms_running,
        complete=bool(state.assembly),
        containers=state.containers,
        outputs=deployment.outputs,
        omissions=deployment.omissions,
        logs=(str(workspace.emulator_log), str(workspace.agent_log), str(workspace.alarms_log)),
    )


def connect(root: Path) -> CloudConnection:
    """A connection to the local cloud.

    Raises
    ------
    NotRunningError
        When it is not up; the message says why, and what to run.
    """
    found = status(root)
    if not found.running:
        raise NotRunningError(found.message)
    return CloudConnection(port=found.port, outputs=found.outputs or {})


def _describe(state: State, agent_running: bool, alarms_running: bool) -> str:
    if not state.assembly:
        return "the last deployment failed; run `contender up` to continue it"
    if not agent_running:
        return "the agent of training tasks has ended; run `contender up` to restart it"
    if not alarms_running:
        return "the process that evaluates alarms has ended; run `contender up` to restart it"
    return "the local cloud is up" + ("; training and image functions run as containers" if state.containers else "")


def _connection(state: State) -> CloudConnection:
    return CloudConnection(port=state.port, outputs=deployment_of(state).outputs)


def _started(workspace: Workspace, on_event: OnEvent, containers: bool | None) -> tuple[State, str]:
    """The state of a cloud whose emulator and agent run; starts what does not. And what was restored after a crash."""
    restored = ""
    try:
        state = read_state(workspace)
    except UnreadableStateError as error:
        on_event(f"{error}; what it held is kept, and its stacks are looked at again")
        _stop(workspace, None)
        state = None
    wanted = containers if containers is not None else state is not None and state.containers
    if wanted:
        container_mode.check()
    if state is None or not _answers(state):
        state, restored = _start_emulator(workspace, state, on_event)
    if state.containers != wanted:
        state = replace(state, containers=wanted)
        if state.agent is not None:
            stop_group(state.agent, grace_seconds=AGENT_STOP_SECONDS)
    if state.agent is None or not is_alive(state.agent):
        on_event("Starting the agent that runs training tasks")
        stop_recorded(workspace.tasks, grace_seconds=KILL_SECONDS)
        container_mode.clean_up(workspace)
        state = replace(state, agent=_start_agent(workspace, state.port, containers=state.containers))
        write_state(workspace, state)
    return state, restored


def _answers(state: State) -> bool:
    """Whether the emulator runs; one that is busy gets the time of a start before it is given up."""
    record = state.emulator
    if record is None or not is_alive(record):
        return False
    return wait_until(lambda: emulator.is_healthy(state.port), seconds=emulator.START_SECONDS)


def _start_emulator(workspace: Workspace, old: State | None, on_event: OnEvent) -> tuple[State, str]:
    crashed = old is not None and (old.emulator is not None or not old.stopped_cleanly)
    if old is not None and old.emulator is not None:
        on_event("The emulator has ended without being stopped; restoring what it held")
        _stop(workspace, old)
    if not emulator.holds_anything(workspace):
        discard_data(workspace)
        old, crashed = None if old is None else State(port=old.port), False
    base = replace(old, agent=None, watcher=None) if old is not None else None
    with emulator.reserved_port(old.port if old else emulator.DEFAULT_PORT) as port:
        on_event(f"Starting the emulator on {emulator.endpoint(port)}")
        record = emulator.start(workspace, port, permissions=True)
        state = replace(base or State(port=port), port=port, emulator=record, stopped_cleanly=False)
        # Before it is healthy: whoever interrupts us now finds it, and can stop it.
        write_state(workspace, state)
        emulator.wait_until_healthy(workspace, record, port)
    if not crashed:
        return state, ""
    running = emulator.resumed(workspace)
    restored = f"{held_state(_connection(state))}; {running} execution{'s go' if running != 1 else ' goes'} on"
    on_event(f"Restored: {restored}")
    return state, restored


def _start_agent(workspace: Workspace, port: int, *, containers: bool) -> ProcessRecord:
    arguments = ["--endpoint", emulator.endpoint(port), *(["--containers"] if containers else [])]
    return _start(workspace, "localcloud.ecs_agent", arguments, workspace.agent_log, "agent")


def _watched(workspace: Workspace, state: State) -> State:
    """The state of a cloud whose alarms are evaluated. Not before it is deployed: that has the machine to itself."""
    if state.watcher is not None and is_alive(state.watcher):
        return state
    arguments = ["--port", str(state.port)]
    log_file = workspace.alarms_log
    state = replace(state, watcher=_start(workspace, "localcloud.alarms.watcher", arguments, log_file, "alarms"))
    write_state(workspace, state)
    return state


def _start(workspace: Workspace, module: str, arguments: Sequence[str], log_file: Path, name: str) -> ProcessRecord:
    package = Path(__file__).resolve().parent.parent
    search_path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH", ""))))
    return start_detached(
        [sys.executable, "-m", module, *arguments, "--root", str(workspace.root)],
        environment={**os.environ, "PYTHONPATH": search_path},
        directory=workspace.root,
        log_file=log_file,
        record_file=workspace.folder / f"{name}{RECORD_SUFFIX}",
    )


def _stop(workspace: Workspace, state: State | None) -> bool:
    """Stop watcher, agent, tasks and emulator; returns whether what the emulator held has been saved."""
    if state is not None and state.watcher is not None:
        stop_group(state.watcher, grace_seconds=KILL_SECONDS)
    if state is not None and state.agent is not None:
        stop_group(state.agent, grace_seconds=AGENT_STOP_SECONDS)
    stop_recorded(workspace.tasks, grace_seconds=KILL_SECONDS)
    saved = state is not None and state.stopped_cleanly
    if state is not None and state.emulator is not None:
        saved = is_alive(state.emulator) and emulator.stop(state.emulator)
    container_mode.clean_up(workspace)
    # What a lost or unreadable state did not name; after the above there is normally nothing left to stop.
    stop_recorded(workspace.folder, grace_seconds=KILL_SECONDS)
    return saved
