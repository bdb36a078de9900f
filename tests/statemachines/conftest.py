"""The engines. The in-process one is deployed once: reading the definition is what takes it long; others are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

import pytest

from tests.aws_in_process import empty_aws
from tests.statemachines.cases import Case
from tests.statemachines.definition import CONTINUOUS_TRAINING
from tests.statemachines.engine import Engine
from tests.statemachines.engines import ENGINES, IN_PROCESS

NOT_RUN = pytest.StashKey[dict[tuple[str, str], int]]()
ALL = "all"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sfn-engine",
        choices=(ALL, IN_PROCESS, *ENGINES),
        default=IN_PROCESS,
        help="the Step Functions engine that runs the path cases beside the in-process one; all: each that can be had",
    )


def chosen_engines(config: pytest.Config) -> Sequence[str]:
    """The engines beside the in-process one, which always runs. Where pytest was started elsewhere, there are none."""
    chosen = config.getoption("--sfn-engine", default=IN_PROCESS)
    return list(ENGINES) if chosen == ALL else [chosen] if chosen in ENGINES else []


def not_run(config: pytest.Config, engine: str, case: Case, reason: str) -> NoReturn:
    """Leave a case out, for the summary to say so by engine and reason."""
    counted = config.stash.setdefault(NOT_RUN, {})
    counted[engine, reason] = counted.get((engine, reason), 0) + 1
    pytest.skip(f"NOT RUN on {engine}: {case.machine}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for (engine, reason), cases in config.stash.get(NOT_RUN, {}).items():
        terminalreporter.write_line(f"NOT RUN: {cases} path cases on {engine}: {reason}", yellow=True)


@pytest.fixture(scope="module")
def deployed(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The machine that the test's module names as `MACHINE`."""
    config = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    with pytest.MonkeyPatch.context() as monkeypatch, empty_aws(**config):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        engine = Engine()
        engine.deploy(monkeypatch, getattr(request.module, "MACHINE", CONTINUOUS_TRAINING))
        yield engine


@pytest.fixture
def engine(deployed: Engine, no_account: None) -> Engine:
    deployed.begin()
    return deployed
