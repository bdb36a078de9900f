"""Synthesises each environment once a session, and one with more settings; the tests only read the templates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stacks.synthesis import Synthesised, synthesise


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Synthesised]:
    """An environment's templates by its name, synthesised when first asked for."""
    known: dict[str, Synthesised] = {}

    def of(name: str) -> Synthesised:
        if name not in known:
            known[name] = synthesise(name, tmp_path_factory.mktemp(name))
        return known[name]

    return of


SETTINGS = """
[serving]
auth = "api_key"
provisioned = 3
requests_per_second = 1
burst = 5
batch_schedule = "cron(0 3 * * ? *)"
"""


@pytest.fixture(scope="session")
def with_settings(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """An account where callers send a key, some instances are kept warm, and files wait for a schedule."""
    return synthesise("dev", tmp_path_factory.mktemp("with_settings"), more_settings=SETTINGS)


@pytest.fixture(params=["dev", "prod"])
def on_aws(request: pytest.FixtureRequest, environments: Callable[[str], Synthesised]) -> Synthesised:
    """Each environment that is an account."""
    return environments(request.param)


@pytest.fixture(params=["local", "dev", "prod"])
def anywhere(request: pytest.FixtureRequest, environments: Callable[[str], Synthesised]) -> Synthesised:
    """Each environment."""
    return environments(request.param)


@pytest.fixture
def local(environments: Callable[[str], Synthesised]) -> Synthesised:
    return environments("local")


@pytest.fixture
def dev(environments: Callable[[str], Synthesised]) -> Synthesised:
    return environments("dev")


@pytest.fixture
def prod(environments: Callable[[str], Synthesised]) -> Synthesised:
    return environments("prod")
