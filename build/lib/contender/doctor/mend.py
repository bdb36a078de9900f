"""Mends what is safe to mend: nothing here overwrites or deletes what somebody may still need."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contender.doctor.findings import (
    Finding,
    QueueUpload,
    RaiseToken,
    RebuildRuns,
    ReleaseLease,
    Repair,
    RestorePointer,
    SettleUpload,
    Undelete,
)
from contender.errors import ContenderError, IntegrityError
from contender.ports import Ledger, Objects
from contender.registry.versions import ModelRegistry
from contender.rollout.lost_pointer import restore_pointer
from contender.storage import sha256, write_once
from contender.workflow.claims import REMEMBER_SECONDS
from contender.workflow.run_folder import RECORD, RunFolder


@dataclass(frozen=True)
class Mended:
    """A finding, and what came of its repair: `failed` says why it could not be made; else it is empty."""

    finding: Finding
    done: str
    failed: str = ""


@dataclass(frozen=True)
class Mender:
    """Where repairs are made. `by` is who asked for them."""

    pipeline: str
    models: Objects
    data: Objects
    ledger: Ledger
    now: datetime
    by: str
    tell: Callable[[str], None] = lambda _: None

    def mend(self, findings: Sequence[Finding]) -> Sequence[Mended]:
        """Make the repairs: objects first, as a pointer is restored to a version that is whole."""
        order = (Undelete, RaiseToken, RestorePointer, ReleaseLease, SettleUpload, QueueUpload, RebuildRuns)
        fixable = [found for found in findings if found.repair is not None]
        fixable.sort(key=lambda found: order.index(type(found.repair)))
        return [self._attempt(found, found.repair) for found in fixable if found.repair is not None]

    def _attempt(self, finding: Finding, repair: Repair) -> Mended:
        self.tell(finding.action)
        try:
            return Mended(finding, self._make(repair))
        except ContenderError as error:
            return Mended(finding, "", str(error))

    def _make(self, repair: Repair) -> str:
        match repair:
            case RestorePointer():
                registry = ModelRegistry(self.models, self.pipeline)
                pointer = restore_pointer(registry, self.ledger, now=self.now.isoformat(timespec="seconds"), by=self.by)
                return f"{pointer.champion} is champion again"
            case ReleaseLease(owner):
                self.ledger.release_lease(self.pipeline, owner)
                return f"the lease of {owner} is released"
            case RaiseToken(least):
                self.ledger.raise_fencing_token(self.pipeline, least)
                return f"the next lease gets a token above {least}"
            case QueueUpload(batch):
                until = (self.now + timedelta(seconds=REMEMBER_SECONDS)).timestamp()
                if not self.ledger.add_batch(self.pipeline, batch, remember_until=until):
                    raise ContenderError(f"{batch.key} was seen before and is not queued twice; upload the file again")
                return f"{batch.key} is queued"
            case SettleUpload(batch):
                self.ledger.settle_batch(self.pipeline, batch.batch_id)
                return f"{batch.key} is no longer queued"
            case RebuildRuns(run_ids):
                for run_id in run_ids:
                    self.ledger.put_run(json.loads(self.data.get(self._record(run_id)).body))
                return f"{len(run_ids):,} records are in the runs table again"
            case Undelete(bucket, key, version_id, digest):
                return self._undelete(self.models if bucket == "models" else self.data, key, version_id, digest)

    def _record(self, run_id: str) -> str:
        return RunFolder(self.data, self.pipeline, run_id).key(RECORD)

    def _undelete(self, objects: Objects, key: str, version_id: str, digest: str) -> str:
        body = objects.get(key, version_id=version_id).body
        if sha256(body) != digest:
            raise IntegrityError(
                f"version {version_id} of {key} has sha256 {sha256(body)}, not {digest}; nothing changed"
            )
        write_once(objects, key, body)
        return f"{key} is back"
