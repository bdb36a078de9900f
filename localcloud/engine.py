"""The container engine, through the `docker` command line.

Every container gets labels that say which project it belongs to; what lacks them is never touched.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from localcloud.errors import EngineError, NoEngineError

PROGRAM = "docker"
ASK_SECONDS = 60.0
WORKSPACE_LABEL = "contender.workspace"
PART_LABEL = "contender.part"

OnLine = Callable[[str], None]


def workspace_labels(root: Path) -> dict[str, str]:
    """The labels of a project's containers: a hash of its folder, which two projects do not share."""
    return {WORKSPACE_LABEL: hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]}


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """A container as it is to be made.

    Attributes
    ----------
    arguments : what follows the image's entry point, or `entry_point` where that is given.
    memory_mib : the hard limit, without swap; what needs more is killed. None leaves it to the machine.
    cpus : how much processor time it may use, in processors.
    """

    image: str
    name: str
    labels: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    entry_point: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    memory_mib: int | None = None
    cpus: float | None = None
    health_check: bool = True


@dataclass(frozen=True)
class Ended:
    """How a container ended. `error` is the engine's own, where it could not start the program."""

    exit_code: int
    out_of_memory: bool
    error: str = ""


class Container(Protocol):
    """A container that was started."""

    @property
    def name(self) -> str:
        """Its name with the engine."""

    @property
    def ended(self) -> Ended | None:
        """How it ended; None while it runs."""

    def stop(self, seconds: float) -> None:
        """SIGTERM now, and SIGKILL after so long; returns at once."""

    def wait(self, seconds: float) -> bool:
        """Whether it ended within that time."""

    def remove(self) -> None:
        """Remove it and its volumes, running or not."""


class Engine(Protocol):
    """What the local cloud asks of a container engine."""

    def run(self, spec: ContainerSpec, log_file: Path) -> Container:
        """Make a container and start it; its output is added to the file.

        Raises
        ------
        EngineError
            When it cannot be made, most of all where its image is not there.
        """

    def image_id(self, tag: str) -> str:
        """The digest of an image; empty where the engine does not have it."""

    def remove_all(self, labels: Mapping[str, str]) -> None:
        """Remove every container that has all these labels, running or not."""


