"""The history of champions in DynamoDB: writers that race and answers that are lost leave one chain."""

from __future__ import annotations

import json
from collections import deque
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from contender.adapters.aws.dynamodb import HISTORY_HEAD, DynamoLedger
from contender.adapters.aws.kms import KmsSigner
from contender.adapters.aws.public_key import local_check
from contender.errors import ConflictError, IntegrityError
from contender.registry.history import verify_history
from tests.conftest import create_runs_table
from tests.kms import Kms


class Table:
    """A table whose transactions lose their answers: `before` they have an effect, or `after`."""

    def __init__(self, table: Any) -> None:
        self.table, self.losses = table, deque[str]()
        client = table.meta.client
        self.meta = SimpleNamespace(
            client=SimpleNamespace(transact_write_items=self.transact, exceptions=client.exceptions)
        )

    def transact(self, **request: Any) -> Any:
        loss = self.losses.popleft() if self.losses else ""
        if loss == "before":
            raise ReadTimeoutError(endpoint_url="dynamodb")
        answer = self.table.meta.client.transact_write_items(**request)
        if loss == "after":
            raise ReadTimeoutError(endpoint_url="dynamodb")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table, name)


@pytest.fixture
def table(aws: None) -> Table:
    create_runs_table()
    return Table(boto3.resource("dynamodb").Table("runs"))


def ledger_of(table: Any, sign: Any = None) -> DynamoLedger:
    return DynamoLedger(table, sign=sign, wait=lambda seconds: None)


def swap(name: str) -> dict[str, Any]:
    return {"swap_id": name, "swapped_at": "2026-01-01", "champion": "v", "kind": "promotion"}


def is_whole(ledger: DynamoLedger) -> bool:
    found, head = ledger.promotions("shop"), ledger.history_head("shop")
    return not verify_history("shop", found, verify_signature=None, head=head)


def test_a_writer_that_is_overtaken_while_it_signs_follows_the_other_one(table: Table) -> None:
    others = deque(["b", "c"])

    def overtaken(digest: bytes) -> bytes:
        if others:
            ledger_of(table).append_promotion("shop", swap(others.popleft()))
        return b"signed"

    ledger = ledger_of(table, overtaken)
    ledger.append_promotion("shop", swap("a"))
    assert [entry["swap_id"] for entry in ledger.promotions("shop")] == ["a", "c", "b"]
    assert is_whole(ledger)


def test_two_that_record_the_same_swap_record_it_once(table: Table) -> None:
    def same(digest: bytes) -> bytes:
        ledger_of(table).append_promotion("shop", swap("a"))
        return b"signed"

    ledger = ledger_of(table, same)
    ledger.append_promotion("shop", swap("a"))
    assert [entry["chain"]["signature"] for entry in ledger.promotions("shop")] == [""]
    assert is_whole(ledger)


@pytest.mark.parametrize("losses", [("after",), ("before",), ("before", "after"), ("before",) * 9])
def test_a_lost_answer_is_asked_for_again_and_the_entry_is_there_once(table: Table, losses: tuple[str, ...]) -> None:
    ledger = ledger_of(table)
    ledger.append_promotion("shop", swap("a"))
    table.losses.extend(losses)
    ledger.append_promotion("shop", swap("b"))
    assert [entry["swap_id"] for entry in ledger.promotions("shop")] == ["b", "a"]
    assert is_whole(ledger)


def test_a_writer_that_never_gets_through_says_so_and_leaves_the_chain_whole(table: Table) -> None:
    ledger = ledger_of(table)
    ledger.append_promotion("shop", swap("a"))
    table.losses.extend(["before"] * 10)
    with pytest.raises(ConflictError, match="swap b of shop could not be recorded in 10 attempts"):
        ledger.append_promotion("shop", swap("b"))
    assert is_whole(ledger)


def test_entries_from_before_there_was_a_chain_are_sealed_and_a_lost_note_is_written_anew(table: Table) -> None:
    for name in ("old", "older"):
        key = {"pk": "pipeline#shop", "sk": f"promotion#{name}"}
        table.put_item(Item=key | {"record": json.dumps(swap(name))})
    ledger = ledger_of(table)
    ledger.append_promotion("shop", swap("a"))
    assert sorted(ledger.promotions("shop")[0]["chain"]["sealed"]) == ["old", "older"]
    table.delete_item(Key={"pk": "pipeline#shop", "sk": HISTORY_HEAD})
    assert not is_whole(ledger)
    ledger.append_promotion("shop", swap("b"))
    assert is_whole(ledger)


def test_an_entry_that_cannot_be_read_is_named(table: Table) -> None:
    table.put_item(Item={"pk": "pipeline#shop", "sk": "promotion#a", "record": "{"})
    with pytest.raises(IntegrityError, match="promotion#a in the history of shop cannot be read: it was altered"):
        ledger_of(table).promotions("shop")


def test_what_kms_signs_its_public_key_verifies_here(table: Table) -> None:
    kms = Kms()
    ledger = ledger_of(table, KmsSigner(kms, "key").sign)
    ledger.append_promotion("shop", swap("a"))
    found, head = list(ledger.promotions("shop")), ledger.history_head("shop")
    check = local_check(kms, "key")
    assert list(verify_history("shop", found, verify_signature=check, head=head)) == []
    (problem,) = verify_history("shop", [found[0] | {"reason": "x"}], verify_signature=check, head=head)
    assert (problem.kind, problem.swap_id) == ("altered", "a")
