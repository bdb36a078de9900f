"""Forked processes find what an ordinary start would give them, and leave nothing to the next one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contender.training.fingerprint import code_sha256
from localcloud.forking import ForkedProcess, ForkServer
from localcloud.preloaded import of_code
from localcloud.processes import record_of, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every start is an ordinary one")

ENVIRONMENT = {"PATH": "/bin"}
SECONDS = 20.0
PROJECT = Path(__file__).resolve().parents[2]

WHAT_IT_FINDS = """
import json, os, signal, sys
found = {
    "name": __name__,
    "file": __file__,
    "arguments": sys.argv,
    "path": sys.path,
    "folder": os.getcwd(),
    "environment": dict(os.environ),
    "input": sys.stdin.read(),
    "descriptors": sorted(name for name in os.listdir("/proc/self/fd"))[:3],
    "more": len(os.listdir("/proc/self/fd")),
    "handlers": [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)],
    "streams": [(s.encoding, s.errors, s.line_buffering, s.write_through) for s in (sys.stdin, sys.stdout, sys.stderr)],
    "ours": sorted(name for name in sys.modules if name.partition(".")[0] in ("localcloud", "contender")),
    "main": sys.modules["__main__"].__dict__ is globals(),
    "title": open("/proc/self/cmdline").read().rstrip(chr(0)).split(chr(0)),
}
print(json.dumps(found))
print("to the errors", file=sys.stderr)
"""


@dataclass(frozen=True)
class Ended:
    """What a process left."""

    code: int
    output: str
    errors: str


def forked(
    server: ForkServer, command: Sequence[str], folder: Path, environment: Mapping[str, str] = ENVIRONMENT, **how: Any
) -> ForkedProcess:
    """A started process, whose output goes to files of the folder."""
    with (
        (folder / "input").open("w+") as given,
        (folder / "output").open("w") as output,
        (folder / "errors").open("w") as errors,
    ):
        given.write("given\n")
        given.seek(0)
        streams = (given.fileno(), output.fileno(), errors.fileno())
        pid = server.start(
            [sys.executable, *command], directory=folder, environment=environment, streams=streams, **how
        )
    assert pid is not None
    return ForkedProcess(pid)


def by_fork(server: ForkServer, command: Sequence[str], folder: Path, **how: Any) -> Ended:
    code = forked(server, command, folder, **how).wait(SECONDS)
    return Ended(code, (folder / "output").read_text(), (folder / "errors").read_text())


def ordinary(command: Sequence[str], folder: Path, environment: Mapping[str, str] = ENVIRONMENT) -> Ended:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        input="given\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def write(folder: Path, source: str, name: str = "program.py") -> str:
    """A program; its path."""
    (folder / name).write_text(source)
    return str(folder / name)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """One that has loaded numpy and a module of the standard library, beside one that is not there."""
    made = ForkServer(["decimal", "numpy", "no_such_module"], ENVIRONMENT)
    yield made
    made.close()


@pytest.mark.parametrize("command", [["program.py", "one", "two"], ["-m", "program", "one"], ["-m", "package"]])
def test_it_finds_what_an_ordinary_start_gives(server: ForkServer, command: list[str], tmp_path: Path) -> None:
    write(tmp_path, WHAT_IT_FINDS)
    (tmp_path / "package").mkdir()
    write(tmp_path, "", "package/__init__.py")
    write(tmp_path, WHAT_IT_FINDS, "package/__main__.py")
    if command[0].endswith(".py"):
        command[0] = str(tmp_path / command[0])
    expected, found = ordinary(command, tmp_path), by_fork(server, command, tmp_path)
    assert json.loads(found.output) == json.loads(expected.output)
    assert (found.code, found.errors) == (expected.code, expected.errors)


def test_a_module_of_a_folder_is_loaded_once_and_the_folder_is_on_no_search_path(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    write(code, "import os\nloaded_by = os.getpid()", "ours.py")
    server = ForkServer([str(code), "ours"], ENVIRONMENT)
    program = write(tmp_path, "import ours, sys\nprint(ours.__file__, ours.loaded_by, sys.path)")
    file, pid, path = by_fork(server, [program], tmp_path).output.split(maxsplit=2)
    assert (file, int(pid)) == (str(code / "ours.py"), server.pid)
    assert str(code) not in path
    server.close()


WRITES_CODE_DOWN = """
import pathlib, sys
import contender.training.fingerprint as fingerprint
before = fingerprint._imported.cache_info().misses
print(fingerprint.code_sha256(pathlib.Path(sys.argv[1])), fingerprint._imported.cache_info().misses - before)
"""


def test_the_code_that_trains_is_read_before(tmp_path: Path) -> None:
    """A project's, whose training has one file that imports another."""
    for name in ("training_image", "contender/training"):
        (tmp_path / name).mkdir(parents=True)
    fingerprint = Path("contender/training/fingerprint.py")
    shutil.copy(PROJECT / fingerprint, tmp_path / fingerprint)
    write(tmp_path / "training_image", "import contender.training.fingerprint", "train.py")
    server = ForkServer([str(tmp_path), "contender.training.fingerprint"], ENVIRONMENT)
    found = by_fork(server, [write(tmp_path, WRITES_CODE_DOWN), str(tmp_path)], tmp_path)
    server.close()
    assert (found.errors, found.output) == ("", f"{code_sha256(tmp_path)} 0\n")


