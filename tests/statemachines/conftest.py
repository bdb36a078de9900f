"""The engine: deployed once, since reading the definition is what takes it long; each test is a run of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws_in_process import empty_aws
from tests.statemachines.definition import CONTINUOUS_TRAINING
from tests.statemachines.engine import Engine


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
