"""The champion history on a table and a key that others reach at the same time."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.public_key import local_check
from contender.registry.history import verify_history
from localcloud import emulator
from localcloud.connection import CloudConnection
from localcloud.state import CREDENTIALS, REGION
from tests.conftest import create_table

pytestmark = pytest.mark.emulator
WRITERS = 4


def test_writers_that_race_leave_one_signed_chain_with_each_swap_once(emulated: CloudConnection) -> None:
    name, kms = f"history-{uuid.uuid4().hex}", emulated.client("kms")
    create_table(name, emulated.client("dynamodb"))
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    address = emulator.endpoint(emulated.port)
    tables = [
        boto3.Session(**CREDENTIALS, region_name=REGION).resource("dynamodb", endpoint_url=address).Table(name)
        for _ in range(WRITERS)
    ]

    def write(writer: int) -> None:
        ledger = DynamoLedger(tables[writer], sign=KmsSigner(kms, key).sign)
        for number in range(4):  # of which two are everybody's
            swap_id = f"shared-{number}" if number % 2 else f"{writer}-{number}"
            ledger.append_promotion("shop", {"swap_id": swap_id, "swapped_at": "2026-01-01", "champion": "v"})

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    ledger = DynamoLedger(tables[0])
    found, head = ledger.promotions("shop"), ledger.history_head("shop")
    assert len(found) == 2 + 2 * WRITERS
    assert list(verify_history("shop", found, verify_signature=local_check(kms, key), head=head)) == []
