"""The ports in memory, with the faults of a network. `tests/unit/test_ports.py` holds them to the real adapters."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contender.errors import ConflictError, NotFoundError, PreconditionFailedError, UnknownOutcomeError
from contender.ports import ApprovalRequest, Batch, HistoryHead, Lease, SentMail, StoredObject
from contender.predictions.live_metrics import NOTHING, LiveCounts
from contender.predictions.table_entries import Entry, ItemKey, LiveMinute, Outcome, key_of
from contender.registry.history import chain_so_far, head_of, in_order, linked
from contender.serving.requests import RowReader


class Fault(Enum):
    """What may befall a write."""

    CONFLICT = "another write is in flight, S3 answers 409"
    LOST_AND_LANDED = "the write happened, its answer did not arrive"
    LOST_AND_GONE = "neither the write happened nor did an answer arrive"


@dataclass
class MemoryObjects:
    """A versioned bucket. `faults` befall the next writes, one each; None leaves a write alone."""

    faults: deque[Fault | None] = field(default_factory=deque)
    _versions: dict[str, list[StoredObject]] = field(default_factory=dict)
    _lock: Any = field(default_factory=RLock)

    def get(self, key: str, *, version_id: str | None = None) -> StoredObject:
        with self._lock:
            versions = self._versions.get(key, [])
            if version_id is None and versions:
                return versions[-1]
            if version_id is not None and version_id.isdigit() and int(version_id) < len(versions):
                return versions[int(version_id)]
            raise NotFoundError(f"{key} does not exist")

    def get_if_changed(self, key: str, etag: str | None) -> StoredObject | None:
        found = self.get(key)
        return None if found.etag == etag else found

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        with self._lock:
            fault = self.faults.popleft() if self.faults else None
            if fault is Fault.CONFLICT:
                raise ConflictError(f"{key} is being written by another writer")
            if fault is Fault.LOST_AND_GONE:
                raise UnknownOutcomeError(f"no answer to the write of {key}")
            found = self._versions.get(key, [])
            if if_match and not found:
                raise NotFoundError(f"{key} does not exist")
            if (if_match and found[-1].etag != if_match) or (if_none_match and found):
                raise PreconditionFailedError(f"{key} is not in the expected state")
            etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            self._versions.setdefault(key, []).append(StoredObject(body, etag))
            if fault is Fault.LOST_AND_LANDED:
                raise UnknownOutcomeError(f"no answer to the write of {key}")
            return etag

    def get_file(self, key: str, path: Path, *, version_id: str | None = None) -> None:
        path.write_bytes(self.get(key, version_id=version_id).body)

    def put_file(self, key: str, path: Path, *, if_none_match: bool = False) -> str:
        return self.put(key, path.read_bytes(), if_none_match=if_none_match)

    def copy(self, key: str, to: str, *, version_id: str | None = None) -> None:
        self.put(to, self.get(key, version_id=version_id).body)

    def keys(self, prefix: str) -> Sequence[str]:
        with self._lock:
            return sorted(key for key in self._versions if key.startswith(prefix))

    def erase(self, key: str) -> None:
        with self._lock:
            self._versions.pop(key, None)

    def version_ids(self, key: str) -> Sequence[str]:
        """The versions of an object, oldest first."""
        return [str(number) for number in range(len(self._versions.get(key, [])))]

    def remove(self, key: str) -> None:
        """As if somebody else had deleted the object."""
        self._versions.pop(key, None)


@dataclass
class MemorySentMails:
    """The mails about alarms. `down` befalls every call."""

    down: bool = False
    _items: dict[tuple[str, str, str, str], tuple[SentMail, bool, datetime]] = field(default_factory=dict)

    def claim(self, pipeline: str, mail: SentMail, *, now: datetime) -> Literal["mine", "sent", "at work"]:
        self._answer()
        key = (pipeline, mail.alarm, mail.at, mail.state)
        if key in self._items:
            found, settled, since = self._items[key]
            if settled:
                return "sent"
            if found.caller != mail.caller and now - since <= timedelta(minutes=5):
                return "at work"
        self._items[key] = (mail, False, now)
        return "mine"

    def settle(self, pipeline: str, mail: SentMail) -> None:
        self._answer()
        key = (pipeline, mail.alarm, mail.at, mail.state)
        self._items[key] = (mail, True, self._items[key][2])

    def mails(self, pipeline: str) -> Sequence[SentMail]:
        self._answer()
        found = [mail for (owner, *_), (mail, settled, _) in self._items.items() if owner == pipeline and settled]
        return sorted(found, key=lambda mail: (mail.at, mail.alarm))

    def _answer(self) -> None:
        if self.down:
            raise UnknownOutcomeError("no answer from the table")


@dataclass
class MemoryLedger:
    """The ledger of any number of pipelines. `sign` signs the history of champions."""

    sign: Callable[[bytes], bytes] | None = None
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _pending: dict[tuple[str, str], Batch] = field(default_factory=dict)
    _returned: dict[tuple[str, str], str] = field(default_factory=dict)
    _leases: dict[str, Lease] = field(default_factory=dict)
    _tokens: dict[str, int] = field(default_factory=dict)
    _runs: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _promotions: dict[tuple[str, str], str] = field(default_factory=dict)
    _heads: dict[str, HistoryHead] = field(default_factory=dict)
    _approvals: dict[tuple[str, str], ApprovalRequest] = field(default_factory=dict)
    _lock: Any = field(default_factory=RLock)

    def add_batch(self, pipeline: str, batch: Batch, *, remember_until: float) -> bool:
        with self._lock:
            name = (pipeline, batch.batch_id)
            if name in self._seen:
                return False
            self._seen.add(name)
            self._pending[name] = batch
            return True

    def pending_batches(self, pipeline: str) -> Sequence[Batch]:
        with self._lock:
            found = [batch for (owner, _), batch in self._pending.items() if owner == pipeline]
            return sorted(found, key=lambda batch: (batch.uploaded_at, batch.key))

    def settle_batch(self, pipeline: str, batch_id: str) -> None:
        with self._lock:
            self._pending.pop((pipeline, batch_id), None)

    def return_batch(self, pipeline: str, batch_id: str, *, run_id: str) -> None:
        with self._lock:
            found = self._pending.get((pipeline, batch_id))
            if found is not None and self._returned.get((pipeline, batch_id)) != run_id:
                self._returned[pipeline, batch_id] = run_id
                self._pending[pipeline, batch_id] = replace(found, attempts=found.attempts + 1)

    def acquire_lease(self, pipeline: str, owner: str, *, now: float, seconds: float) -> Lease:
        with self._lock:
            held = self._leases.get(pipeline)
            if held is not None and held.expires_at >= int(now):
                return held
            self._tokens[pipeline] = self._tokens.get(pipeline, 0) + 1
            self._leases[pipeline] = Lease(owner, self._tokens[pipeline], float(int(now + seconds)))
            return self._leases[pipeline]

    def release_lease(self, pipeline: str, owner: str) -> None:
        with self._lock:
            if pipeline in self._leases and self._leases[pipeline].owner == owner:
                del self._leases[pipeline]

    def lease(self, pipeline: str) -> Lease | None:
        return self._leases.get(pipeline)

    def fencing_token(self, pipeline: str) -> int:
        return self._tokens.get(pipeline, 0)

    def raise_fencing_token(self, pipeline: str, least: int) -> None:
        with self._lock:
            self._tokens[pipeline] = max(least, self._tokens.get(pipeline, 0))

    def put_run(self, record: Mapping[str, Any]) -> None:
        with self._lock:
            self._runs[record["pipeline"], record["started_at"], record["run_id"]] = json.dumps(dict(record))

    def runs(self, pipeline: str, *, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        with self._lock:
            found = sorted((name for name in self._runs if name[0] == pipeline), reverse=True)
            return [json.loads(self._runs[name]) for name in found[:limit]]

    def append_promotion(self, pipeline: str, entry: Mapping[str, Any]) -> None:
        with self._lock:
            if (pipeline, entry["swap_id"]) in self._promotions:
                return
            head: HistoryHead | None = self._heads.get(pipeline)
            earlier: Sequence[Mapping[str, Any]] = ()
            if head is None:
                head, earlier = chain_so_far(self.promotions(pipeline))
            content = json.loads(json.dumps(dict(entry)))
            added = linked(pipeline, content, head=head, earlier=earlier, sign=self.sign)
            self._promotions[pipeline, entry["swap_id"]] = json.dumps(added)
            self._heads[pipeline] = head_of(added)

    def promotions(self, pipeline: str) -> Sequence[Mapping[str, Any]]:
        with self._lock:
            found = [json.loads(text) for (owner, _), text in self._promotions.items() if owner == pipeline]
            return sorted(found, key=in_order, reverse=True)

    def restore_promotions(self, pipeline: str, entries: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            for entry in entries:
                self._promotions.setdefault((pipeline, entry["swap_id"]), json.dumps(dict(entry)))
            head, _ = chain_so_far(self.promotions(pipeline))
            if head is not None:
                self._heads[pipeline] = head

    def history_head(self, pipeline: str) -> HistoryHead | None:
        return self._heads.get(pipeline)

    def put_approval(self, pipeline: str, request: ApprovalRequest) -> None:
        self._approvals[pipeline, request.run_id] = request

    def approval(self, pipeline: str, run_id: str) -> ApprovalRequest | None:
        return self._approvals.get((pipeline, run_id))

    def approvals(self, pipeline: str) -> Sequence[ApprovalRequest]:
        with self._lock:
            found = [one for (owner, _), one in self._approvals.items() if owner == pipeline]
            return sorted(found, key=lambda one: (one.asked_at, one.run_id))

    def settle_approval(self, pipeline: str, run_id: str, *, answer: str, by: str = "", reason: str = "") -> bool:
        with self._lock:
            found = self._approvals.get((pipeline, run_id))
            if found is None or found.answer:
                return False
            self._approvals[pipeline, run_id] = replace(found, answer=answer, by=by, reason=reason, task_token="")
            return True


@dataclass
class MemoryEntryTable:
    """The table of predictions. `refusals` befall the next writes of these items: their entries are not written."""

    entries: dict[ItemKey, dict[str, Any]] = field(default_factory=dict)
    counts: dict[LiveMinute, LiveCounts] = field(default_factory=dict)
    refusals: set[ItemKey] = field(default_factory=set)

    def write_entries(self, entries: Sequence[Entry]) -> list[Outcome]:
        return [self._write(entry) for entry in entries]

    def _write(self, entry: Entry) -> Outcome:
        key = key_of(entry.item)
        if key in self.refusals:
            self.refusals.remove(key)
            return "not written"
        known = self.entries.get(key)
        if entry.replaces != (known and known.get("token")) or (entry.replaces is None and known is not None):
            return "there already"
        self.entries[key] = dict(entry.item)
        for minute, counts in entry.counts.items():
            self.counts[minute] = self.counts.get(minute, NOTHING) + counts
        return "written"

    def find_items(self, keys: Iterable[Mapping[str, str]]) -> dict[ItemKey, dict[str, Any]]:
        return {key: dict(self.entries[key]) for key in map(key_of, keys) if key in self.entries}


@dataclass
class MemoryLog:
    """A function's log: what was said, with its fields."""

    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def info(self, msg: object, **fields: Any) -> None:
        self.said.append((str(msg), fields))

    error = exception = info


