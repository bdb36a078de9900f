"""What every test shares: no test reaches a real account, and property tests find the same examples everywhere."""

from __future__ import annotations

import gc
import logging
import os

# Tests share the processors, where threads that wait for each other keep them busy: a small matrix then takes eighty
# times as long. numpy reads these when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from _pytest.doctest import DoctestModule
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from localcloud.descriptions import read_once
from localcloud.mlflow_server import MlflowServer
from tests.aws_in_process import empty_aws
from tests.fewer_messages import tell_only_what_is_read
from tests.mlflow_command import MlflowCommand, mlflow_command

GATE, FAST, THOROUGH, FULL = "gate", "fast", "thorough", "full"
"""The profiles of `make test`, `make test-fast` and `make properties` (decision 0062); `full` is what the gate asks the
last for: as many examples, and the same ones each time."""
MOST: Mapping[str, Mapping[str, int]] = {
    GATE: {"max_examples": 40},
    FAST: {"max_examples": 5, "stateful_step_count": 8},
    THOROUGH: {},
    FULL: {},
}
"""By profile: the most that a property is tried, however often it asks to be."""
TRIED_IN_FULL = ("unit", "handlers")
"""Folders of tests whose properties the gate tries with all their examples, by `make properties PROFILE=full`."""
FEW: Mapping[str, int] = {"max_examples": 10, "stateful_step_count": 20}
"""The most that `make test` tries a property of these."""
ALWAYS: Mapping[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "print_blob": True,
}
settings.register_profile(GATE, derandomize=True, **ALWAYS, **MOST[GATE])
settings.register_profile(FAST, derandomize=True, **ALWAYS, **MOST[FAST])
settings.register_profile(THOROUGH, derandomize=False, **ALWAYS)
settings.register_profile(FULL, derandomize=True, **ALWAYS)
settings.load_profile(GATE)
read_once()
# Without any, whoever logs first or calls `basicConfig` gives all libraries a stream that is closed when its test ends.
logging.getLogger().addHandler(logging.NullHandler())

REGION = "us-east-1"
PROJECT = Path(__file__).resolve().parents[1]

TOGETHER = ("e2e", "stacks", "localcloud", "packages")
"""Folders of tests whose fixtures are dear."""

LONGEST = ("e2e", "training_image")
"""Folders of tests of which some take half a minute and more."""

COLLECTOR = (20_000, 20, 100)
"""When the garbage collector looks: after so many new objects, and so many looks at these and at those that stayed."""

MLFLOW = "test_mlflow"
"""How files begin whose tests share an MLflow server."""


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[Any], list[Any]]:
    """Examples in docstrings are the project's: no test has any, and to look for them takes as long as the tests."""
    found = yield
    return [collector for collector in found if not isinstance(collector, DoctestModule)]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays until the end: the garbage collector need not look through it again and again. What tests
    make is gone soon: it need not look often."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
    gc.enable()
    return found


def pytest_sessionstart(session: pytest.Session) -> None:
    tell_only_what_is_read(session.config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests that take longest begin; what comes last are many short files, over which processes end together."""
    items.sort(key=lambda item: takes_longest(item.path), reverse=True)
    profile = config.getoption("hypothesis_profile") or GATE
    for item in items if MOST[profile] else ():
        shorten(item, FEW if profile == GATE and is_tried_in_full(item.path) else MOST[profile])


@cache
def takes_longest(file: Path) -> list[bool]:
    return [folder in file.parts for folder in LONGEST]


@cache
def is_tried_in_full(file: Path) -> bool:
    return any(PROJECT / "tests" / folder in file.parents for folder in TRIED_IN_FULL)


def shorten(item: pytest.Item, most: Mapping[str, int]) -> None:
    """Hold a property that asks for more examples than the profile to that profile's."""
    test = getattr(item, "obj", None)
    function = getattr(test, "__func__", test)
    # A decorator's settings precede a profile's, and so do those of a class that Hypothesis makes of a state machine.
    for holder, name in ((function, "_hypothesis_internal_use_settings"), (getattr(item, "cls", None), "settings")):
        asked = getattr(holder, name, None)
        if isinstance(asked, settings):
            kept = {each: min(limit, getattr(asked, each)) for each, limit in most.items()}
            setattr(holder, name, settings(asked, **kept))


class Collected(list[str]):
    """The tests that a worker has, in order. Each is asked for its place, for which a list is gone through."""

    def __init__(self, tests: Sequence[str]) -> None:
        super().__init__(tests)
        self._places = {test: place for place, test in enumerate(tests)}

    def index(self, test: str, *_: Any) -> int:
        return self._places[test]


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Where tests are spread over processes, those that share something dear stay in one."""

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = Collected(collection)

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        if file.name.startswith(MLFLOW):
            return MLFLOW
        return next((part for part in file.parts if part in TOGETHER), str(file))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


@pytest.fixture(scope="session")
def opened_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowCommand]:
    """The command that opens the server of all tests: a start takes seconds."""
    with mlflow_command(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


@pytest.fixture(scope="session")
def mlflow_server(opened_mlflow: MlflowCommand) -> MlflowServer:
    """A server with a database and a folder of its own. Whoever writes to it does so under titles of their own."""
    return opened_mlflow.server


@pytest.fixture(scope="session", autouse=True)
def no_account() -> Iterator[None]:
    """Credentials that open nothing, so that a forgotten fake fails instead of reaching AWS. Once for all tests: each
    puts back what it changes."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            environment.delenv(name, raising=False)
        yield


@pytest.fixture
def aws(no_account: None) -> Iterator[None]:
    """AWS in this process, empty."""
    with empty_aws():
        yield


def create_runs_table(name: str = "runs") -> None:
    """The runs table as the data stack makes it."""
    create_table(name)


def create_table(name: str, client: Any = None) -> None:
    """A table with the keys that all of ours have; in this process, or where a client of DynamoDB leads."""
    (client or boto3.client("dynamodb")).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def create_bucket(name: str, client: Any = None) -> None:
    """A versioned bucket; in this process, or where a client of S3 leads."""
    s3 = client or boto3.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
