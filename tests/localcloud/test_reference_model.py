"""Our adapters on the local cloud's S3 and DynamoDB behave as the reference model does (tests/simulation)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from contender.ports import Ledger
from localcloud.connection import CloudConnection
from localcloud.state import CREDENTIALS, REGION
from tests.conftest import create_bucket, create_table
from tests.simulation.test_reference_model import check, emptied

pytestmark = pytest.mark.emulator


@pytest.fixture
def make(emulated: CloudConnection) -> Callable[[], tuple[Ledger, Any]]:
    name = f"reference-{uuid.uuid4().hex}"
    s3 = emulated.client("s3")
    create_bucket(name, s3)
    session = boto3.Session(**CREDENTIALS, region_name=REGION)
    create_table(name, emulated.client("dynamodb"))
    return emptied(s3, name, session.resource("dynamodb", endpoint_url=emulated.endpoint_url).Table(name))


def test_our_adapters_on_the_local_cloud_behave_as_the_model_does(make: Callable[[], tuple[Ledger, Any]]) -> None:
    check(make, examples=3, steps=15)


@pytest.mark.chaos
def test_they_do_for_longer(make: Callable[[], tuple[Ledger, Any]]) -> None:
    check(make, examples=20, steps=30)
