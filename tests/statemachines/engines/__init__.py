"""The engines that run the path cases beside the in-process one, chosen by `--sfn-engine`; docs/delivery.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.statemachines.cases import Case
from tests.statemachines.engine import Outcome
from tests.statemachines.engines.ministack import functions, mocked, state_by_state
from tests.statemachines.engines.stepfunctions_local import stepfunctions_local

IN_PROCESS = "moto"


class PathEngine(Protocol):
    """Runs cases of the machine that it was opened for."""

    def run(self, case: Case) -> Outcome:
        """Take the path of a case to its end."""
        ...

    def cannot(self, case: Case) -> str:
        """Why this engine cannot run a case; empty where it can."""
        ...


Open = Callable[[str, Path], AbstractContextManager[PathEngine]]
"""Opens an engine with a machine deployed, and a folder to work in. Raises NotHereError where it cannot be had."""

ENGINES: Mapping[str, Open] = {
    "ministack": functions,
    "ministack-mocked": mocked,
    "ministack-teststate": state_by_state,
    "stepfunctions-local": stepfunctions_local,
}
