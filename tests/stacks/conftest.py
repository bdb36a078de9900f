"""Synthesises each environment once a session, and one with more settings; the tests only read the templates."""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from contender.environments.settings import LOCAL
from tests.stacks.synthesis import Synthesised, synthesise, synthesise_by_the_app


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


def synthesised_once(shared: Path, title: str, make: Callable[[Path], Synthesised]) -> Synthesised:
    """What one process of the test run synthesises into a folder, and the others read."""
    folder = shared / f"synthesised-{title}"
    folder.mkdir(exist_ok=True)
    kept = folder / "kept.pickle"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            draft = folder / "draft.pickle"
            draft.write_bytes(pickle.dumps(make(folder)))
            draft.rename(kept)
    found: Synthesised = pickle.loads(kept.read_bytes())
    return found


@pytest.fixture(scope="session")
def environments(shared_folder: Path) -> Callable[[str], Synthesised]:
    """An environment's templates by its name, synthesised when first asked for: the local one by the app itself."""
    known: dict[str, Synthesised] = {}

    def of(name: str) -> Synthesised:
        if name not in known:
            make = synthesise_by_the_app if name == LOCAL else synthesise
            known[name] = synthesised_once(shared_folder, name, partial(make, name))
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
def with_settings(shared_folder: Path) -> Synthesised:
    """An account where callers send a key, some instances are kept warm, and files wait for a schedule."""
    return synthesised_once(shared_folder, "with-settings", partial(synthesise, "dev", more_settings=SETTINGS))


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
