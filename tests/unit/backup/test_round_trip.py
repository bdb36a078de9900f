"""A backup that is restored gives back what was there, byte for byte, and overwrites nothing that is newer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contender.adapters.files.folder_objects import FolderObjects, TarObjects, pack
from contender.backup.index import INDEX, Index, blob_key
from contender.backup.make import BackupMaker, Source
from contender.backup.restore import Restored, Restorer
from contender.data.datasets import DatasetStore
from contender.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, PreconditionFailedError
from contender.ports import Objects
from contender.registry.history import CHAIN, sequence_of, verify_history
from contender.registry.pointer import pointer_key, read_pointer
from contender.registry.swaps import roll_back
from contender.registry.versions import MODEL, ModelRegistry
from contender.rollout.swap_history import history_entry
from contender.storage import sha256
from contender.workflow.run_folder import CHECKPOINT, RECORD, RunFolder
from tests.fakes import MemoryLedger, MemoryObjects
from tests.models import crown
from tests.unit.doctor.clinic import dataset

NOW = "2026-02-01T00:00:00+00:00"


@dataclass
class Shop:
    """A pipeline with champions, a dataset version and runs."""

    models: MemoryObjects = field(default_factory=MemoryObjects)
    data: MemoryObjects = field(default_factory=MemoryObjects)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    @property
    def source(self) -> Source:
        return Source("shop", self.models, self.data, self.ledger)

    def promote(self, version: str, day: int) -> None:
        registry = ModelRegistry(self.models, "shop")
        crown(self.models, registry.write({"version": version, "pipeline": "shop"}, {MODEL: version.encode()}))
        found = read_pointer(self.models, "shop")
        assert found is not None
        now = f"2026-01-{day:02}T00:00:00+00:00"
        entry = history_entry(found.pointer, kind="promotion", now=now, reason="better", run_id=f"run-{day}")
        self.ledger.append_promotion("shop", entry)
        record = {"pipeline": "shop", "run_id": f"run-{day}", "started_at": now, "verdict": "promoted"}
        self.ledger.put_run(record)
        folder = RunFolder(self.data, "shop", f"run-{day}")
        folder.write(RECORD, record)
        folder.write(CHECKPOINT, {"much": "state"})
        self.ledger.acquire_lease("shop", f"run-{day}", now=0, seconds=1)
        self.ledger.release_lease("shop", f"run-{day}")

    def content(self) -> Any:
        objects = {
            key: bucket.get(key).body
            for bucket in (self.models, self.data)
            for key in bucket.keys("")
            if CHECKPOINT not in key
        }
        rows = self.ledger.runs("shop"), self.ledger.promotions("shop"), self.ledger.fencing_token("shop")
        return objects, rows


@pytest.fixture
def shop() -> Shop:
    found = Shop()
    DatasetStore(found.data, "shop").write(dataset("d1", b"rows"), b"rows")
    found.promote("v1", 1)
    found.promote("v2", 2)
    return found


def back_up(shop: Shop, target: Objects, *, with_data: bool = True) -> Index:
    maker = BackupMaker(target, lambda _: None)
    return maker.make([shop.source], environment="prod", with_data=with_data, now=NOW)


def bring_back(backup: Objects, shop: Shop, *, overwrite: bool = False) -> Restored:
    restorer = Restorer(backup, lambda _: None)
    index = restorer.index()
    restorer.verify(index)
    (one,) = index.pipelines
    return restorer.restore(one, shop.source, now=NOW, by="ann", overwrite_pointer=overwrite)


def in_memory(folder: Path) -> tuple[Objects, Callable[[], Objects]]:
    bucket = MemoryObjects()
    return bucket, lambda: bucket


def in_a_folder(folder: Path) -> tuple[Objects, Callable[[], Objects]]:
    return FolderObjects(folder / "backup"), lambda: FolderObjects(folder / "backup")


def in_a_file(folder: Path) -> tuple[Objects, Callable[[], Objects]]:
    def packed() -> Objects:
        pack(folder / "backup", folder / "backup.tar")
        assert not (folder / "backup").exists()
        return TarObjects(folder / "backup.tar")

    return FolderObjects(folder / "backup"), packed


@pytest.mark.parametrize("place", [in_memory, in_a_folder, in_a_file])
def test_what_was_backed_up_comes_back_into_an_empty_environment(shop: Shop, tmp_path: Path, place: Any) -> None:
    written, read = place(tmp_path)
    back_up(shop, written)
    empty = Shop()
    restored = bring_back(read(), empty)
    assert (restored.pointer, restored.runs, restored.promotions) == ("restored", 2, 2)
    assert empty.content() == shop.content()
    found = read_pointer(empty.models, "shop")
    assert found is not None
    assert found.pointer.champion == "v2"


def test_without_data_the_rows_stay_away_and_the_manifests_come(shop: Shop) -> None:
    backup, empty = MemoryObjects(), Shop()
    assert not back_up(shop, backup, with_data=False).with_data
    bring_back(backup, empty)
    keys = empty.data.keys("datasets/")
    assert keys == ["datasets/shop/d1/manifest.json"]


LIVE = {
    "live/shop/windows/2026-01-01.json": b"report",
    "live/shop/profiles/v1/2026-01-01.json.gz": b"counts",
    "live/shop/starts.json": b"[]",
    "experiments/shop/current.json": b"experiment",
    "labelled/shop/read.json": b"{}",
}
"""Kept in every backup: no rows."""
SET_ASIDE = {"labelled/shop/set-aside/0badc0ffee11/a.parquet": b"rows of a caller"}
MADE_AGAIN = {"live/shop/files/2026-01-01.json": b"times", "labelled/shop/feedback-1.parquet": b"an upload"}
FOLDERS = ("live/", "labelled/", "experiments/")


@pytest.mark.parametrize(("with_data", "kept"), [(False, LIVE), (True, LIVE | SET_ASIDE)])
def test_live_evidence_experiments_and_what_labels_are_known_come_back(
    shop: Shop, with_data: bool, kept: dict[str, bytes]
) -> None:
    for key, body in (LIVE | SET_ASIDE | MADE_AGAIN).items():
        shop.data.put(key, body)
    backup, empty = MemoryObjects(), Shop()
    back_up(shop, backup, with_data=with_data)
    bring_back(backup, empty)
    assert {key: empty.data.get(key).body for folder in FOLDERS for key in empty.data.keys(folder)} == kept


def test_live_evidence_that_is_newer_than_the_backup_stays(shop: Shop) -> None:
    shop.data.put("live/shop/starts.json", b"[]")
    backup = MemoryObjects()
    back_up(shop, backup)
    shop.data.put("live/shop/starts.json", b"[1]")
    assert bring_back(backup, shop).kept == ("live/shop/starts.json",)
    assert shop.data.get("live/shop/starts.json").body == b"[1]"


def test_a_second_backup_copies_only_what_is_new(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    before = set(backup.keys("blobs/"))
    shop.promote("v3", 3)
    said: list[str] = []
    BackupMaker(backup, said.append).make([shop.source], environment="prod", with_data=True, now=NOW)
    new = {backup.get(key).body for key in set(backup.keys("blobs/")) - before}
    assert b"v3" in new
    assert not new & {b"v1", b"v2", b"rows"}


@dataclass
class Failing(MemoryObjects):
    """A bucket that goes away after some writes."""

    left: int = 4

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        if not self.left:
            raise ConflictError("gone")
        self.left -= 1
        return super().put(key, body, if_match=if_match, if_none_match=if_none_match)


def test_a_backup_that_breaks_off_is_no_backup_and_goes_on_when_it_is_made_again(shop: Shop) -> None:
    backup = Failing()
    with pytest.raises(ConflictError):
        back_up(shop, backup)
    with pytest.raises(NotFoundError, match=r"there is no finished backup here: index.json is missing"):
        bring_back(backup, Shop())
    backup.left = 1000
    back_up(shop, backup)
    empty = Shop()
    bring_back(backup, empty)
    assert empty.content() == shop.content()


def test_a_restore_that_breaks_off_leaves_the_pointer_alone_and_goes_on(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    empty = Shop(models=Failing(left=3))
    with pytest.raises(ConflictError):
        bring_back(backup, empty)
    assert read_pointer(empty.models, "shop") is None
    empty.models.left = 1000  # type: ignore[attr-defined]
    bring_back(backup, empty)
    assert empty.content() == shop.content()


@pytest.mark.parametrize("damage", ["changed", "cut off", "gone"])
def test_a_damaged_blob_is_named_by_what_it_was_and_nothing_is_restored(shop: Shop, damage: str) -> None:
    backup, empty = MemoryObjects(), Shop()
    back_up(shop, backup)
    key = blob_key(sha256(b"v2"))
    if damage == "gone":
        backup.remove(key)
    else:
        backup.put(key, b"v3" if damage == "changed" else b"v")
    with pytest.raises(IntegrityError, match=f"nothing was restored: models/shop/v2/{MODEL}: "):
        bring_back(backup, empty)
    assert empty.content() == Shop().content()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"sha256": "0", "content": {"format": 1}}', b"null"])
def test_a_damaged_index_is_told(shop: Shop, body: bytes) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    backup.put(INDEX, body)
    with pytest.raises(IntegrityError, match=INDEX):
        bring_back(backup, Shop())


def test_an_index_that_somebody_changed_is_told_by_its_digest(shop: Shop) -> None:
    backup = MemoryObjects()
    content = json.loads(back_up(shop, backup).to_json())
    content["content"]["pipelines"][0]["objects"][0]["key"] = "models/shop/v9/model.onnx"
    backup.put(INDEX, json.dumps(content).encode())
    with pytest.raises(IntegrityError, match="has sha256"):
        bring_back(backup, Shop())


def test_a_tar_that_is_cut_off_is_told(shop: Shop, tmp_path: Path) -> None:
    back_up(shop, FolderObjects(tmp_path / "backup"))
    pack(tmp_path / "backup", tmp_path / "backup.tar")
    whole = (tmp_path / "backup.tar").read_bytes()
    for size in (0, 700, len(whole) // 2):
        (tmp_path / "backup.tar").write_bytes(whole[:size])
        with pytest.raises((IntegrityError, NotFoundError)):
            bring_back(TarObjects(tmp_path / "backup.tar"), Shop())


def test_a_damaged_file_is_left_out_and_told_and_the_rest_is_kept(shop: Shop) -> None:
    shop.models.put(f"models/shop/v1/{MODEL}", b"broken")
    shop.models.remove(f"models/shop/v2/{MODEL}")
    backup = MemoryObjects()
    (one,) = back_up(shop, backup).pipelines
    assert [said.split(" ")[0] for said in one.left_out] == [f"models/shop/v1/{MODEL}", f"models/shop/v2/{MODEL}"]
    bring_back(backup, Shop())


# The pointer


def champion(shop: Shop) -> str:
    found = read_pointer(shop.models, "shop")
    assert found is not None
    return found.pointer.champion


def test_restoring_what_is_there_changes_nothing(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    before = shop.content()
    restored = bring_back(backup, shop)
    assert (restored.pointer, restored.written, restored.runs, restored.promotions) == ("the same", 0, 0, 0)
    assert shop.content() == before


def test_a_newer_pointer_stays_unless_a_person_says_otherwise(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    shop.promote("v3", 3)
    kept = bring_back(backup, shop)
    assert (kept.pointer, champion(shop)) == ("kept", "v3")
    assert "--overwrite-pointer" in kept.why
    assert bring_back(backup, shop, overwrite=True).pointer == "overwritten"
    assert champion(shop) == "v2"
    newest = shop.ledger.promotions("shop")[0]
    assert (newest["kind"], newest["by"], newest["champion"]) == ("restored", "ann", "v2")
    assert newest["reason"].startswith("restored from a backup, in place of v3.")


def test_a_pointer_that_went_another_way_counts_as_newer(shop: Shop) -> None:
    backup, other = MemoryObjects(), Shop()
    back_up(shop, backup)
    other.promote("v9", 9)
    assert bring_back(backup, other).pointer == "kept"
    assert champion(other) == "v9"


def test_an_older_pointer_moves_on_to_the_backups(shop: Shop) -> None:
    backup = MemoryObjects()
    before = shop.models.get(pointer_key("shop")).body
    shop.promote("v3", 3)
    back_up(shop, backup)
    shop.models.put(pointer_key("shop"), before)
    assert bring_back(backup, shop).pointer == "restored"
    assert champion(shop) == "v3"


def test_a_rollback_since_the_backup_is_newer(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    roll_back(shop.models, pipeline="shop", swap_id="back", now=NOW, reason="bad", by_person=True)
    assert bring_back(backup, shop).pointer == "kept"
    assert champion(shop) == "v1"


def test_a_damaged_pointer_is_replaced(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    shop.models.put(pointer_key("shop"), b"garbage")
    assert bring_back(backup, shop).pointer == "restored"
    assert champion(shop) == "v2"


def test_a_version_of_the_same_name_with_other_content_stops_the_restore_before_the_pointer(shop: Shop) -> None:
    backup, other = MemoryObjects(), Shop()
    back_up(shop, backup)
    other.models.put(f"models/shop/v2/{MODEL}", b"another")
    with pytest.raises(IntegrityError, match="exists with other content"):
        bring_back(backup, other)
    assert read_pointer(other.models, "shop") is None


def test_rows_that_were_deleted_since_the_backup_stay_deleted(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    key = "datasets/shop/d1/manifest.json"
    shop.data.put(key, b"of fewer rows")
    restored = bring_back(backup, shop)
    assert restored.kept == (key,)
    assert shop.data.get(key).body == b"of fewer rows"


def test_a_lost_runs_table_comes_back_with_a_counter_that_is_no_lower(shop: Shop) -> None:
    backup = MemoryObjects()
    back_up(shop, backup)
    before = shop.content()
    shop.ledger = MemoryLedger()
    bring_back(backup, shop)
    assert shop.content() == before


def test_a_history_that_another_key_signed_waits_to_be_sealed_by_the_next_entry(shop: Shop) -> None:
    """As in another region, whose environment has a key of its own."""
    backup, elsewhere = MemoryObjects(), Shop(ledger=MemoryLedger(sign=lambda digest: b"new" + digest))
    signed = Shop(models=shop.models, data=shop.data, ledger=MemoryLedger(sign=lambda digest: b"old" + digest))
    for entry in reversed(shop.ledger.promotions("shop")):
        signed.ledger.append_promotion("shop", {name: value for name, value in entry.items() if name != CHAIN})
    back_up(signed, backup)

    def verify(digest: bytes, signature: bytes) -> bool:
        return signature == b"new" + digest

    restorer = Restorer(backup, lambda _: None, verify)
    restorer.restore(restorer.index().pipelines[0], elsewhere.source, now=NOW, by="ann")
    elsewhere.promote("v3", 3)
    entries = elsewhere.ledger.promotions("shop")
    assert [sequence_of(entry) for entry in entries] == [1, None, None]
    assert [entry["champion"] for entry in entries] == ["v3", "v2", "v1"]
    assert entries[1]["former_chain"]["sequence"] == 2
    found = read_pointer(elsewhere.models, "shop")
    assert found is not None
    head = elsewhere.ledger.history_head("shop")
    assert verify_history("shop", entries, verify_signature=verify, head=head, pointer=found.pointer) == []


def test_a_restored_history_is_whole_and_goes_on(shop: Shop) -> None:
    backup, empty = MemoryObjects(), Shop()
    back_up(shop, backup)
    bring_back(backup, empty)
    empty.promote("v3", 3)
    entries, head = empty.ledger.promotions("shop"), empty.ledger.history_head("shop")
    assert [sequence_of(entry) for entry in entries] == [3, 2, 1]
    assert verify_history("shop", entries, verify_signature=None, head=head) == []


def test_a_signature_of_another_key_stays_away_so_that_the_version_can_be_signed_again(shop: Shop) -> None:
    registry, backup, elsewhere = ModelRegistry(shop.models, "shop"), MemoryObjects(), Shop()
    for version, key in (("v1", b"old"), ("v2", b"new")):
        registry.write_signature(registry.read(version), lambda digest, key=key: key + digest)  # type: ignore[misc]
    back_up(shop, backup)
    restorer = Restorer(backup, lambda _: None, verify_version=lambda digest, found: found == b"new" + digest)
    restored = restorer.restore(restorer.index().pipelines[0], elsewhere.source, now=NOW, by="ann")
    assert restored.unsigned == ("v1",)
    assert [key for key in elsewhere.models.keys("models/") if key.endswith(".sig")] == ["models/shop/v2/manifest.sig"]


# A folder as a bucket


def test_a_folder_keeps_the_conditions_of_a_bucket(tmp_path: Path) -> None:
    folder = FolderObjects(tmp_path)
    etag = folder.put("a/b", b"1", if_none_match=True)
    with pytest.raises(PreconditionFailedError):
        folder.put("a/b", b"2", if_none_match=True)
    with pytest.raises(PreconditionFailedError):
        folder.put("a/b", b"2", if_match="another")
    folder.put("a/b", b"2", if_match=etag)
    assert (folder.get("a/b").body, folder.keys("a")) == (b"2", ["a/b"])
    with pytest.raises(NotFoundError):
        folder.get("a/c")
    with pytest.raises(InvalidInputError, match="key must stay in the folder"):
        folder.put("../x", b"")
