"""The fork server's process: imports modules once, then forks a child for each request.

Started by `forking.ForkServer` as `fork_server.py DESCRIPTOR MODULE… ROOM`, the descriptor being that of a socket. Only
one thread may run here: a fork copies just the one that forks. So modules are imported and nothing is done with them,
but that boto3's descriptions of services are read, and the code that trains.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from localcloud.forking import LONGEST_MESSAGE, ForkedProcess, can_fork, read_at_start

STREAMS = 3
DESCRIBED = ("s3", "dynamodb", "sns", "kms")
"""The services that most functions and tasks ask; what boto3 reads of them is read before they are forked."""

SET_PARENT_DEATH_SIGNAL = 1
"""Of Linux's prctl(2): the signal that a process gets when its parent ends."""

ADOPTED_SECONDS = 0.0005
COERCED = "LC_CTYPE"
ORDINARY_POPEN = subprocess.Popen


@dataclass(frozen=True)
class Loaded:
    """What every child begins with, whatever its parent has changed since."""

    modules: frozenset[str]
    path: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Start:
    """A process to become: arguments as the interpreter takes them, folder, environment."""

    arguments: Sequence[str]
    directory: str
    environment: Mapping[str, str]
    new_session: bool = False
    forks: bool = False
    with_parent: bool = False


def load(names: Sequence[str]) -> Loaded:
    """Import modules; one that is not installed is left out, as a function that needs it will say itself.

    A folder among the names (an absolute path) is where those after it are looked for first.
    """
    environment, path = dict(os.environ), list(sys.path)
    for name in names:
        if Path(name).is_absolute():
            sys.path.insert(0, name)
            continue
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.path[:] = path
    if "boto3" in sys.modules:
        importlib.import_module("localcloud.descriptions").read_once(*DESCRIBED)
    if fingerprint := sys.modules.get("contender.training.fingerprint"):
        for folder in filter(os.path.isabs, names):  # it remembers what each file imports: 0.3 s of each training
            with contextlib.suppress(OSError, SyntaxError):
                fingerprint.code_sha256(Path(folder))
    foreign = frozenset(name for name in sys.modules if name.partition(".")[0] != "localcloud") - {"__main__"}
    return Loaded(foreign, tuple(sys.path), environment)


def serve(control: socket.socket) -> tuple[Start, list[int]] | None:
    """Fork for each request; returns in the children, with what to become, and here once nobody asks any more."""
    while True:
        try:
            message, streams, _, _ = socket.recv_fds(control, LONGEST_MESSAGE, STREAMS)
        except ConnectionResetError:  # who asked was killed
            return None
        if not message:
            return None
        pid = fork_apart()
        if pid == 0:
            return Start(**json.loads(message)), streams
        control.send(json.dumps({"pid": pid}).encode())
        for stream in streams:
            os.close(stream)


def fork_apart() -> int:
    """Fork a child that is not this process's own; 0 in the child, its id here.

    The process between ends at once. What it leaves becomes a child of the one that asked, which is a subreaper.
    """
    reading, writing = os.pipe()
    between = fork()
    if between == 0:
        me = os.getpid()
        pid = fork()
        if pid == 0:
            while os.getppid() == me:
                time.sleep(ADOPTED_SECONDS)
            return 0
        os.write(writing, str(pid).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(between, 0)
    with os.fdopen(reading, "rb") as answer:
        return int(answer.read())


def fork() -> int:
    """`os.fork` without the warning of Python 3.12: the threads here are native, and their libraries know forks."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return os.fork()


def end_with_parent() -> None:
    """Be killed when the process ends that this one was given to, however that ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended in between
        os._exit(1)


def become(start: Start, loaded: Loaded, streams: Mapping[int, int], kept: Collection[int] = ()) -> None:
    """Make this process what an ordinary start would have made of it.

    Parameters
    ----------
    streams : by the number of a standard stream, the descriptor that it is to be.
    kept : other descriptors that stay open.
    """
    for number, descriptor in streams.items():
        os.dup2(descriptor, number)
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) >= STREAMS and int(entry.name) not in kept:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.close(int(entry.name))
    if start.new_session:
        os.setsid()
    elif start.with_parent:
        end_with_parent()
    os.chdir(start.directory)
    os.environ.clear()
    os.environ.update(start.environment)
    if COERCED in loaded.environment:  # the interpreter sets it where no locale is named (PEP 538)
        os.environ.setdefault(COERCED, loaded.environment[COERCED])
    time.tzset()
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) and number != signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
    subprocess.Popen = ORDINARY_POPEN  # type: ignore[misc]
    for name in set(sys.modules) - loaded.modules:
        del sys.modules[name]
    sys.path[:] = loaded.path
    sys.path_importer_cache.clear()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # its seed was drawn when it was loaded, and all children would have it
    _reopen_streams()
    _rename(start.arguments)


