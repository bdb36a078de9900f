"""MLflow's server in one process. Run by the interpreter of MLflow's environment, as its program `mlflow` would be.

`mlflow server` loads MLflow, prepares the database, and starts a process that loads all of it again and serves. Here
the first process serves itself: a start takes half the time, and the server half the memory.

Of ours nothing is imported, as it is not installed there. The release is pinned; where another one starts its server in
another way, this fails at once.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Mapping, Sequence

STARTS = "_exec_cmd"
"""What in `mlflow.server` starts the process that serves, and answers with it."""


def serve_here(command: Sequence[str], *, extra_env: Mapping[str, str], **_options: object) -> None:
    """Be what would be started: `python -m MODULE …` with some variables more. It ends the process."""
    os.environ.update(extra_env)
    _python, _as_module, module, *arguments = command
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Be `mlflow …`."""
    importlib.import_module("uvicorn")  # by which MLflow's modules know that they are a server's
    server = importlib.import_module("mlflow.server")
    if not callable(getattr(server, STARTS, None)):
        raise SystemExit(f"this release of MLflow has no mlflow.server.{STARTS}; install what tools/mlflow.txt pins")
    setattr(server, STARTS, serve_here)
    importlib.import_module("mlflow.cli").cli()


if __name__ == "__main__":
    main()
