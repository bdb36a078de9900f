"""What every test shares: no test reaches a real account, and property tests find the same examples everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from tests.e2e.clouds import cloud_of

settings.register_profile(
    "contender",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("contender")

REGION = "us-east-1"

KEEP_SESSION: Any = {"core": {"reset_boto3_session": False}}
"""boto3 reads the services' descriptions once and not for each test, which is most of what a test would take."""


TOGETHER = ("stacks", "localcloud")
"""Folders of tests whose fixtures are dear."""


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests are spread over processes, those that share something dear stay together, and the long ones begin."""
    items.sort(key=lambda item: item.path.parent.name != "e2e")
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


def group_of(item: pytest.Item) -> str:
    """One process runs the tests of a local cloud, of a folder with dear fixtures, or of a file."""
    folder = item.path.parent.name
    if folder == "e2e" and "loop" in getattr(item, "fixturenames", ()):
        return cloud_of(item.path)
    return folder if folder in TOGETHER else item.path.stem


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that open nothing, so that a forgotten fake fails instead of reaching AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws(no_account: None) -> Iterator[None]:
    """AWS in this process, empty."""
    with mock_aws(config=KEEP_SESSION):
        yield


def create_runs_table(name: str = "runs") -> None:
    """The runs table as the data stack makes it."""
    create_table(name)


def create_table(name: str) -> None:
    """A table with the keys that all of ours have."""
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def create_bucket(name: str) -> None:
    """A versioned bucket."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
