"""Gathers the facts of a pipeline from its buckets and the runs table."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from contender.data.datasets import DatasetStore
from contender.doctor.facts import Bucket, Damage, DatasetFacts, Facts, Surroundings, Upload, VersionFacts
from contender.doctor.live_facts import set_aside, unjudged_days
from contender.errors import ContenderError, DamagedPointerError, IntegrityError, NotFoundError
from contender.ports import Batch, Lease, Ledger, Objects
from contender.registry.history import Entry, Problem
from contender.registry.pointer import Pointer, read_pointer
from contender.registry.signatures import Check
from contender.registry.versions import MANIFEST, ModelRegistry
from contender.rollout.golden_requests import GOLDEN
from contender.storage import sha256, sha256_of
from contender.workflow.run_folder import BATCHES, RECORD

MOST_RUNS = 10_000
Found = TypeVar("Found")
Key = tuple[str, str | None]
"""The key of an upload and the id of its version, where its event named one."""


@dataclass(frozen=True)
class Examination:
    """Where a pipeline is looked at.

    Attributes
    ----------
    buckets : the names of the buckets.
    is_running : whether a run is in progress.
    check_signature : raises IntegrityError for a version that is not signed; None where nothing is signed.
    verify_history : what is wrong with the entries of the history, which the pointer has to agree with.
    uploads : all versions of the files below `incoming/`.
    kept_versions : ids of all versions that S3 has kept of an object, newest first.
    deep : whether to read every file of every version and dataset, instead of those of versions that serve.
    tell : shown while it works.
    """

    pipeline: str
    environment: str
    models: Objects
    data: Objects
    ledger: Ledger
    buckets: Mapping[Bucket, str]
    now: datetime
    is_running: Callable[[str], bool]
    check_signature: Check | None
    verify_history: Callable[[Sequence[Entry], Pointer | None], Sequence[Problem]]
    uploads: Callable[[], Sequence[Upload]]
    kept_versions: Callable[[Bucket, str], Sequence[str]]
    deep: bool = False
    tell: Callable[[str], None] = lambda _: None
    unread: dict[str, str] = field(default_factory=dict)

    def gather(self, surroundings: Surroundings) -> Facts:
        """Everything that the checks read; what cannot be read is named in `unread`."""
        self.tell("the champion pointer and its history")
        (pointer, fault), *_ = self._attempt("pointer", lambda: [self._pointer()]) or [(None, "")]
        history = self._attempt("history", lambda: self.ledger.promotions(self.pipeline))
        self.tell("the queue, the lease and the runs")
        pending = self._attempt("uploads", lambda: self.ledger.pending_batches(self.pipeline))
        leases = self._attempt("lease", lambda: [self.ledger.lease(self.pipeline)])
        lease = leases[0] if leases else None
        keys = self._attempt("runs", lambda: self.data.keys(f"runs/{self.pipeline}/"))
        uploads = self._attempt("uploads", self.uploads)
        lost, strays = self._places(pending, uploads, keys)
        tokens = self._attempt("runs", lambda: [self.ledger.fencing_token(self.pipeline)])
        return Facts(
            self.pipeline,
            self.environment,
            self.now,
            pointer=pointer,
            pointer_fault=fault,
            history=history,
            history_problems=self._attempt("history", lambda: self.verify_history(history, pointer)),
            versions=self._attempt("versions", lambda: self._versions(pointer)),
            datasets=self._attempt("datasets", self._datasets),
            lease=lease,
            lease_runs=lease is not None and self._runs(lease),
            fencing_token=tokens[0] if tokens else None,
            pending=pending,
            lost_uploads=lost,
            strays=strays,
            runs=self._attempt("runs", lambda: self.ledger.runs(self.pipeline, limit=MOST_RUNS)),
            kept_runs=[key.split("/")[2] for key in keys if key.endswith(f"/{RECORD}")],
            unjudged_days=self._attempt("live", lambda: unjudged_days(self.data, self.pipeline, self.now)),
            set_aside=dict(self._attempt("live", lambda: [*set_aside(self.data, self.pipeline).items()])),
            surroundings=surroundings,
            unread=dict(self.unread),
            buckets=self.buckets,
        )

    def _attempt(self, name: str, read: Callable[[], Sequence[Found]]) -> Sequence[Found]:
        """What is read; nothing and the reason where it cannot be: that must not hide what other checks find."""
        try:
            return read()
        except Exception as error:
            self.unread.setdefault(name, " ".join(f"{type(error).__name__}: {error}".split()))
            return ()

    def _runs(self, lease: Lease) -> bool:
        """Whether the lease's run is in progress; where that is not known, it is taken to be."""
        found = self._attempt("lease", lambda: [self.is_running(lease.owner)])
        return found[0] if found else True

    def _places(
        self, pending: Sequence[Batch], uploads: Sequence[Upload], keys: Sequence[str]
    ) -> tuple[frozenset[str], Sequence[Upload]]:
        """Queued uploads without an object, by their ids, and uploads that are neither queued nor taken by a run."""
        taken = {*self._attempt("uploads", lambda: self._taken(keys)), *((one.key, one.version_id) for one in pending)}
        if {"uploads", "runs"} & set(self.unread):
            return frozenset(), ()
        present = {(each.batch.key, each.batch.version_id) for each in uploads}
        lost = frozenset(each.batch_id for each in pending if not _is_there(each, present))
        return lost, [each for each in uploads if each.newest and not _is_taken(each.batch, taken)]

    def _pointer(self) -> tuple[Pointer | None, str]:
        try:
            found = read_pointer(self.models, self.pipeline)
        except DamagedPointerError as error:
            return None, str(error)
        return (found.pointer if found is not None else None), ""

    def _taken(self, keys: Iterable[str]) -> Sequence[Key]:
        """The uploads that runs have taken, by key and version id."""
        found: list[Key] = []
        for key in keys:
            if key.endswith(f"/{BATCHES}"):
                batches = json.loads(self.data.get(key).body)["batches"]
                found.extend((batch["key"], batch["version_id"]) for batch in batches)
        return found

    def _versions(self, pointer: Pointer | None) -> Sequence[VersionFacts]:
        registry = ModelRegistry(self.models, self.pipeline)
        prefix = f"models/{self.pipeline}/"
        present = frozenset(self.models.keys(prefix))
        roles = _roles(pointer)
        finished = {key[len(prefix) :].split("/")[0] for key in present if key.endswith(f"/{MANIFEST}")}
        names = sorted({*finished, *(name for name, _ in roles)})
        found = []
        for place, name in enumerate(names, start=1):
            self.tell(f"model version {place} of {len(names)}")
            digest = next((sha for (version, sha) in roles if version == name), None)
            found.append(self._version(registry, name, digest, roles.get((name, digest or ""), ()), present))
        return found

    def _version(
        self, registry: ModelRegistry, name: str, digest: str | None, roles: tuple[str, ...], present: frozenset[str]
    ) -> VersionFacts:
        try:
            model = registry.read(name, manifest_sha256=digest)
            files = {each: str(of["sha256"]) for each, of in model.manifest["files"].items()}
        except NotFoundError as error:
            key = registry.key(name, MANIFEST)
            kept = self._kept("models", key, digest) if digest else ""
            damage = Damage("models", key, MANIFEST, "gone", digest or "", kept)
            return VersionFacts(name, roles, "" if kept else str(error), (damage,) if kept else ())
        except (ContenderError, ValueError, TypeError, LookupError, AttributeError) as error:
            return VersionFacts(name, roles, str(error) if isinstance(error, ContenderError) else _unreadable(error))
        keys = {each: (registry.key(name, each), sha) for each, sha in files.items()}
        damages = self._damages("models", self.models, keys, present, read=self.deep or bool(roles))
        unsigned = ""
        if self.check_signature is not None and (roles or self.deep):
            try:
                self.check_signature(registry, model)
            except IntegrityError as error:
                unsigned = str(error)
        created = str(model.manifest.get("created_at", ""))
        return VersionFacts(name, roles, "", damages, unsigned, GOLDEN in files, created)

    def _datasets(self) -> Sequence[DatasetFacts]:
        store = DatasetStore(self.data, self.pipeline)
        prefix = f"datasets/{self.pipeline}/"
        present = frozenset(self.data.keys(prefix))
        names = sorted({key[len(prefix) :].split("/")[0] for key in present if key.count("/") == 3})
        found = []
        for place, name in enumerate(names, start=1):
            self.tell(f"dataset version {place} of {len(names)}")
            if store.key(name, MANIFEST) not in present:
                found.append(self._without_manifest(store, name))
                continue
            try:
                manifest = store.manifest(name)
            except (ContenderError, ValueError, TypeError, LookupError, AttributeError) as error:
                found.append(DatasetFacts(name, _unreadable(error)))
                continue
            keys = {manifest.part: (store.key(name, manifest.part), manifest.part_sha256)}
            if manifest.identities is not None and manifest.identities_sha256 is not None:
                keys[manifest.identities] = (store.key(name, manifest.identities), manifest.identities_sha256)
            damages = self._damages("data", self.data, keys, present, read=self.deep)
            found.append(DatasetFacts(name, "", damages, manifest.sequence))
        return found

    def _without_manifest(self, store: DatasetStore, name: str) -> DatasetFacts:
        """A version that was never finished, or has lost its manifest, which S3 may have kept."""
        key = store.key(name, MANIFEST)
        kept = next(iter(self.kept_versions("data", key)), "")
        if not kept:
            return DatasetFacts(name)  # its run ended before it counted; its uploads are in the queue again
        body = self.data.get(key, version_id=kept).body
        return DatasetFacts(name, "", (Damage("data", key, MANIFEST, "gone", sha256(body), kept),))

    def _damages(
        self,
        bucket: Bucket,
        objects: Objects,
        keys: Mapping[str, tuple[str, str]],
        present: frozenset[str],
        *,
        read: bool,
    ) -> tuple[Damage, ...]:
        """The files that are gone, and where they are read, those with other bytes."""
        found = []
        for name, (key, expected) in keys.items():
            why = "gone" if key not in present else ""
            if not why and read and (digest := _digest(objects, key)) != expected:
                why = f"sha256 {digest}, not {expected} as its manifest says"
            if why:
                found.append(Damage(bucket, key, name, why, expected, self._kept(bucket, key, expected)))
        return tuple(found)

    def _kept(self, bucket: Bucket, key: str, expected: str) -> str:
        """The newest version of an object with these bytes that S3 has kept."""
        objects = self.models if bucket == "models" else self.data
        for version in self.kept_versions(bucket, key):
            try:
                if _digest(objects, key, version) == expected:
                    return version
            except ContenderError:
                continue
        return ""


