"""`contender history`: what changed, and whether the list of it is as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contender.adapters.aws.dynamodb import DynamoLedger
from contender.cli.clouds import Cloud, Workbench
from contender.cli.options import workbench
from contender.registry.swaps import promote
from contender.rollout.swap_history import history_entry
from tests.cli.conftest import Contender
from tests.conftest import create_bucket
from tests.kms import Kms


@pytest.fixture
def bench(ledger: DynamoLedger, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """The pipeline `sales`, deployed as `dev` with a key for its history; its champion is v2, and v1 before it."""
    create_bucket("models")
    kms, client = Kms(), Cloud.client
    monkeypatch.setattr(Cloud, "client", lambda cloud, name: kms if name == "kms" else client(cloud, name))
    monkeypatch.setattr(Workbench, "history_key_arn", "arn:aws:kms:us-east-1:123456789012:key/history")
    bench = workbench("sales", "dev")
    etag: str | None = None
    for number, version in enumerate(("v1", "v2"), start=1):
        at = f"2026-01-0{number}T00:00:00+00:00"
        pointer = promote(
            bench.models,
            pipeline="sales",
            version=version,
            manifest_sha256="sha",
            judged_against=etag,
            run_id=f"run-{number}",
            fencing_token=number,
            now=at,
            reason="it wins",
        )
        etag = bench.models.get("models/sales/champion.json").etag
        entry = history_entry(pointer, kind="promotion", now=at, reason="it wins", run_id=f"run-{number}")
        bench.ledger.append_promotion("sales", entry)
    return bench


def alter(bench: Workbench, swap_id: str, **changes: Any) -> None:
    """What somebody with write access to the table can do."""
    key = {"pk": "pipeline#sales", "sk": f"promotion#{swap_id}"}
    record = json.loads(bench.ledger.table.get_item(Key=key)["Item"]["record"])
    bench.ledger.table.put_item(Item=key | {"record": json.dumps(record | changes)})


def test_the_changes_are_listed_newest_first(bench: Workbench, contender: Contender) -> None:
    shown = contender("history", "-p", "sales", "--env", "dev")
    assert shown.code == 0, shown.err
    assert shown.out.index("v2") < shown.out.index("v1")
    for words in ("2026-01-02 00:00", "promotion", "it wins", "run run-2"):
        assert words in shown.out
    newest, _ = json.loads(contender("history", "--env", "dev", "--json").out)
    assert (newest["pipeline"], newest["champion"], newest["chain"]["sequence"]) == ("sales", "v2", 2)


def test_a_history_as_it_was_written_is_whole(bench: Workbench, contender: Contender) -> None:
    shown = contender("history", "verify", "-p", "sales", "--env", "dev")
    assert (shown.code, shown.out) == (0, "sales: whole; 2 entries, 2 of them signed\n"), shown.err


def test_an_altered_entry_is_named_and_the_command_fails(bench: Workbench, contender: Contender) -> None:
    alter(bench, "run-1:v1", champion="v9")
    shown = contender("history", "verify", "-p", "sales", "--env", "dev")
    assert shown.code == 1
    assert "altered: entry 1 (promotion at 2026-01-01T00:00:00+00:00, run-1:v1) was altered" in shown.out


def test_the_newest_entry_is_missed_even_if_the_table_forgot_it(bench: Workbench, contender: Contender) -> None:
    table = bench.ledger.table
    table.delete_item(Key={"pk": "pipeline#sales", "sk": "promotion#run-2:v2"})
    table.delete_item(Key={"pk": "pipeline#sales", "sk": "history-head"})
    shown = contender("history", "verify", "-p", "sales", "--env", "dev", "--json")
    (result,) = json.loads(shown.out)
    assert (shown.code, result["entries"], result["signed"]) == (1, 1, 1)
    assert [(each["kind"], each["swap_id"]) for each in result["problems"]] == [
        ("head", "run-1:v1"),
        ("missing", "run-2:v2"),
    ]


def test_without_a_key_entries_are_chained_and_not_signed(
    bench: Workbench, contender: Contender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workbench, "history_key_arn", "")
    shown = contender("history", "verify", "-p", "sales", "--env", "dev")
    assert (shown.code, "deploy it again to have entries signed" in shown.out) == (0, True)


def test_a_pipeline_without_champion_has_no_history(ledger: DynamoLedger, contender: Contender) -> None:
    assert "no champion yet" in contender("history", "-p", "sales", "--env", "dev").out