def test_of_functions_code_the_core_is_loaded_and_nothing_beside_the_handlers(tmp_path: Path) -> None:
    handler = tmp_path / "lambdas" / "claim" / "handler.py"
    handler.parent.mkdir(parents=True)
    handler.write_text("import os\n\nfrom contender.steps.claim import claim\nfrom lambdas.step import logger\n")
    assert of_code(tmp_path) == ()
    (tmp_path / "contender").mkdir()
    assert of_code(tmp_path) == (str(tmp_path), "contender.steps.claim")


def test_unbuffered_streams_and_a_locale_are_so_in_a_forked_process_as_well(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}
    server = ForkServer(["decimal"], environment)
    program = write(tmp_path, WHAT_IT_FINDS)
    expected = json.loads(ordinary([program], tmp_path, environment).output)
    assert json.loads(by_fork(server, [program], tmp_path, environment=environment).output) == expected
    server.close()


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(3)",
        "sys.exit('words')",
        "sys.exit()",
        "os._exit(7)",
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "raise ValueError('no')",
        "atexit.register(print, 'at its exit')",
        "threading.Timer(0.1, print, ['from a thread']).start()",
        "sys.stdout.write('no end of line')",
    ],
)
def test_it_ends_as_it_would_have_ended(server: ForkServer, ending: str, tmp_path: Path) -> None:
    program = write(tmp_path, f"import atexit, os, signal, sys, threading\nprint('here', flush=True)\n{ending}\n")
    expected, found = ordinary([program], tmp_path), by_fork(server, [program], tmp_path)
    assert (found.code, found.output) == (expected.code, expected.output)
    assert found.errors.splitlines()[-1:] == expected.errors.splitlines()[-1:]


def test_what_one_process_changes_the_next_one_does_not_see(server: ForkServer, tmp_path: Path) -> None:
    spoiling = "import decimal, os, sys\nos.environ['A'] = 'spoilt'\nos.chdir('/')\nsys.path.insert(0, '/spoilt')\n"
    spoiling += "decimal.Decimal = None\nsys.modules['spoilt'] = sys\nos.close(0)\n"
    assert by_fork(server, [write(tmp_path, spoiling)], tmp_path).code == 0
    asking = "import decimal, os, sys\nprint('A' in os.environ, os.getcwd(), '/spoilt' in sys.path, decimal.Decimal(1),"
    asking += " 'spoilt' in sys.modules)"
    assert by_fork(server, [write(tmp_path, asking)], tmp_path).output.split() == [
        *("False", str(tmp_path), "False", "1", "False")
    ]


def test_two_programs_with_modules_of_the_same_name_get_their_own(server: ForkServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path, f"name = {name!r}", f"{name}/shared.py")
        write(tmp_path, "import shared\nprint(shared.name)", f"{name}/program.py")
    for name in ("one", "two", "one"):
        folder = tmp_path / name
        assert by_fork(server, [str(folder / "program.py")], folder).output.strip() == name


def test_random_numbers_are_each_process_s_own(server: ForkServer, tmp_path: Path) -> None:
    program = write(tmp_path, "import numpy, random\nprint(numpy.random.rand(), random.random())")
    first, second = (by_fork(server, [program], tmp_path).output.split() for _ in range(2))
    assert not set(first) & set(second)


ASKS_S3 = """
import json, sys
read = []
sys.addaudithook(lambda event, given: read.append(str(given[0])) if event == "open" else None)
import boto3
client = boto3.client("s3", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
described = [name for name in read if "/data/" in name and ".json" in name]
print(json.dumps([client.meta.endpoint_url, client.meta.service_model.operation_names, bool(described)]))
"""