@dataclass
class MemoryItemTable:
    """Items by their keys, to serving."""

    items: dict[ItemKey, dict[str, Any]] = field(default_factory=dict)

    def get_item(self, pk: str, sk: str) -> dict[str, Any] | None:
        return self.items.get((pk, sk))

    def put_item(self, item: Mapping[str, Any], *, if_absent: bool = False) -> bool:
        if if_absent and key_of(item) in self.items:
            return False
        self.items[key_of(item)] = dict(item)
        return True

    def query_items(self, pk: str, prefix: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
        found = sorted(key for key in self.items if key[0] == pk and key[1].startswith(prefix))
        return [self.items[key] for key in found[:limit]]


@dataclass
class MemoryQueue:
    """The sending side of a queue; `failures` befall the next messages, which are not sent."""

    sent: list[str] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    failures: deque[Exception] = field(default_factory=deque)

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> None:
        if self.failures:
            raise self.failures.popleft()
        self.sent.append(body)
        self.groups.append(group)


@dataclass
class AmountModel:
    """A model version whose P(yes) is its one feature, `amount`; `failures` befall the next predictions."""

    version: str = "v1"
    failures: deque[Exception | None] = field(default_factory=deque)
    typical: Mapping[str, Any] | None = None
    quick_reader: None = None
    quick_writer: None = None

    @property
    def manifest(self) -> Mapping[str, Any]:
        amount = {"name": "amount", "kind": "numeric"}
        binary = {"task": "binary", "classes": ["no", "yes"], "positive": "yes"}
        typical = {} if self.typical is None else {"typical": self.typical}
        return {"version": self.version, "features": [amount], **binary, **typical}

    @property
    def reader(self) -> RowReader:
        return RowReader.of(self.manifest)

    def predict_encoded(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        yes = matrix[:, 0].astype(np.float64)
        return np.column_stack([1 - yes, yes])