class DockerEngine:
    """An engine behind the `docker` command line."""

    def check(self) -> str:
        """The engine's version.

        Raises
        ------
        NoEngineError
            When there is no `docker`, or no engine answers it.
        """
        if shutil.which(PROGRAM) is None:
            raise NoEngineError(
                "containers need Docker, and there is no `docker` on the PATH; install it, or run `contender up`, "
                "which runs tasks as processes"
            )
        try:
            answer = _run(["version", "--format", "{{.Server.Version}}"])
        except subprocess.TimeoutExpired:
            answer = subprocess.CompletedProcess([], 1, "", f"no answer within {ASK_SECONDS:.0f} s")
        if answer.returncode != 0:
            raise NoEngineError(
                f"containers need a Docker engine, and none answers: {_last_line(answer.stderr)}; start it (Docker "
                "Desktop, `systemctl start docker`, or localcloud/base_image.sh, which starts one), or run `contender "
                "up`, which runs tasks as processes"
            )
        return answer.stdout.strip()

    def image_id(self, tag: str) -> str:
        """See `Engine.image_id`."""
        return _run(["image", "inspect", "--format", "{{.Id}}", tag]).stdout.strip()

    def build(self, context: Path, dockerfile: str, tag: str, *, arguments: Mapping[str, str], on_line: OnLine) -> None:
        """Build an image; each line that the engine prints is handed on.

        Raises
        ------
        EngineError
            When it cannot be built; the message carries the end of what was printed.
        """
        command = [PROGRAM, "build", "--force-rm", "--file", str(context / dockerfile), "--tag", tag]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        printed: list[str] = []
        with subprocess.Popen(
            [*command, str(context)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip():
                    printed.append(line.rstrip())
                    on_line(line.strip())
        if process.returncode != 0:
            raise EngineError("the image could not be built; docker said:\n" + "\n".join(printed[-15:]))

    def run(self, spec: ContainerSpec, log_file: Path) -> DockerContainer:
        """See `Engine.run`."""
        made = _run(create_command(spec, processors=self._processors))
        if made.returncode != 0:
            raise EngineError(_last_line(made.stderr))
        return DockerContainer(made.stdout.strip(), spec.name, log_file)

    def remove_all(self, labels: Mapping[str, str]) -> None:
        """See `Engine.remove_all`."""
        filters = [word for name, value in labels.items() for word in ("--filter", f"label={name}={value}")]
        found = _run(["ps", "--all", "--quiet", *filters]).stdout.split()
        if found:
            _run(["rm", "--force", "--volumes", *found])

    @functools.cached_property
    def _processors(self) -> float:
        """How many processors the engine has; it refuses a container that asks for more."""
        told = _run(["info", "--format", "{{.NCPU}}"]).stdout.strip()
        return float(told) if told.isdigit() else 1.0


class DockerContainer:
    """A container of the engine; its output is followed by a process that ends with it."""

    def __init__(self, identifier: str, name: str, log_file: Path) -> None:
        self._identifier = identifier
        self.name = name
        with log_file.open("ab") as log:
            self._follower = subprocess.Popen(
                [PROGRAM, "start", "--attach", identifier],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal must not reach it: the signal would go on to the container.
                start_new_session=True,
            )
        self._ended: Ended | None = None

    @property
    def ended(self) -> Ended | None:
        """See `Container.ended`."""
        if self._ended is None and self._follower.poll() is not None:
            answer = _run(["inspect", "--format", "{{json .State}}", self._identifier])
            if answer.returncode != 0:
                # Somebody removed it; that it ran is all that is known.
                self._ended = Ended(137, out_of_memory=False, error="the container was removed while it was running")
            elif not (state := json.loads(answer.stdout))["Running"]:
                self._ended = _ended(state)
            else:
                self._follow_again()
        return self._ended

    def stop(self, seconds: float) -> None:
        """See `Container.stop`."""
        subprocess.Popen(
            [PROGRAM, "stop", "--time", str(round(seconds)), self._identifier],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self, seconds: float) -> bool:
        """See `Container.wait`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._follower.wait(seconds)
        return self._follower.poll() is not None

    def remove(self) -> None:
        """See `Container.remove`."""
        _run(["rm", "--force", "--volumes", self._identifier])
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._follower.wait(ASK_SECONDS)

    def _follow_again(self) -> None:
        """The follower was ended, and the container was not: wait for the container itself."""
        self._follower = subprocess.Popen(
            [PROGRAM, "wait", self._identifier],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def create_command(spec: ContainerSpec, *, processors: float) -> list[str]:
    """The arguments of `docker` that make a container: nothing is pulled, and it has no right that it does not need.

    It shares this machine's network, where the emulator listens on the loopback interface and on nothing else. Its root
    file system is read-only; the image declares /tmp as a volume, which is writable and goes with the container.
    """
    command = ["create", "--pull", "never", "--name", spec.name, "--network", "host", "--read-only"]
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    if spec.memory_mib is not None:
        command += ["--memory", f"{spec.memory_mib}m", "--memory-swap", f"{spec.memory_mib}m"]
    if spec.cpus is not None:
        command += ["--cpus", f"{min(spec.cpus, processors):g}"]
    if not spec.health_check:
        command += ["--no-healthcheck"]
    for name, value in spec.labels.items():
        command += ["--label", f"{name}={value}"]
    for name, value in spec.environment.items():
        command += ["--env", f"{name}={value}"]
    program, *arguments = spec.entry_point or ("",)
    if program:
        command += ["--entrypoint", program]
    return [*command, spec.image, *arguments, *spec.arguments]


def _ended(state: Mapping[str, Any]) -> Ended:
    return Ended(int(state["ExitCode"]), out_of_memory=bool(state["OOMKilled"]), error=str(state.get("Error") or ""))


def _run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
        check=False,
    )


def _last_line(text: str) -> str:
    """What an engine says, without the hint at its own help that it ends with."""
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("Run 'docker", "See "))
    ]
    return lines[-1] if lines else "no output"