def test_its_clients_are_the_usual_ones_and_their_descriptions_were_read_before(tmp_path: Path) -> None:
    server, program = ForkServer(["boto3"], ENVIRONMENT), write(tmp_path, ASKS_S3)
    found = by_fork(server, [program], tmp_path)
    server.close()
    assert found.errors == ""
    *by_a_fork, read_then = json.loads(found.output)
    *by_itself, read_by_itself = json.loads(ordinary([program], tmp_path).output)
    assert by_a_fork == by_itself
    assert (read_then, read_by_itself) == (False, True)


def test_a_killed_server_takes_no_process_with_it_and_is_there_again_for_the_next(tmp_path: Path) -> None:
    server = ForkServer(["decimal"], ENVIRONMENT)
    (tmp_path / "two").mkdir()
    waiting = forked(server, [write(tmp_path, "import time\nprint('up', flush=True)\ntime.sleep(60)")], tmp_path)
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert by_fork(server, [write(tmp_path, "print('here')", "two/program.py")], tmp_path / "two").output == "here\n"
    assert server.pid != first
    assert waiting.poll() is None
    assert wait_until(lambda: (tmp_path / "output").read_text() == "up\n", seconds=SECONDS)
    waiting.terminate()
    assert waiting.wait(SECONDS) == -signal.SIGTERM
    server.close()


def test_a_server_does_not_outlive_the_process_that_needed_it(tmp_path: Path) -> None:
    program = f"""
import os, sys
from pathlib import Path
from localcloud.forking import ForkServer
server = ForkServer(["decimal"], {ENVIRONMENT!r})
folder = Path({str(tmp_path)!r})
server.start([sys.executable, "/none.py"], directory=folder, environment={ENVIRONMENT!r}, streams=(0, 2, 2))
print(server.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert wait_until(lambda: not record_of(int(done.stdout)).born, seconds=SECONDS)


def refused(server: ForkServer, command: Sequence[str], folder: Path, **variables: str) -> bool:
    environment = {**ENVIRONMENT, **variables}
    pid = server.start(command, directory=folder, environment=environment, streams=(0, 1, 2))
    return pid is None


def test_what_would_not_be_the_same_is_started_in_the_ordinary_way(server: ForkServer, tmp_path: Path) -> None:
    program = write(tmp_path, "pass")
    assert refused(server, ["/bin/true"], tmp_path)
    assert refused(server, [sys.executable, "-u", program], tmp_path)
    assert refused(server, [sys.executable, program], tmp_path, OPENBLAS_NUM_THREADS="2")
    assert refused(server, [sys.executable, program], tmp_path, PYTHONPATH="/else")
    assert refused(ForkServer([], ENVIRONMENT), [sys.executable, program], tmp_path)
    (tmp_path / "numpy").mkdir()
    write(tmp_path, "mine = True", "numpy/__init__.py")
    assert refused(server, [sys.executable, program], tmp_path)


SUPERVISING = """
import json, os, signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: None)
import shared
shared.name = "changed"
reading, writing = os.pipe()
child = subprocess.Popen(
    [sys.executable, "-m", "child"],
    env={**os.environ, "PIPE": str(writing), **json.loads(sys.argv[1])}, pass_fds=[writing], stdin=subprocess.DEVNULL,
)
os.close(writing)
code = child.wait()
print(os.read(reading, 1000).decode(), code)
"""
SUPERVISED = """
import json, os, signal, sys
import shared
told = [shared.name, str(signal.getsignal(signal.SIGTERM)), sys.stdin.read(), os.getcwd(), sys.argv, sys.path[0]]
told += [sys.modules["__main__"].__dict__ is globals(), len(os.listdir("/proc/self/fd"))]
told += ["decimal" in sys.modules, os.environ.get("OMP_NUM_THREADS")]
os.write(int(os.environ["PIPE"]), json.dumps(told).encode())
print("the child's", flush=True)
sys.exit(5)
"""


@pytest.mark.parametrize(("more", "is_forked"), [({}, True), ({"OMP_NUM_THREADS": "1"}, False)])
def test_what_it_starts_itself_is_forked_too_and_finds_what_it_would_have_found(
    server: ForkServer, more: dict[str, str], is_forked: bool, tmp_path: Path
) -> None:
    program = write(tmp_path, SUPERVISING)
    write(tmp_path, SUPERVISED, "child.py")
    write(tmp_path, "name = 'as written'", "shared.py")
    command = [program, json.dumps(more)]
    expected, found = ordinary(command, tmp_path), by_fork(server, command, tmp_path, forks=True)
    assert expected.code == found.code == 0, found.errors
    assert found.output == expected.output.replace(", false, ", f", {json.dumps(is_forked)}, ")
    assert found.output.endswith(" 5\n")
