"""A pipeline that is well, to be made ill."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from contender.data.datasets import DatasetManifest, DatasetStore
from contender.doctor.examine import examine
from contender.doctor.facts import Bucket, Surroundings, Upload
from contender.doctor.findings import Finding
from contender.doctor.gather import Examination
from contender.doctor.mend import Mended, Mender
from contender.errors import IntegrityError
from contender.ports import Batch
from contender.registry.history import verify_history
from contender.registry.pointer import read_pointer
from contender.registry.versions import MODEL, REFERENCE, ModelReader, ModelRegistry, ModelVersion
from contender.rollout.golden_requests import GOLDEN
from contender.rollout.swap_history import history_entry
from contender.storage import sha256
from contender.workflow.run_folder import BATCHES, RECORD, RunFolder
from tests.fakes import MemoryLedger, MemoryObjects
from tests.models import crown

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@dataclass
class VersionedObjects(MemoryObjects):
    """A bucket whose removed objects are kept, as by S3 behind a delete marker."""

    removed: dict[str, list[Any]] = field(default_factory=dict)

    def remove(self, key: str) -> None:
        self.removed[key] = self._versions.pop(key)

    def get(self, key: str, *, version_id: str | None = None) -> Any:
        if version_id is not None and key in self.removed:
            return self.removed[key][int(version_id)]
        return super().get(key, version_id=version_id)

    def kept(self, key: str) -> list[str]:
        return [str(number) for number in reversed(range(len(self.removed.get(key) or self._versions.get(key, []))))]


@dataclass
class Clinic:
    """A pipeline that is well: two champions one after the other, a dataset version, a run, an upload that it took."""

    models: VersionedObjects = field(default_factory=VersionedObjects)
    data: VersionedObjects = field(default_factory=VersionedObjects)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    running: set[str] = field(default_factory=set)
    unsigned: set[str] = field(default_factory=set)
    uploads: list[Upload] = field(default_factory=list)
    around: Surroundings = field(default=Surroundings(signing_key="Enabled"))

    def __post_init__(self) -> None:
        for version in ("v1", "v2"):
            files = {MODEL: version.encode(), REFERENCE: b"reference", GOLDEN: b"golden"}
            manifest = {"version": version, "pipeline": "shop", "created_at": "2026-01-01T00:00:00+00:00"}
            crown(self.models, self.registry.write(manifest, files))
            found = read_pointer(self.models, "shop")
            assert found is not None
            self.ledger.append_promotion(
                "shop",
                history_entry(
                    found.pointer, kind="promotion", now=f"2026-01-0{version[1]}T00:00:00Z", reason="", run_id="r"
                ),
            )
        self.store.write(dataset("d1", b"rows"), b"rows")
        lease = self.ledger.acquire_lease("shop", "run-1", now=NOW.timestamp(), seconds=60)
        assert lease.fencing_token == 1
        self.ledger.release_lease("shop", "run-1")
        record = {"pipeline": "shop", "run_id": "run-1", "started_at": "2026-01-02T00:00:00Z", "verdict": "promoted"}
        self.ledger.put_run(record)
        self.folder("run-1").write(RECORD, record)
        self.upload("a.csv", "1")
        self.folder("run-1").write(BATCHES, {"batches": [{"key": "incoming/shop/a.csv", "version_id": "1"}]})

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.models, "shop")

    @property
    def store(self) -> DatasetStore:
        return DatasetStore(self.data, "shop")

    def folder(self, run_id: str) -> RunFolder:
        return RunFolder(self.data, "shop", run_id)

    def upload(self, name: str, version_id: str, *, ago: timedelta = timedelta(hours=1)) -> Batch:
        batch = Batch(f"id of {name}", f"incoming/shop/{name}", version_id, 10, (NOW - ago).isoformat())
        self.uploads.append(Upload(batch, NOW - ago))
        return batch

    def check_signature(self, reader: ModelReader, model: ModelVersion) -> None:
        if model.version in self.unsigned:
            raise IntegrityError(f"{model.version} is not signed")

    def findings(self, *, deep: bool = False) -> list[Finding]:
        def kept(bucket: Bucket, key: str) -> list[str]:
            return (self.models if bucket == "models" else self.data).kept(key)

        examination = Examination(
            "shop",
            "prod",
            self.models,
            self.data,
            self.ledger,
            {"models": "model-bucket", "data": "data-bucket"},
            NOW,
            is_running=lambda run: run in self.running,
            check_signature=self.check_signature,
            verify_history=lambda entries, pointer: verify_history(
                "shop",
                entries,
                verify_signature=None,
                head=self.ledger.history_head("shop"),
                pointer=pointer,
            ),
            uploads=lambda: self.uploads,
            kept_versions=kept,
            deep=deep,
        )
        return list(examine(examination.gather(self.around)))

    def mend(self) -> list[Mended]:
        mender = Mender("shop", self.models, self.data, self.ledger, NOW, "ann")
        return list(mender.mend(self.findings()))

    def only(self, *, deep: bool = False) -> Finding:
        (found,) = self.findings(deep=deep)
        return found


def dataset(version: str, rows: bytes, sequence: int = 1) -> DatasetManifest:
    name = f"part-{sha256(rows)[:8]}.parquet"
    return DatasetManifest(
        "shop", version, sequence, 1, name, sha256(rows), "incoming/shop/a.csv", "1", "run-1", "", 0.0, 1.0, ()
    )