def run(arguments: Sequence[str], directory: str) -> NoReturn:
    """Run a file, or a module after `-m`, as the program of this process, and end it as the interpreter does."""
    code = 0
    try:
        if arguments[0] == "-m":
            sys.argv = list(arguments[1:])
            sys.path.insert(0, directory)
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            sys.path.insert(0, str(Path(arguments[0]).parent))
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        if code and not isinstance(ended.code, int):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    # Threads are waited for, exit functions called and streams flushed, Python's and those of native libraries.
    ctypes.pythonapi.Py_Exit(code)
    raise AssertionError("a process that has ended goes on")


def forking_popen(loaded: Loaded) -> type[subprocess.Popen[Any]]:
    """A `Popen` that forks where a start of this interpreter with the loaded variables is asked for."""

    class ForkingPopen(subprocess.Popen[Any]):
        def __new__(cls, command: Sequence[str], **options: Any) -> Any:
            simple = set(options) == {"env", "pass_fds", "stdin"} and options["stdin"] == subprocess.DEVNULL
            if simple and can_fork(command):
                start = Start(command[1:], str(Path.cwd()), options["env"])
                if read_at_start(start.environment) == read_at_start(loaded.environment):
                    return fork_here(start, loaded, kept=options["pass_fds"])
            return ORDINARY_POPEN(command, **options)

        def __init__(self, *_arguments: object, **_options: object) -> None:
            """Nothing: what `__new__` returns is of another class and complete."""

    return ForkingPopen


def fork_here(start: Start, loaded: Loaded, kept: Collection[int]) -> ForkedProcess:
    """Fork a child of this process, without input and with its output."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = fork()
    if pid:
        return ForkedProcess(pid)
    become(start, loaded, {0: os.open(os.devnull, os.O_RDONLY)}, kept)
    run(start.arguments, start.directory)


def _reopen_streams() -> None:
    """Standard streams without what the parent knew of its own: buffers, positions."""
    for number, (name, mode) in enumerate((("stdin", "rb"), ("stdout", "wb"), ("stderr", "wb"))):
        old = getattr(sys, f"__{name}__")
        buffering = 0 if old.write_through and mode == "wb" else -1
        new = io.TextIOWrapper(
            os.fdopen(number, mode, buffering=buffering, closefd=False),
            encoding=old.encoding,
            errors=old.errors,
            line_buffering=old.line_buffering,
            write_through=old.write_through,
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def _rename(arguments: Sequence[str]) -> None:
    """Be called by these arguments in lists of processes, as far as there is room for them."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    first, last = int(fields[45]), int(fields[46])
    title = b"\0".join(os.fsencode(one) for one in (sys.executable, *arguments))[: last - first - 1]
    ctypes.memmove(first, title.ljust(last - first, b"\0"), last - first)


def main() -> None:
    """Serve until the socket is closed; in a child, be the program that it was forked for."""
    control = socket.socket(fileno=int(sys.argv[1]))
    loaded = load(sys.argv[2:-1])
    names = sorted({name.partition(".")[0] for name in loaded.modules})
    control.send(json.dumps({"loaded": names}).encode())
    # What is there stays in pages that all children share: their collectors leave it alone.
    gc.disable()
    gc.freeze()
    asked = serve(control)
    if asked is None:
        return
    start, streams = asked
    gc.enable()
    control.detach()
    become(start, loaded, dict(enumerate(streams)))
    if start.forks:
        subprocess.Popen = forking_popen(loaded)  # type: ignore[misc, assignment]
    run(start.arguments, start.directory)


if __name__ == "__main__":
    main()
