"""Restores a backup: everything is verified first, nothing is overwritten, and the champion pointer moves last."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from contender.backup.index import INDEX, BackupReader, Index, Kept, PipelineBackup, blob_key
from contender.backup.make import MOST_RUNS, Source
from contender.errors import DamagedPointerError, IntegrityError, NotFoundError
from contender.ports import Objects
from contender.registry.history import CHAIN, Entry, VerifySignature
from contender.registry.pointer import Pointer, parse_pointer, pointer_key
from contender.registry.swaps import swap
from contender.registry.versions import MANIFEST, SIGNATURE
from contender.rollout.swap_history import history_entry
from contender.storage import sha256_of, write_file_once

FIRST_CHAMPION = "/first_champion.json"
"""Says since when there are champions; nothing depends on which was the first."""
PointerFate = Literal["restored", "the same", "kept", "overwritten", "none"]


@dataclass(frozen=True)
class Restored:
    """What a restore did to a pipeline.

    Attributes
    ----------
    written : objects that were not there before; `same` were there with the same bytes.
    kept : keys of the data bucket that hold something newer, which stays.
    unsigned : versions that another key signed, as that of another region; they come without their signatures.
    pointer : what became of the champion pointer, and why.
    """

    pipeline: str
    written: int
    same: int
    kept: tuple[str, ...]
    runs: int
    promotions: int
    pointer: PointerFate
    why: str = ""
    unsigned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restorer:
    """Reads a backup from `backup`.

    Attributes
    ----------
    verify_signature : of the history, by the key of the environment that is restored; None where it has none.
    verify_version : of a version's manifest, likewise.
    """

    backup: BackupReader
    tell: Callable[[str], None]
    verify_signature: VerifySignature | None = None
    verify_version: VerifySignature | None = None

    def index(self) -> Index:
        """The backup's index. Raises NotFoundError for an unfinished backup, IntegrityError for a changed one."""
        try:
            return Index.from_json(self.backup.get(INDEX).body)
        except NotFoundError:
            raise NotFoundError(
                f"there is no finished backup here: {INDEX} is missing; let contender backup go on with it"
            ) from None

    def verify(self, index: Index) -> None:
        """Read every blob.

        Raises
        ------
        IntegrityError
            When blobs are missing or have other bytes; the message names the objects that they belong to.
        """
        owners: dict[str, list[str]] = {}
        for one in index.pipelines:
            for each in one.objects:
                owners.setdefault(each.sha256, []).append(each.key)
            owners.setdefault(one.runs, []).append(f"the run records of {one.pipeline}")
            owners.setdefault(one.promotions, []).append(f"the history of {one.pipeline}")
        wrong = []
        for place, digest in enumerate(index.blobs, start=1):
            self.tell(f"verifying {place:,} of {len(index.blobs):,}")
            try:
                with self._blob(digest):
                    pass
            except (NotFoundError, IntegrityError) as error:
                wrong.append(f"{owners[digest][0]}: {error}")
        if wrong:
            more = f" and {len(wrong) - 1:,} more" if wrong[1:] else ""
            raise IntegrityError(f"the backup is damaged, nothing was restored: {wrong[0]}{more}")

    def restore(
        self, one: PipelineBackup, target: Source, *, now: str, by: str, overwrite_pointer: bool = False
    ) -> Restored:
        """Restore a pipeline from a backup that was verified. Calling it again goes on where it stopped.

        Raises
        ------
        IntegrityError
            When the model bucket holds another version under a name of the backup's; the pointer stays.
        LostRaceError
            When somebody else moves the pointer meanwhile.
        """
        pointer = next((each for each in one.objects if each.key == pointer_key(one.pipeline)), None)
        written, same, kept = 0, 0, []
        foreign = self._signed_elsewhere(one)
        others = [each for each in one.objects if each is not pointer and each not in foreign]
        for place, each in enumerate(others, start=1):
            self.tell(f"{one.pipeline}: object {place:,} of {len(others):,}")
            match self._object(each, target.bucket(each.bucket)):
                case "written":
                    written += 1
                case "same":
                    same += 1
                case _:
                    kept.append(each.key)
        self.tell(f"{one.pipeline}: the runs table")
        target.ledger.raise_fencing_token(one.pipeline, one.fencing_token)
        runs = self._runs(one, target)
        promotions = self._promotions(one, target)
        fate, why = self._pointer(pointer, target, now=now, by=by, overwrite=overwrite_pointer)
        unsigned = tuple(each.key.split("/")[2] for each in foreign)
        return Restored(one.pipeline, written, same, tuple(kept), runs, promotions, fate, why, unsigned)

    def _signed_elsewhere(self, one: PipelineBackup) -> Sequence[Kept]:
        """The signatures that this environment's key did not make: they would be in the way of its own."""
        if self.verify_version is None:
            return ()
        manifests = {each.key: each.sha256 for each in one.objects if each.key.endswith(f"/{MANIFEST}")}
        found = []
        for each in one.objects:
            digest = manifests.get(each.key.replace(SIGNATURE, MANIFEST)) if each.key.endswith(SIGNATURE) else None
            if digest is not None:
                with self._blob(each.sha256) as path:
                    if not self.verify_version(bytes.fromhex(digest), path.read_bytes()):
                        found.append(each)
        return found

    @contextmanager
    def _blob(self, digest: str) -> Iterator[Path]:
        """A blob as a file, verified."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "object")
            self.backup.get_file(blob_key(digest), path)
            if (found := sha256_of(path)) != digest:
                raise IntegrityError(f"{blob_key(digest)} has sha256 {found}")
            yield path

    def _object(self, each: Kept, objects: Objects) -> Literal["written", "same", "kept"]:
        found = _digest(objects, each.key)
        if found == each.sha256:
            return "same"
        if found is not None and (each.bucket == "data" or each.key.endswith(FIRST_CHAMPION)):
            return "kept"  # a decision or a deletion since, or a run's report: what is there counts
        with self._blob(each.sha256) as path:
            write_file_once(objects, each.key, path)
        return "written"

    def _runs(self, one: PipelineBackup, target: Source) -> int:
        known = {record["run_id"] for record in target.ledger.runs(one.pipeline, limit=MOST_RUNS)}
        lost = [record for record in self._rows(one.runs) if record["run_id"] not in known]
        for record in lost:
            target.ledger.put_run(record)
        return len(lost)

    def _promotions(self, one: PipelineBackup, target: Source) -> int:
        """Add the entries that are lost. A history that went another way since stays as it is."""
        kept = self._rows(one.promotions)  # newest first
        known = {entry["swap_id"] for entry in target.ledger.promotions(one.pipeline)}
        if known and kept and kept[0]["swap_id"] not in known and not known <= {each["swap_id"] for each in kept}:
            return 0
        lost = [self._as_here(entry) for entry in reversed(kept) if entry["swap_id"] not in known]
        target.ledger.restore_promotions(one.pipeline, lost)
        return len(lost)

    def _as_here(self, entry: Entry) -> Entry:
        """An entry that this environment's key did not sign counts as one from before the chain: the next one seals it.

        Its former chain stays in it. What it says was verified with the backup.
        """
        signature = entry.get(CHAIN, {}).get("signature")
        if self.verify_signature is None or not signature:
            return entry
        if self.verify_signature(bytes.fromhex(entry[CHAIN]["digest"]), base64.b64decode(signature)):
            return entry
        return {name: value for name, value in entry.items() if name != CHAIN} | {"former_chain": entry[CHAIN]}

    def _rows(self, digest: str) -> Sequence[Mapping[str, Any]]:
        with self._blob(digest) as path:
            rows: list[Mapping[str, Any]] = json.loads(path.read_bytes())
        return rows

    def _pointer(
        self, each: Kept | None, target: Source, *, now: str, by: str, overwrite: bool
    ) -> tuple[PointerFate, str]:
        """Move the pointer to where the backup has it, unless a newer one is there."""
        if each is None:
            return "none", "the backup has no champion"
        with self._blob(each.sha256) as path:
            body = path.read_bytes()
        wanted = parse_pointer(body, target.pipeline)
        try:
            stored = target.models.get(each.key)
        except NotFoundError:
            target.models.put(each.key, body, if_none_match=True)
            return "restored", f"{wanted.champion} is champion"
        if stored.body == body:
            return "the same", f"{wanted.champion} is champion"
        try:
            found = parse_pointer(stored.body, target.pipeline)
        except DamagedPointerError:
            target.models.put(each.key, body, if_match=stored.etag)
            return "restored", f"{wanted.champion} is champion; the pointer was damaged"
        if wanted.has_seen(found.swap_id) and not found.has_seen(wanted.swap_id):
            swap(target.models, wanted, based_on=stored.etag)
            return "restored", f"{wanted.champion} is champion; the pointer was older"
        if not overwrite:
            return "kept", (
                f"{found.champion} stays champion: the pointer was moved after the backup, which has "
                f"{wanted.champion}; to go back to that: --overwrite-pointer"
            )
        return "overwritten", self._go_back(wanted, found, stored.etag, target, now=now, by=by)

    def _go_back(self, wanted: Pointer, found: Pointer, etag: str, target: Source, *, now: str, by: str) -> str:
        reason = f"restored from a backup, in place of {found.champion}. Before: {wanted.reason}"
        pointer = replace(
            wanted,
            fencing_token=max(wanted.fencing_token, found.fencing_token),
            swap_id=f"restore:{now}",
            swapped_at=now,
            reason=reason,
            challenger=None,
            past=found.swaps[-len(found.past) or None :],
            rolled_back=tuple(name for name in found.rolled_back if name != wanted.champion),
        )
        swap(target.models, pointer, based_on=etag)
        entry = history_entry(pointer, kind="restored", now=now, reason=reason, run_id=pointer.run_id, by=by)
        target.ledger.append_promotion(target.pipeline, entry)
        return f"{wanted.champion} is champion again, in place of {found.champion}"


def _digest(objects: Objects, key: str) -> str | None:
    """The digest of an object; None where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "object")
        try:
            objects.get_file(key, path)
        except NotFoundError:
            return None
        return sha256_of(path)
