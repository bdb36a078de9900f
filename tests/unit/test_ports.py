"""One suite for the fakes and for the real adapters, so that what the other tests believe of AWS stays true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from contender.adapters.aws.dynamodb import DynamoLedger, find_run
from contender.adapters.aws.prediction_table import PredictionTable
from contender.adapters.aws.s3 import S3Objects, parse_s3_uri
from contender.adapters.aws.sent_mails import DynamoSentMails
from contender.errors import (
    ConflictError,
    ContenderError,
    NotFoundError,
    PreconditionFailedError,
    UnknownOutcomeError,
)
from contender.ports import ApprovalRequest, Batch, HistoryHead, Ledger, Objects, SentMail, SentMails
from contender.predictions.table_entries import Entry, EntryTable, key_of
from contender.predictions.table_items import rows_key
from contender.registry.history import verify_history
from tests.conftest import create_bucket, create_runs_table
from tests.fakes import Fault, MemoryEntryTable, MemoryLedger, MemoryObjects, MemorySentMails


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest, aws: None) -> Objects:
    if request.param == "memory":
        return MemoryObjects()
    create_bucket("bucket")
    return S3Objects(boto3.client("s3"), "bucket")


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest, aws: None) -> Ledger:
    if request.param == "memory":
        return MemoryLedger()
    create_runs_table()
    return DynamoLedger(boto3.resource("dynamodb").Table("runs"))


@pytest.fixture(params=["memory", "dynamodb"])
def entry_table(request: pytest.FixtureRequest, aws: None) -> EntryTable:
    if request.param == "memory":
        return MemoryEntryTable()
    create_runs_table("predictions")
    return PredictionTable(boto3.resource("dynamodb").Table("predictions"), wait=lambda seconds: None)


def batch(name: str, **changes: Any) -> Batch:
    values = {
        "key": f"incoming/flights/{name}.csv",
        "version_id": None,
        "size": 7,
        "uploaded_at": "2026-01-01",
    }
    return Batch(batch_id=name, **(values | changes))


class TestObjects:
    def test_what_was_put_is_what_is_got(self, objects: Objects) -> None:
        etag = objects.put("a/b ü+c.json", b"\x00body")
        found = objects.get("a/b ü+c.json")
        assert (found.body, found.etag) == (b"\x00body", etag)

    def test_a_file_is_written_and_read_piece_by_piece(self, objects: Objects, tmp_path: Path) -> None:
        (tmp_path / "sent").write_bytes(bytes(3 << 20))
        etag = objects.put_file("large.bin", tmp_path / "sent", if_none_match=True)
        objects.get_file("large.bin", tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == objects.get("large.bin").body == bytes(3 << 20)
        assert etag == objects.get("large.bin").etag
        with pytest.raises(PreconditionFailedError):
            objects.put_file("large.bin", tmp_path / "sent", if_none_match=True)
        with pytest.raises(NotFoundError, match=r"nowhere\.bin does not exist"):
            objects.get_file("nowhere.bin", tmp_path / "got")

    def test_a_missing_object_is_not_found(self, objects: Objects) -> None:
        with pytest.raises(NotFoundError, match=r"nowhere\.json does not exist"):
            objects.get("nowhere.json")

    def test_what_is_erased_is_gone_with_all_its_versions_and_nothing_else_is(self, objects: Any) -> None:
        for body in (b"1", b"2"):
            objects.put("rows", body)
        objects.put("rows.json", b"3")
        for _ in range(2):  # what is not there needs no erasing
            objects.erase("rows")
        assert list(objects.keys("")) == ["rows.json"]
        with pytest.raises(NotFoundError):
            objects.get("rows")
        if isinstance(objects, S3Objects):
            left = objects.client.list_object_versions(Bucket="bucket")
            assert [item["Key"] for item in left["Versions"]] == ["rows.json"]
            assert not left.get("DeleteMarkers")

    def test_a_second_write_replaces_the_first(self, objects: Objects) -> None:
        first = objects.put("k", b"1")
        second = objects.put("k", b"2")
        assert objects.get("k").body == b"2"
        assert first != second

    def test_create_only_creates_once(self, objects: Objects) -> None:
        objects.put("k", b"1", if_none_match=True)
        with pytest.raises(PreconditionFailedError):
            objects.put("k", b"2", if_none_match=True)
        assert objects.get("k").body == b"1"

    def test_a_conditional_write_succeeds_on_the_state_it_is_based_on(self, objects: Objects) -> None:
        etag = objects.put("k", b"1")
        assert objects.put("k", b"2", if_match=etag) == objects.get("k").etag

    def test_a_conditional_write_on_a_stale_state_changes_nothing(self, objects: Objects) -> None:
        stale = objects.put("k", b"1")
        objects.put("k", b"2")
        with pytest.raises(PreconditionFailedError):
            objects.put("k", b"3", if_match=stale)
        assert objects.get("k").body == b"2"

    def test_a_conditional_write_on_a_missing_object_says_that_it_is_missing(self, objects: Objects) -> None:
        with pytest.raises(NotFoundError):
            objects.put("k", b"1", if_match='"0123456789abcdef0123456789abcdef"')

    def test_the_same_bytes_have_the_same_entity_tag(self, objects: Objects) -> None:
        assert objects.put("one", b"same") == objects.put("two", b"same")

    def test_an_object_that_did_not_change_is_not_read_again(self, objects: Any) -> None:
        first = objects.put("k", b"1")
        assert objects.get_if_changed("k", None).body == b"1"
        assert objects.get_if_changed("k", first) is None
        objects.put("k", b"2")
        assert objects.get_if_changed("k", first).body == b"2"
        with pytest.raises(NotFoundError):
            objects.get_if_changed("nowhere", first)

    def test_an_old_version_can_still_be_read_and_copied(self, objects: Objects) -> None:
        objects.put("k", b"1")
        old = version_ids(objects, "k")[0]
        objects.put("k", b"2")
        assert objects.get("k", version_id=old).body == b"1"
        objects.copy("k", "copied ü.csv", version_id=old)
        assert objects.get("copied ü.csv").body == b"1"

    def test_a_version_that_never_was_is_not_found(self, objects: Objects) -> None:
        objects.put("k", b"1")
        with pytest.raises(NotFoundError):
            objects.get("k", version_id="99")

    def test_a_missing_object_cannot_be_copied(self, objects: Objects) -> None:
        with pytest.raises(NotFoundError):
            objects.copy("nowhere", "there")

    def test_keys_are_those_under_the_prefix_in_order(self, objects: Objects) -> None:
        for key in ("b/2", "a/1", "b/1", "b"):
            objects.put(key, b"")
        assert list(objects.keys("b/")) == ["b/1", "b/2"]
        assert list(objects.keys("none/")) == []


def version_ids(objects: Any, key: str) -> list[str]:
    if isinstance(objects, MemoryObjects):
        return list(objects.version_ids(key))
    answer = objects.client.list_object_versions(Bucket=objects.bucket, Prefix=key)
    return [version["VersionId"] for version in reversed(answer["Versions"])]


class TestLedger:
    def test_an_upload_is_queued_once(self, ledger: Ledger) -> None:
        assert ledger.add_batch("flights", batch("a"), remember_until=2e9)
        assert not ledger.add_batch("flights", batch("a"), remember_until=2e9)
        assert ledger.pending_batches("flights") == [batch("a")]

    def test_a_settled_upload_waits_no_more_and_is_still_remembered(self, ledger: Ledger) -> None:
        ledger.add_batch("flights", batch("a"), remember_until=2e9)
        ledger.settle_batch("flights", "a")
        assert list(ledger.pending_batches("flights")) == []
        assert not ledger.add_batch("flights", batch("a"), remember_until=2e9)

    def test_settling_twice_is_harmless(self, ledger: Ledger) -> None:
        ledger.settle_batch("flights", "never there")
        assert list(ledger.pending_batches("flights")) == []

    def test_a_returned_upload_waits_with_one_more_attempt(self, ledger: Ledger) -> None:
        ledger.add_batch("flights", batch("a", version_id="v"), remember_until=2e9)
        ledger.return_batch("flights", "a", run_id="run-1")
        assert ledger.pending_batches("flights") == [batch("a", version_id="v", attempts=1)]

    def test_an_upload_that_one_run_returns_twice_has_one_more_attempt(self, ledger: Ledger) -> None:
        ledger.add_batch("flights", batch("a"), remember_until=2e9)
        for run_id in ("run-1", "run-1", "run-2", "run-2"):
            ledger.return_batch("flights", "a", run_id=run_id)
        assert ledger.pending_batches("flights") == [batch("a", attempts=2)]

    def test_an_upload_that_is_settled_cannot_be_returned(self, ledger: Ledger) -> None:
        ledger.return_batch("flights", "a", run_id="run-1")
        assert list(ledger.pending_batches("flights")) == []

    def test_uploads_wait_oldest_first(self, ledger: Ledger) -> None:
        for name, day in (("x", "03"), ("y", "01"), ("z", "02")):
            ledger.add_batch("flights", batch(name, uploaded_at=f"2026-01-{day}"), remember_until=2e9)
        assert [found.batch_id for found in ledger.pending_batches("flights")] == ["y", "z", "x"]

    def test_pipelines_do_not_see_each_other(self, ledger: Ledger) -> None:
        ledger.add_batch("flights", batch("a"), remember_until=2e9)
        ledger.acquire_lease("flights", "r1", now=0, seconds=10)
        assert list(ledger.pending_batches("flights-2")) == []
        assert ledger.add_batch("flights-2", batch("a"), remember_until=2e9)
        assert ledger.lease("flights-2") is None

    def test_the_lease_goes_to_the_first_who_asks(self, ledger: Ledger) -> None:
        assert ledger.lease("flights") is None
        first = ledger.acquire_lease("flights", "r1", now=100, seconds=10)
        second = ledger.acquire_lease("flights", "r2", now=105, seconds=10)
        assert (first.owner, first.fencing_token, first.expires_at) == ("r1", 1, 110.0)
        assert second == first == ledger.lease("flights")

    def test_the_holder_that_asks_again_keeps_its_lease_and_token(self, ledger: Ledger) -> None:
        first = ledger.acquire_lease("flights", "r1", now=100, seconds=10)
        assert ledger.acquire_lease("flights", "r1", now=101, seconds=10) == first

    def test_an_expired_lease_is_somebody_elses_with_a_newer_token(self, ledger: Ledger) -> None:
        ledger.acquire_lease("flights", "r1", now=100, seconds=10)
        assert ledger.acquire_lease("flights", "r2", now=110, seconds=10).owner == "r1"
        taken = ledger.acquire_lease("flights", "r2", now=111, seconds=10)
        assert (taken.owner, taken.fencing_token) == ("r2", 2)

    def test_a_released_lease_is_free_and_tokens_go_on_growing(self, ledger: Ledger) -> None:
        ledger.acquire_lease("flights", "r1", now=100, seconds=10)
        ledger.release_lease("flights", "r1")
        assert ledger.lease("flights") is None
        assert ledger.acquire_lease("flights", "r2", now=101, seconds=10).fencing_token == 2

    def test_tokens_go_on_from_where_they_are_raised_to_and_are_never_lowered(self, ledger: Ledger) -> None:
        assert ledger.fencing_token("flights") == 0
        ledger.raise_fencing_token("flights", 7)
        ledger.raise_fencing_token("flights", 3)
        assert (ledger.fencing_token("flights"), ledger.lease("flights")) == (7, None)
        assert ledger.acquire_lease("flights", "r1", now=100, seconds=10).fencing_token == 8

    def test_entries_of_a_backup_come_back_as_they_are_and_the_next_one_follows_them(self, ledger: Ledger) -> None:
        for name in ("a", "b"):
            ledger.append_promotion("flights", {"swap_id": name, "champion": name, "swapped_at": "2026"})
        kept, head = ledger.promotions("flights"), ledger.history_head("flights")
        ledger.restore_promotions("elsewhere", list(reversed(kept)))
        ledger.restore_promotions("elsewhere", kept[:1])
        assert (ledger.promotions("elsewhere"), ledger.history_head("elsewhere")) == (kept, head)
        ledger.append_promotion("elsewhere", {"swap_id": "c", "champion": "c", "swapped_at": "2026"})
        assert [entry["chain"]["sequence"] for entry in ledger.promotions("elsewhere")] == [3, 2, 1]

    def test_only_the_holder_can_release_the_lease(self, ledger: Ledger) -> None:
        held = ledger.acquire_lease("flights", "r1", now=100, seconds=10)
        ledger.release_lease("flights", "r2")
        assert ledger.lease("flights") == held

    def test_runs_are_kept_once_and_come_newest_first(self, ledger: Ledger) -> None:
        for day in (1, 3, 2):
            ledger.put_run({"pipeline": "flights", "run_id": f"r{day}", "started_at": f"2026-01-0{day}", "low": 0.1})
        ledger.put_run({"pipeline": "flights", "run_id": "r3", "started_at": "2026-01-03", "low": None})
        assert [(run["run_id"], run["low"]) for run in ledger.runs("flights")] == [
            ("r3", None),
            ("r2", 0.1),
            ("r1", 0.1),
        ]
        assert [run["run_id"] for run in ledger.runs("flights", limit=1)] == ["r3"]

    def test_more_runs_than_one_answer_of_the_database_holds(self, ledger: Ledger) -> None:
        for number in range(12):
            record = {
                "pipeline": "flights",
                "run_id": f"r{number:02}",
                "started_at": "2026-01-01",
                "note": "x" * 200_000,
            }
            ledger.put_run(record)
        assert len(ledger.runs("flights")) == 12
        assert [run["run_id"] for run in ledger.runs("flights", limit=9)] == [f"r{n:02}" for n in range(11, 2, -1)]

    def test_the_history_of_champions_comes_newest_first(self, ledger: Ledger) -> None:
        for day in (1, 2):
            ledger.append_promotion("flights", {"swap_id": f"s{day}", "swapped_at": f"2026-01-0{day}", "champion": "v"})
        assert [entry["swap_id"] for entry in ledger.promotions("flights")] == ["s2", "s1"]

    def test_a_swap_stands_in_the_history_once_even_if_told_at_another_time(self, ledger: Ledger) -> None:
        ledger.append_promotion("flights", {"swap_id": "s", "swapped_at": "2026-01-01", "champion": "v"})
        ledger.append_promotion("flights", {"swap_id": "s", "swapped_at": "2026-01-02", "champion": "v"})
        assert [entry["swapped_at"] for entry in ledger.promotions("flights")] == ["2026-01-01"]

    def test_the_history_is_a_chain_and_its_newest_entry_is_noted(self, ledger: Ledger) -> None:
        assert ledger.history_head("flights") is None
        for day in (1, 2):
            ledger.append_promotion("flights", {"swap_id": f"s{day}", "swapped_at": f"2026-01-0{day}", "champion": "v"})
        newest, first = ledger.promotions("flights")
        assert (newest["chain"]["sequence"], newest["chain"]["previous"]) == (2, first["chain"]["digest"])
        head = ledger.history_head("flights")
        assert head == HistoryHead(2, newest["chain"]["digest"], "s2")
        assert list(verify_history("flights", [newest, first], verify_signature=None, head=head)) == []

    def test_a_question_waits_until_it_is_answered_and_then_has_no_token_any_more(self, ledger: Ledger) -> None:
        ledger.put_approval("flights", question("r1"))
        assert ledger.approval("flights", "r1") == question("r1")
        assert list(ledger.approvals("flights")) == [question("r1")]
        assert ledger.settle_approval("flights", "r1", answer="approved", by="Ada", reason="looks right")
        answered = replace(question("r1"), answer="approved", by="Ada", reason="looks right", task_token="")
        assert ledger.approval("flights", "r1") == answered
        assert list(ledger.approvals("flights")) == [answered]

    def test_the_first_answer_counts(self, ledger: Ledger) -> None:
        ledger.put_approval("flights", question("r1"))
        assert ledger.settle_approval("flights", "r1", answer="rejected", by="Ada")
        assert not ledger.settle_approval("flights", "r1", answer="not answered")
        found = ledger.approval("flights", "r1")
        assert found is not None
        assert (found.answer, found.by) == ("rejected", "Ada")

    def test_what_was_never_asked_has_no_answer(self, ledger: Ledger) -> None:
        assert not ledger.settle_approval("flights", "r1", answer="approved")
        assert ledger.approval("flights", "r1") is None

    def test_a_run_that_asks_again_waits_again(self, ledger: Ledger) -> None:
        ledger.put_approval("flights", question("r1"))
        ledger.settle_approval("flights", "r1", answer="approved")
        ledger.put_approval("flights", question("r1", task_token="another"))
        assert [(found.task_token, found.answer) for found in ledger.approvals("flights")] == [("another", "")]

    def test_questions_come_oldest_first_and_by_pipeline(self, ledger: Ledger) -> None:
        for run, day in (("r1", "03"), ("r2", "01")):
            ledger.put_approval("flights", question(run, asked_at=f"2026-01-{day}"))
        ledger.put_approval("flights-2", question("r3"))
        assert [found.run_id for found in ledger.approvals("flights")] == ["r2", "r1"]


def question(run_id: str, **changes: str) -> ApprovalRequest:
    asked = ApprovalRequest(run_id, "v2", "token", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z")
    return replace(asked, **changes)


@pytest.mark.parametrize(
    ("fault", "error", "landed"),
    [
        (Fault.CONFLICT, ConflictError, False),
        (Fault.LOST_AND_GONE, UnknownOutcomeError, False),
        (Fault.LOST_AND_LANDED, UnknownOutcomeError, True),
    ],
)
def test_a_fault_of_the_fake_befalls_one_write(fault: Fault, error: type[Exception], landed: bool) -> None:
    objects = MemoryObjects()
    objects.faults.extend([None, fault])
    objects.put("before", b"")
    with pytest.raises(error):
        objects.put("k", b"1")
    assert list(objects.keys("k")) == (["k"] if landed else [])
    objects.put("k", b"2")


S3_ANSWERS: list[tuple[int, str, type[Exception]]] = [
    (409, "ConditionalRequestConflict", ConflictError),
    (412, "PreconditionFailed", PreconditionFailedError),
    (404, "NoSuchKey", NotFoundError),
    (500, "InternalError", UnknownOutcomeError),
    (503, "SlowDown", UnknownOutcomeError),
]


@pytest.mark.parametrize(("status", "code", "error"), S3_ANSWERS)
def test_an_answer_of_s3_becomes_an_error_of_ours(
    no_account: None, status: int, code: str, error: type[Exception]
) -> None:
    client = boto3.client("s3")
    with Stubber(client) as stubber:
        stubber.add_client_error("put_object", code, http_status_code=status)
        with pytest.raises(error, match="s3://bucket/k"):
            S3Objects(client, "bucket").put("k", b"1", if_none_match=True)


def test_a_write_without_an_answer_has_an_unknown_outcome(aws: None) -> None:
    def no_answer(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://s3")

    create_bucket("bucket")
    client = boto3.client("s3", config=Config(retries={"max_attempts": 0}))
    client.meta.events.register("before-send.s3.PutObject", no_answer)
    with pytest.raises(UnknownOutcomeError, match="no answer to the write of s3://bucket/k"):
        S3Objects(client, "bucket").put("k", b"1")


def test_what_s3_refuses_for_other_reasons_is_not_hidden(no_account: None) -> None:
    client = boto3.client("s3")
    with Stubber(client) as stubber:
        stubber.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            S3Objects(client, "bucket").get("k")


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_write_of_the_queue_that_collided_is_not_taken_for_a_repeated_event(no_account: None, code: str) -> None:
    table = boto3.resource("dynamodb").Table("runs")
    with Stubber(table.meta.client) as stubber:
        stubber.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": code}, {"Code": "None"}]},
        )
        with pytest.raises(ConflictError, match=r"incoming/flights/a\.csv"):
            DynamoLedger(table).add_batch("flights", batch("a"), remember_until=2e9)


def test_a_lease_given_back_while_it_was_asked_for_is_asked_for_again(aws: None) -> None:
    create_runs_table()
    resource = boto3.resource("dynamodb")
    ledger = DynamoLedger(resource.Table("runs"))
    ledger.acquire_lease("flights", "r1", now=100, seconds=10)
    given_back: list[str] = []

    def give_back(**_: Any) -> None:
        if not given_back:
            given_back.append("r1")
            DynamoLedger(boto3.resource("dynamodb").Table("runs")).release_lease("flights", "r1")

    resource.meta.client.meta.events.register("before-send.dynamodb.GetItem", give_back)
    assert ledger.acquire_lease("flights", "r2", now=101, seconds=10).owner == "r2"


RUNS = [{"run_id": "abc-1"}, {"run_id": "abc-2"}, {"run_id": "xyz"}]


def test_a_run_is_found_by_the_start_of_its_id() -> None:
    assert find_run(RUNS, "x") == {"run_id": "xyz"}


@pytest.mark.parametrize(("start", "message"), [("abc", "it could be abc-1, abc-2"), ("q", "no run starts with 'q'")])
def test_a_run_that_is_not_one_run_is_not_found(start: str, message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        find_run(RUNS, start)


def test_an_s3_uri_is_a_bucket_and_a_key() -> None:
    assert parse_s3_uri("s3://bucket/some/key ü.toml") == ("bucket", "some/key ü.toml")


@pytest.mark.parametrize("uri", ["bucket/key", "s3://bucket", "s3:///key", "https://bucket/key"])
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(ContenderError, match="expected s3://bucket/key, but got"):
        parse_s3_uri(uri)


_: Callable[..., Objects] = MemoryObjects  # the fakes implement the ports, as the type checker sees them
__: Callable[..., Ledger] = MemoryLedger


class TestEntryTable:
    ONE, OTHER = rows_key("one", 0), rows_key("other", 0)

    def test_an_item_is_written_once(self, entry_table: EntryTable) -> None:
        assert entry_table.write_entries([Entry({**self.ONE, "body": b"first"})]) == ["written"]
        later = [Entry({**self.ONE, "body": b"second"}), Entry(self.OTHER)]
        assert entry_table.write_entries(later) == ["there already", "written"]
        assert entry_table.find_items([self.ONE]) == {key_of(self.ONE): {**self.ONE, "body": b"first"}}

    def test_only_items_that_are_there_are_found(self, entry_table: EntryTable) -> None:
        entry_table.write_entries([Entry(self.ONE)])
        assert [*entry_table.find_items([self.OTHER, self.ONE])] == [key_of(self.ONE)]

    def test_an_item_is_replaced_by_its_token_only(self, entry_table: EntryTable) -> None:
        entry_table.write_entries([Entry({**self.ONE, "token": "1"})])
        second = {**self.ONE, "token": "2"}
        assert entry_table.write_entries([Entry(second, replaces="0")]) == ["there already"]
        assert entry_table.write_entries([Entry({**self.OTHER, "token": "2"}, replaces="1")]) == ["there already"]
        assert entry_table.write_entries([Entry(second, replaces="1")]) == ["written"]
        assert entry_table.find_items([self.ONE])[key_of(self.ONE)]["token"] == "2"


@pytest.fixture(params=["memory", "dynamodb"])
def sent_mails(request: pytest.FixtureRequest, aws: None) -> SentMails:
    if request.param == "memory":
        return MemorySentMails()
    create_runs_table()
    return DynamoSentMails(boto3.resource("dynamodb").Table("runs"))


RANG = SentMail("shop-loop-stuck", "ALARM", "2026-03-01T03:04:00+00:00", "call-1")
NIGHT = datetime(2026, 3, 1, 3, 5, tzinfo=UTC)


def test_a_mail_is_claimed_once_and_sent_once(sent_mails: SentMails) -> None:
    other = replace(RANG, caller="call-2")
    assert sent_mails.claim("shop", RANG, now=NIGHT) == "mine"
    assert sent_mails.claim("shop", RANG, now=NIGHT) == "mine", "the same call is tried again"
    assert sent_mails.claim("shop", other, now=NIGHT) == "at work"
    assert sent_mails.mails("shop") == []
    told = replace(RANG, subject="it is stuck", rollback="r1")
    sent_mails.settle("shop", told)
    assert sent_mails.claim("shop", RANG, now=NIGHT) == sent_mails.claim("shop", other, now=NIGHT) == "sent"
    assert list(sent_mails.mails("shop")) == [told]
    assert sent_mails.mails("flights") == []


def test_a_mail_that_a_dead_call_left_behind_is_taken_over(sent_mails: SentMails) -> None:
    sent_mails.claim("shop", RANG, now=NIGHT)
    later = NIGHT + timedelta(minutes=6)
    assert sent_mails.claim("shop", replace(RANG, caller="call-2"), now=later) == "mine"


def test_each_change_of_each_alarm_is_a_mail_of_its_own(sent_mails: SentMails) -> None:
    changes = [
        RANG,
        replace(RANG, state="OK", at="2026-03-01T04:00:00+00:00"),
        replace(RANG, at="2026-03-01T05:00:00+00:00"),
        replace(RANG, alarm="shop-queue-age"),
    ]
    for change in changes:
        assert sent_mails.claim("shop", change, now=NIGHT) == "mine"
        sent_mails.settle("shop", change)
    assert list(sent_mails.mails("shop")) == [changes[0], changes[3], changes[1], changes[2]]
