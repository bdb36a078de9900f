"""Each thing that can be wrong is found, with what it means and what to do; what is safe is mended, and stays so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contender.doctor.facts import QueueFacts, Surroundings
from contender.doctor.findings import is_ill
from contender.ports import Batch
from contender.registry.pointer import pointer_key
from contender.registry.swaps import roll_back
from contender.registry.versions import MANIFEST, MODEL, REFERENCE
from contender.rollout.golden_requests import GOLDEN
from contender.storage import sha256
from contender.workflow.run_folder import RECORD
from tests.fakes import MemoryLedger
from tests.unit.doctor.clinic import NOW, Clinic, VersionedObjects


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def test_a_pipeline_that_is_well_has_no_findings(clinic: Clinic) -> None:
    assert clinic.findings(deep=True) == []


def test_a_pipeline_without_a_run_is_well() -> None:
    empty = Clinic.__new__(Clinic)
    empty.models, empty.data, empty.ledger = VersionedObjects(), VersionedObjects(), MemoryLedger()
    empty.uploads, empty.running, empty.unsigned, empty.around = [], set(), set(), Surroundings()
    assert empty.findings() == []


def set_pointer(clinic: Clinic, **values: Any) -> None:
    body = json.loads(clinic.models.get(pointer_key("shop")).body) | values
    clinic.models.put(pointer_key("shop"), json.dumps(body).encode())


@pytest.mark.parametrize("damage", ["lost", "garbage"])
def test_a_pointer_that_is_lost_or_damaged_is_critical_and_restored_from_the_history(
    clinic: Clinic, damage: str
) -> None:
    if damage == "lost":
        clinic.models.remove(pointer_key("shop"))
    else:
        clinic.models.put(pointer_key("shop"), b"garbage")
    found = clinic.only()
    assert (found.check, found.severity, found.repair is not None) == ("pointer", "critical", True)
    assert [each.done for each in clinic.mend()] == ["v2 is champion again"]
    assert clinic.findings() == []
    newest = clinic.ledger.promotions("shop")[0]
    assert (newest["kind"], newest["by"]) == ("restored", "ann")


def test_a_pointer_without_a_history_to_restore_it_from_needs_a_backup(clinic: Clinic) -> None:
    clinic.models.put(pointer_key("shop"), b"garbage")
    clinic.ledger = MemoryLedger()
    clinic.ledger.put_run(clinic.folder("run-1").read(RECORD))
    found = clinic.only()
    assert found.repair is None
    assert "contender restore FILE --pipeline shop --env prod" in found.action


def test_a_version_that_was_deleted_comes_back_from_what_s3_kept(clinic: Clinic) -> None:
    keys = clinic.models.keys("models/shop/v2/")
    before = {key: clinic.models.get(key).body for key in keys}
    for key in keys:
        clinic.models.remove(key)
    found = clinic.only()  # without its manifest nobody knows which files it has
    assert (found.severity, found.what) == ("critical", f"v2 (champion): {MANIFEST} is gone")
    clinic.mend()
    rest = clinic.findings()
    assert sorted(each.what for each in rest) == [
        f"v2 (champion): {name} is gone" for name in sorted((GOLDEN, MODEL, REFERENCE))
    ]
    clinic.mend()
    assert clinic.findings() == []
    assert {key: clinic.models.get(key).body for key in keys} == before


def test_a_version_that_s3_has_not_kept_needs_a_backup_or_the_one_before(clinic: Clinic) -> None:
    clinic.models.erase(f"models/shop/v2/{MANIFEST}")
    found = clinic.only()
    assert found.repair is None
    assert "contender rollback --pipeline shop --env prod" in found.action


@pytest.mark.parametrize(
    ("name", "means"),
    [(MODEL, "Serving cannot load it."), (REFERENCE, "the drift check of every run fails"), (GOLDEN, "rehearsed")],
)
def test_what_follows_from_a_lost_file_is_said(clinic: Clinic, name: str, means: str) -> None:
    clinic.models.erase(f"models/shop/v2/{name}")
    found = clinic.only()
    assert found.what == f"v2 (champion): {name} is gone"
    assert means in found.means


def test_a_model_that_was_cut_off_is_found_by_its_digest_and_never_overwritten(clinic: Clinic) -> None:
    clinic.models.put(f"models/shop/v2/{MODEL}", b"v")
    found = clinic.only()
    assert f"{MODEL} has sha256 {sha256(b'v')}, not {sha256(b'v2')}" in found.what
    assert f"aws s3 rm s3://model-bucket/models/shop/v2/{MODEL}" in found.action
    assert clinic.mend() == []
    clinic.models.removed[f"models/shop/v2/{MODEL}"] = clinic.models._versions.pop(f"models/shop/v2/{MODEL}")
    assert [each.done for each in clinic.mend()] == [f"models/shop/v2/{MODEL} is back"]
    assert clinic.findings() == []


def test_files_of_versions_that_do_not_serve_are_read_only_when_asked(clinic: Clinic) -> None:
    files = {MODEL: b"v0", GOLDEN: b""}
    clinic.registry.write({"version": "v0", "pipeline": "shop"}, files)
    clinic.models.put(f"models/shop/v0/{MODEL}", b"other")
    assert clinic.findings() == []
    assert clinic.only(deep=True).severity == "note"


def test_a_manifest_that_is_not_the_promoted_one_is_told(clinic: Clinic) -> None:
    set_pointer(clinic, manifest_sha256="0" * 64)
    found = clinic.only()
    assert "but 0000" in found.what
    assert found.severity == "critical"


def test_a_champion_that_is_not_signed_is_critical_and_a_person_has_to_sign(clinic: Clinic) -> None:
    clinic.unsigned.add("v2")
    found = clinic.only()
    assert (found.severity, found.repair) == ("critical", None)
    assert "contender sign v2 --pipeline shop --env prod" in found.action


def test_a_lost_dataset_part_is_brought_back_where_s3_kept_it(clinic: Clinic) -> None:
    manifest = clinic.store.manifest("d1")
    clinic.data.remove(clinic.store.key("d1", manifest.part))
    assert clinic.only().check == "datasets"
    clinic.mend()
    assert clinic.findings() == []
    assert clinic.store.part(manifest) == b"rows"


@pytest.mark.parametrize("body", [b"garbage", b"[]", b'{"version": "d1"}'])
def test_a_dataset_manifest_that_cannot_be_read_is_told(clinic: Clinic, body: bytes) -> None:
    clinic.data.put(clinic.store.key("d1", "manifest.json"), body)
    assert "its manifest cannot be read" in clinic.only().what


def test_a_lease_that_outlived_its_run_is_released_and_one_of_a_run_in_progress_stays(clinic: Clinic) -> None:
    clinic.ledger.acquire_lease("shop", "run-2", now=NOW.timestamp(), seconds=60)
    clinic.running.add("run-2")
    assert clinic.findings() == []
    clinic.running.clear()
    assert clinic.only().check == "lease"
    clinic.mend()
    assert clinic.ledger.lease("shop") is None


def test_a_lease_from_a_clock_a_year_ahead_says_so(clinic: Clinic) -> None:
    clinic.ledger.acquire_lease("shop", "run-2", now=(NOW + timedelta(days=365)).timestamp(), seconds=60)
    assert "longer than any lease lasts, so a clock was wrong" in clinic.only().what


def test_a_queued_upload_without_an_object_leaves_the_queue(clinic: Clinic) -> None:
    clinic.ledger.add_batch("shop", Batch("b", "incoming/shop/b.csv", "1", 1, ""), remember_until=9e9)
    assert clinic.only().what == "incoming/shop/b.csv is queued, and its object is gone"
    clinic.mend()
    assert clinic.ledger.pending_batches("shop") == []


def test_an_upload_in_no_place_is_queued_once_its_event_had_time_to_come(clinic: Clinic) -> None:
    batch = clinic.upload("c.csv", "1", ago=timedelta(minutes=5))
    assert clinic.findings() == []
    clinic.uploads[-1] = replace(clinic.uploads[-1], uploaded_at=NOW - timedelta(hours=3))
    assert "no run took it, and it is not in the queue" in clinic.only().what
    clinic.mend()
    assert clinic.ledger.pending_batches("shop") == [batch]
    assert clinic.findings() == []


def test_an_upload_that_was_settled_without_a_run_has_to_be_uploaded_again(clinic: Clinic) -> None:
    batch = clinic.upload("c.csv", "1", ago=timedelta(hours=3))
    clinic.ledger.add_batch("shop", batch, remember_until=9e9)
    clinic.ledger.settle_batch("shop", batch.batch_id)
    (mended,) = clinic.mend()
    assert "upload the file again" in mended.failed


def test_a_runs_table_that_lost_everything_is_made_again_as_far_as_s3_has_it(clinic: Clinic) -> None:
    before = clinic.ledger.runs("shop")
    set_pointer(clinic, fencing_token=7)
    clinic.ledger = MemoryLedger()
    checks = {(found.check, found.repair is not None) for found in clinic.findings()}
    assert checks == {("runs", True), ("history", False)}
    clinic.mend()
    assert clinic.ledger.runs("shop") == before
    assert clinic.ledger.acquire_lease("shop", "run-2", now=NOW.timestamp(), seconds=60).fencing_token == 8


def test_one_lost_row_of_a_run_is_written_again(clinic: Clinic) -> None:
    record = {"pipeline": "shop", "run_id": "run-0", "started_at": "2026-01-01T00:00:00Z", "verdict": "skipped"}
    clinic.folder("run-0").write(RECORD, record)
    assert clinic.only().what.endswith("1 run that left one in S3: run-0")
    clinic.mend()
    assert [each["run_id"] for each in clinic.ledger.runs("shop")] == ["run-1", "run-0"]


def test_a_history_that_does_not_know_the_champion_is_told(clinic: Clinic) -> None:
    clinic.ledger._promotions = {
        name: text for name, text in clinic.ledger._promotions.items() if '"champion": "v2"' not in text
    }
    found = clinic.findings()
    assert {(each.check, each.severity) for each in found} == {("history", "critical")}
    assert "entry 2" in found[0].what


YEAR = timedelta(days=365)


def ahead_run(clinic: Clinic) -> None:
    clinic.ledger.put_run({"pipeline": "shop", "run_id": "r9", "started_at": (NOW + YEAR).isoformat()})


def ahead_version(clinic: Clinic) -> None:
    files = {MODEL: b"", GOLDEN: b""}
    clinic.registry.write({"version": "v9", "pipeline": "shop", "created_at": (NOW + YEAR).isoformat()}, files)


@pytest.mark.parametrize(
    "happens", [lambda clinic: set_pointer(clinic, swapped_at=(NOW + YEAR).isoformat()), ahead_run, ahead_version]
)
def test_what_a_clock_a_year_ahead_wrote_is_told(clinic: Clinic, happens: Callable[[Clinic], None]) -> None:
    happens(clinic)
    assert "future" in clinic.only().what


@pytest.mark.parametrize(
    ("around", "check", "action"),
    [
        (
            Surroundings(signing_key="PendingDeletion", signing_key_id="k", deleted_at="2026-03-01"),
            "signing key",
            "aws kms cancel-key-deletion --key-id k",
        ),
        (Surroundings(signing_key="Disabled", signing_key_id="k"), "signing key", "aws kms enable-key --key-id k"),
        (Surroundings(clock_ahead_seconds=3600.0), "clock", "time server"),
        (Surroundings(dead_letters=[QueueFacts("dead", 3)]), "dead letters", "contender dead-letters list"),
        (Surroundings(deployed_code="a" * 64, own_code="b" * 64), "code", "deploy"),
        (Surroundings(free_bytes=1 << 20), "disk", "free some"),
        (Surroundings(served={"model_version": "v1", "stale": None}), "serving", "contender rollback"),
        (Surroundings(served={"error": "503"}), "serving", "contender rollback"),
        (Surroundings(rehearsal="v2 fails the rehearsal"), "serving", "contender rollback"),
    ],
)
def test_what_is_around_a_pipeline_is_examined_too(
    clinic: Clinic, around: Surroundings, check: str, action: str
) -> None:
    clinic.around = around
    found = clinic.only()
    assert found.check == check
    assert action in found.action


def test_a_version_that_was_rolled_back_is_not_advised(clinic: Clinic) -> None:
    """A second rollback would bring it back."""
    clinic.around = Surroundings(served={"error": "503"})
    roll_back(clinic.models, pipeline="shop", swap_id="s", now=NOW.isoformat(), reason="it fails", by_person=True)
    found = next(each for each in clinic.findings() if each.check == "serving")
    assert "contender rollback" not in found.action
    assert found.action.endswith("contender trial start --version VERSION --weight 1 --pipeline shop --env prod")


def test_a_table_that_cannot_be_read_hides_nothing_else(clinic: Clinic) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("throttled")

    clinic.ledger.runs = broken  # type: ignore[method-assign]
    clinic.models.erase(f"models/shop/v2/{MODEL}")
    found = clinic.findings()
    assert "could not be checked: RuntimeError: throttled" in {each.what for each in found}
    assert f"v2 (champion): {MODEL} is gone" in {each.what for each in found}
    assert is_ill(found)


# Live windows and labels


def predicted(clinic: Clinic, *days: str) -> None:
    for day in days:
        clinic.data.put(f"predictions/shop/dt={day}/v2-0.parquet", b"rows")


def test_days_of_predictions_that_nobody_judged_are_told(clinic: Clinic) -> None:
    """The clinic's clock is at midnight after January 31st, whose window has not closed yet."""
    predicted(clinic, "2026-01-28", "2026-01-29", "2026-01-30", "2026-01-31")
    clinic.data.put("live/shop/windows/2026-01-29.json", b"{}")
    found = clinic.only()
    assert (found.check, found.severity) == ("live", "warning")
    assert found.what == "predictions of 2026-01-30 were not judged"
    assert "contender live --judge" in found.action


@pytest.mark.parametrize("windows", [("2026-01-29T00", "2026-01-30T23"), ("2026-W04",), ("2026-01",)])
def test_hours_of_a_day_and_longer_windows_count_as_judged(clinic: Clinic, windows: tuple[str, ...]) -> None:
    predicted(clinic, "2026-01-29", "2026-01-30")
    for window in windows:
        clinic.data.put(f"live/shop/windows/{window}.json", b"{}")
    assert clinic.findings() == []


def test_a_caller_whose_labels_wait_is_a_note_until_a_run_has_taken_them(clinic: Clinic) -> None:
    folder = "labelled/shop/set-aside/0badc0ffee11"
    clinic.data.put(f"{folder}/a.parquet", b"rows")
    clinic.data.put(f"{folder}/b.parquet", b"rows")
    found = clinic.only()
    assert (found.severity, found.what) == ("note", "labels of caller 0badc0ffee11 are set aside: 2 files")
    clinic.data.put("labelled/shop/read.json", json.dumps({"read": {folder: ["a.parquet", "b.parquet"]}}).encode())
    assert clinic.findings() == []