def _roles(pointer: Pointer | None) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """What versions are to the pointer, by their name and the digest that it has of them."""
    if pointer is None:
        return {}
    found: dict[tuple[str, str], tuple[str, ...]] = {
        (pointer.champion, pointer.manifest_sha256): ("champion",),
    }
    if pointer.previous and pointer.previous_manifest_sha256:
        found.setdefault((pointer.previous, pointer.previous_manifest_sha256), ("previous",))
    if pointer.challenger is not None:
        found.setdefault((pointer.challenger.version, pointer.challenger.manifest_sha256), ("challenger",))
    if pointer.control is not None:
        found.setdefault((pointer.control.version, pointer.control.manifest_sha256), ("control",))
    return found


def _is_there(batch: Batch, present: Set[Key]) -> bool:
    """Whether a queued upload's object is listed; without a version id any version of it will do."""
    if batch.version_id:
        return (batch.key, batch.version_id) in present
    return any(key == batch.key for key, _ in present)


def _is_taken(batch: Batch, taken: Set[Key]) -> bool:
    """Whether a run took an upload. Some events name no version: then the key has to do."""
    return (batch.key, batch.version_id) in taken or (batch.key, None) in taken


def _digest(objects: Objects, key: str, version_id: str | None = None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "object")
        objects.get_file(key, path, version_id=version_id)
        return sha256_of(path)


def _unreadable(error: Exception) -> str:
    return f"its manifest cannot be read ({type(error).__name__}: {error})"
