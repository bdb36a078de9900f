"""The commands of one project: loaded once, and each run in a process of its own that is forked from this one.

Standard input has a request a line; standard output answers each with a line, its number and its exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from contender.cli.main import program, run
from localcloud.descriptions import read_once

ASKED = ("s3", "dynamodb", "stepfunctions", "kms", "sts", "sqs", "lambda", "cloudwatch", "logs")
"""The services that most commands ask."""
NEEDED = ("typer._adapters", "boto3.dynamodb.conditions", "boto3.dynamodb.transform", "boto3.resources.factory")
"""Modules that nearly every command loads, first of all pydantic for its arguments: 0.15 s of CPU time."""


def main() -> None:
    program()
    for module in NEEDED:
        importlib.import_module(module)
    read_once(*ASKED)
    gc.freeze()  # what is there stays in pages that all commands share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    for line in sys.stdin:
        if os.fork() == 0:
            answer(json.loads(line))


def answer(asked: dict[str, Any]) -> NoReturn:
    """Run the command, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = os.fork()
    if command == 0:
        run_command(asked["arguments"], Path(asked["folder"]))
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    os.write(1, f"{asked['number']} {code}\n".encode())
    os._exit(0)


def run_command(arguments: list[str], folder: Path) -> NoReturn:
    """Be `contender …` with files for the standard streams."""
    streams = (("in", os.O_RDONLY), ("out", os.O_WRONLY | os.O_CREAT), ("err", os.O_WRONLY | os.O_CREAT))
    for number, (name, flags) in enumerate(streams):
        os.dup2(os.open(folder / name, flags, 0o600), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # what was read ahead is the server's
    sys.argv = ["contender", *arguments]
    code = 1
    try:
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
